/**
 * The projects that Berth's account may work in: `berth project add|list|remove`. It gives that account the
 * one role that it needs there, and takes only that one away.
 */
import { asId } from '../base/ids.ts';
import type { CloudPlacement, Ownership } from '../engine/cloud-account.ts';
import type { Granted, GrantedProject, GrantRefusal } from '../engine/clouds.ts';
import { ProviderError } from '../engine/ports.ts';
import {
  findDomainId,
  findProject,
  ownProjects,
  projectsNamed,
  type KeystoneProject,
} from './keystone/projects.ts';
import { assignRole, findRoleId, rolesByProject, unassignRole } from './keystone/roles.ts';
import type { OpenStackSession } from './session.ts';

export interface GrantOptions {
  /** Berth's own. */
  readonly session: OpenStackSession;
  /** An application credential is bound to its project: roles elsewhere do not help it. */
  readonly isBoundToProject: boolean;
  readonly ownership: Ownership;
  readonly placement: CloudPlacement;
}

/** All reject with ProviderError where Keystone does not answer. */
export interface Grants {
  /** Why a role on another project would change nothing; null: it is useful. */
  readonly whyNone: GrantRefusal | null;
  list(): Promise<readonly GrantedProject[]>;
  find(project: string, domain: string | null): Promise<Granted>;
  add(project: GrantedProject): Promise<Granted>;
  remove(project: GrantedProject): Promise<Granted>;
}

export function createGrants(options: GrantOptions): Grants {
  // Nova's default policy lets only an admin choose the host (nova 26.2.2, policies/servers.py).
  const role = options.placement === 'pinned' ? 'admin' : 'member';
  const { session } = options;
  const whyNone = uselessness(options);
  return {
    whyNone,
    list: () => listGrants(session),
    find: (project, domain) => resolveProject(session, project, domain, role),
    async add(project) {
      return whyNone === null ? changeGrant(session, project, role, assignRole) : refusal(whyNone);
    },
    async remove(project) {
      const { projectId } = await session.identity();
      if (project.id !== projectId) return changeGrant(session, project, role, unassignRole);
      return refusal({
        code: 'not_useful',
        why: `Berth logs in for project ${project.name} itself; without its role there it could do nothing`,
        fix: 'Name another project of `berth project list`.',
      });
    },
  };
}

async function listGrants(session: OpenStackSession): Promise<readonly GrantedProject[]> {
  const { userId } = await session.identity();
  const [projects, roles] = await Promise.all([
    ownProjects(session),
    unlessForbidden(rolesByProject(session, userId)),
  ]);
  return projects.map((project) => granted(project, roles === null ? null : (roles.get(project.id) ?? [])));
}

async function resolveProject(
  session: OpenStackSession,
  idOrName: string,
  domain: string | null,
  role: string,
): Promise<Granted> {
  try {
    const byId = domain === null ? await findProject(session, idOrName) : null;
    if (byId !== null) return { ok: true, value: granted(byId, null) };
    const domainId = domain === null ? null : await findDomainId(session, domain);
    if (domain !== null && domainId === null) return notFound(`the cloud has no domain '${domain}'`);
    const named = await projectsNamed(session, idOrName, domainId);
    const [only] = named;
    if (only === undefined) return notFound(`the cloud has no project '${idOrName}'`);
    if (named.length === 1) return { ok: true, value: granted(only, null) };
    return refusal({
      code: 'ambiguous',
      why: `${named.length} projects are named '${idOrName}'`,
      fix: `Give the id: ${named.map(({ id, domainId: owner }) => `${id} (domain ${owner})`).join(', ')}.`,
    });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return notAllowed(session, idOrName, role, 'add');
  }
}

async function changeGrant(
  session: OpenStackSession,
  project: GrantedProject,
  role: string,
  change: typeof assignRole | typeof unassignRole,
): Promise<Granted> {
  const act = change === assignRole ? 'add' : 'remove';
  try {
    const { userId } = await session.identity();
    const roleId = await findRoleId(session, role);
    if (roleId === null) return notFound(`the cloud has no role '${role}'`);
    await change(session, { projectId: project.id, userId, roleId });
    const roles = await unlessForbidden(rolesByProject(session, userId));
    return { ok: true, value: { ...project, roles: roles === null ? null : (roles.get(project.id) ?? []) } };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return notAllowed(session, project.id, role, act);
  }
}

function uselessness({ isBoundToProject, ownership }: GrantOptions): GrantRefusal | null {
  if (ownership === 'service') {
    return {
      code: 'not_useful',
      why: "this cloud's servers are all made in Berth's own project (`ownership: service`)",
      fix: 'Nothing is to be granted: every caller may borrow already. Else set `ownership: project`.',
    };
  }
  if (!isBoundToProject) return null;
  return {
    code: 'not_useful',
    why: 'Berth logs in with an application credential, which is bound to one project',
    fix: 'Give Berth a user with a password in clouds.yaml, or set `ownership: service` for this cloud.',
  };
}

async function notAllowed(
  session: OpenStackSession,
  project: string,
  role: string,
  act: 'add' | 'remove',
): Promise<Granted> {
  const { userId, userName } = await session.identity();
  return refusal({
    code: 'not_allowed',
    why: `Berth's account ${userName} may not change roles in this cloud`,
    fix:
      'Let an administrator of the cloud run: ' +
      `openstack role ${act} --project ${project} --user ${userId} ${role}`,
  });
}

function notFound(why: string): Granted {
  return refusal({ code: 'not_found', why, fix: 'Check with `openstack project list`.' });
}

function refusal(why: GrantRefusal): Granted {
  return { ok: false, refusal: why };
}

function granted(project: KeystoneProject, roles: readonly string[] | null): GrantedProject {
  return { id: asId<'project'>(project.id), name: project.name, domainId: project.domainId, roles };
}

function isForbidden(error: unknown): boolean {
  return error instanceof ProviderError && error.code === 'forbidden';
}

async function unlessForbidden<T>(reply: Promise<T>): Promise<T | null> {
  try {
    return await reply;
  } catch (error) {
    if (isForbidden(error)) return null;
    throw error;
  }
}
