/** Projects, domains, and users. Source: keystone 22 (Zed), api/projects.py, api/users.py. */
import type { Call, Reply } from './http.ts';
import { handleApplicationCredentials } from './keystone-credentials.ts';
import { forbidden, notFound, requireAdmin } from './keystone-errors.ts';
import { handleGrants, projectsOf } from './keystone-roles.ts';
import type { SimProject, SimUser } from './model.ts';

export const DOMAIN = { id: 'default', name: 'Default' } as const;

export function handleProjects(call: Call): Reply {
  const { world, query } = call;
  const [, projectId, kind, userId, , roleId] = call.segments;
  if (projectId === undefined) {
    requireAdmin(call, 'identity:list_projects');
    const [name, domainId] = [query.get('name'), query.get('domain_id')];
    const found = [...world.projects.values()].filter(
      (project) => (name === null || project.name === name) && (domainId ?? DOMAIN.id) === DOMAIN.id,
    );
    return { status: 200, json: { projects: found.map(showProject), links: {} } };
  }
  const project = world.projects.get(projectId);
  // Who may not read a project is told so even where there is none.
  if (kind === undefined && !call.isAdmin && call.token.projectId !== projectId)
    throw forbidden('identity:get_project');
  if (project === undefined) throw notFound(`project: ${projectId}`);
  if (kind === undefined) return { status: 200, json: { project: showProject(project) } };
  requireAdmin(call, 'identity:create_grant');
  const user = world.users.get(userId ?? '');
  if (kind !== 'users' || user === undefined) throw notFound(`user: ${userId}`);
  return handleGrants(call, project, user, roleId);
}

export function handleDomains(call: Call): Reply {
  requireAdmin(call, 'identity:list_domains');
  const name = call.query.get('name');
  const domains = name === null || name === DOMAIN.name ? [{ ...DOMAIN, enabled: true }] : [];
  return { status: 200, json: { domains, links: {} } };
}

export function handleUsers(call: Call): Reply {
  const { world } = call;
  const [, userId, kind, credentialId] = call.segments;
  if (userId === undefined) {
    requireAdmin(call, 'identity:list_users');
    const name = call.query.get('name');
    const found = [...world.users.values()].filter((user) => name === null || user.name === name);
    return { status: 200, json: { users: found.map(showUser), links: {} } };
  }
  const user = world.users.get(userId);
  if (!call.isAdmin && userId !== call.token.userId) throw forbidden('identity:get_user');
  if (user === undefined) throw notFound(`user: ${userId}`);
  if (kind === undefined) return { status: 200, json: { user: showUser(user) } };
  if (kind === 'projects') return showProjectsOf(call, userId);
  if (kind === 'application_credentials') return handleApplicationCredentials(call, user, credentialId);
  throw notFound(call.path);
}

/** Those on which the user has a role. */
export function showProjectsOf({ world }: Call, userId: string): Reply {
  return { status: 200, json: { projects: projectsOf(world, userId).map(showProject), links: {} } };
}

function showProject({ id, name }: SimProject): unknown {
  return { id, name, domain_id: DOMAIN.id, enabled: true, is_domain: false, description: '' };
}

function showUser(user: SimUser): unknown {
  const { id, name, defaultProjectId } = user;
  return { id, name, domain_id: DOMAIN.id, enabled: true, default_project_id: defaultProjectId };
}
