/** Which projects of a cloud Berth may work in. The cloud decides what is possible; admins decide here. */
import type { CloudProjectJson } from '../../api/clouds.ts';
import { routes } from '../../api/routes.ts';
import { asId } from '../../base/ids.ts';
import { isAdminOf } from '../../domain/authorize.ts';
import { refuse, type RefusalCode } from '../../domain/decision.ts';
import type { Cloud, Granted, GrantedProject, GrantRefusal } from '../../engine/clouds.ts';
import { ProviderError } from '../../engine/ports.ts';
import type { Session } from '../../engine/views.ts';
import { noteProject } from '../callers.ts';
import type { Register } from '../dispatch.ts';
import type { ServerOptions } from '../options.ts';
import { Problem, refused } from '../problem.ts';

/** How long clients wait before they try a silent cloud again, seconds. */
const RETRY_AFTER_SECONDS = '5';

export function cloudRoutes(register: Register, options: ServerOptions): void {
  register('listCloudProjects', routes.listCloudProjects, async ({ session, params }) => {
    const cloud = cloudOf(options, session, params.id);
    const projects = await answered(cloud, cloud.grantedProjects());
    return { projects: projects.map(cloudProjectToJson) };
  });

  register('grantProject', routes.grantProject, async ({ session, params, body }) => {
    const cloud = cloudOf(options, session, params.id);
    if (cloud.whyNoGrants !== null) throw refusedGrant(cloud.whyNoGrants);
    const project = allowed(await answered(cloud, cloud.findProject(body.project, body.domain ?? null)));
    const granted = allowed(await answered(cloud, cloud.grant(project)));
    await noteProject(options.engine, project.id, project.name);
    return { project: cloudProjectToJson(granted) };
  });

  register('revokeProject', routes.revokeProject, async ({ session, params, query }) => {
    const cloud = cloudOf(options, session, params.id);
    const project = allowed(await answered(cloud, cloud.findProject(params.project, query.domain ?? null)));
    if (query.force === 'false') refuseWhileLeasesLive(session, cloud, project);
    return { project: cloudProjectToJson(allowed(await answered(cloud, cloud.revoke(project)))) };
  });
}

/** Only its admins hear of a cloud. The engine does not know them, so the role is asked for here. */
function cloudOf({ clouds }: ServerOptions, session: Session, id: string): Cloud {
  if (!isAdminOf(session.actor, asId<'provider'>(id))) {
    const fix = 'Use a token with that role, or ask an administrator.';
    throw refused(refuse('forbidden', 'This needs the role admin of the cloud.', fix).refusal);
  }
  const cloud = clouds.find((each) => each.id === id);
  if (cloud !== undefined) return cloud;
  const known = clouds.length === 0 ? 'it has none' : `it has ${clouds.map((each) => each.id).join(', ')}`;
  const text = `Berth has no cloud '${id}' that knows projects; ${known}.`;
  throw refused(refuse('not_found', text, 'See the providers in `berth status`.').refusal);
}

/** Without its role there Berth could not end them any more. */
function refuseWhileLeasesLive(session: Session, cloud: Cloud, project: GrantedProject): void {
  const leases = session.leases(project.id);
  const count = leases.filter(({ lease }) => lease.request.demand.providerId === cloud.id).length;
  if (count === 0) return;
  throw refused(
    refuse(
      'invalid_state',
      `${count === 1 ? '1 lease' : `${count} leases`} of project ${project.name} live in cloud ${cloud.id}.`,
      'Return them first; with --force (`force=true`) Berth may be unable to end them.',
      null,
      { leases: count },
    ).refusal,
  );
}

function allowed(granted: Granted): GrantedProject {
  if (granted.ok) return granted.value;
  throw refusedGrant(granted.refusal);
}

function refusedGrant({ code, why, fix }: GrantRefusal): Problem {
  if (code === 'not_allowed') return new Problem('cloud_forbids', { detail: why, fix });
  return refused(refuse(REFUSALS[code], why, fix, code === 'not_useful' ? null : 'project').refusal);
}

const REFUSALS: Readonly<Record<Exclude<GrantRefusal['code'], 'not_allowed'>, RefusalCode>> = {
  not_found: 'not_found',
  ambiguous: 'invalid',
  not_useful: 'invalid_state',
};

async function answered<T>(cloud: Cloud, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    throw new Problem(
      'cloud_unavailable',
      { detail: `cloud ${cloud.id}: ${error.message}`, headers: { 'retry-after': RETRY_AFTER_SECONDS } },
      { cause: error },
    );
  }
}

function cloudProjectToJson({ id, name, domainId, roles }: GrantedProject): CloudProjectJson {
  return { id, name, domain_id: domainId, roles: roles === null ? null : [...roles] };
}
