/** Roles, and who has which on which project. Source: keystone 22 (Zed), api/roles.py, api/projects.py. */
import type { Call, Reply } from './http.ts';
import { notFound, requireAdmin } from './keystone-errors.ts';
import type { SimProject, SimUser } from './model.ts';
import { hexId } from './seed.ts';
import type { SimWorld } from './world.ts';

/** Those of a bootstrap, and `manager`, which operators of Zed make by hand. */
const ROLES = ['admin', 'manager', 'member', 'reader', 'service'] as const;
/** Keystone's implied roles: whoever has the first has the others. */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  admin: ['member', 'reader'],
  manager: ['member', 'reader'],
  member: ['reader'],
};
const ROLE_IDS: ReadonlyMap<string, string> = new Map(ROLES.map((name) => [name, hexId(`role/${name}`)]));

/** What the user may do on the project now, implied roles included; empty: nothing. */
export function rolesOn(world: SimWorld, projectId: string | null, userId: string): readonly string[] {
  const direct = world.assignments.get(`${projectId}/${userId}`)?.roles ?? [];
  return [...new Set(direct.flatMap((role) => [role, ...(IMPLIED[role] ?? [])]))];
}

export function projectsOf(world: SimWorld, userId: string): readonly SimProject[] {
  return [...world.assignments.values()].flatMap((assignment) => {
    const project = world.projects.get(assignment.projectId);
    return assignment.userId === userId && assignment.roles.length > 0 && project !== undefined
      ? [project]
      : [];
  });
}

/** `/roles` */
export function handleRoles(call: Call): Reply {
  requireAdmin(call, 'identity:list_roles');
  const name = call.query.get('name');
  const roles = ROLES.filter((role) => name === null || role === name).map(showRole);
  return { status: 200, json: { roles, links: {} } };
}

/** `/projects/{project}/users/{user}/roles/{role}` */
export function handleGrants(
  call: Call,
  project: SimProject,
  user: SimUser,
  roleId: string | undefined,
): Reply {
  const { world, method } = call;
  requireAdmin(call, method === 'DELETE' ? 'identity:revoke_grant' : 'identity:create_grant');
  const key = `${project.id}/${user.id}`;
  const assignment = world.assignments.get(key) ?? { projectId: project.id, userId: user.id, roles: [] };
  if (roleId === undefined) {
    return { status: 200, json: { roles: assignment.roles.map(showRole), links: {} } };
  }
  const role = ROLES.find((name) => ROLE_IDS.get(name) === roleId);
  if (role === undefined) throw notFound(`role: ${roleId}`);
  const held = assignment.roles.includes(role);
  if (method === 'PUT' && !held) assignment.roles.push(role);
  if (method !== 'PUT' && !held) throw notFound(`role assignment with role: ${roleId}`);
  if (method === 'DELETE') assignment.roles.splice(assignment.roles.indexOf(role), 1);
  world.assignments.set(key, assignment);
  if (method === 'PUT' || method === 'DELETE') world.revision += 1;
  return { status: 204 };
}

/** `/role_assignments`: direct ones on projects, which are all there are here. */
export function handleAssignments(call: Call): Reply {
  requireAdmin(call, 'identity:list_role_assignments');
  const { world, query } = call;
  const [userId, projectId] = [query.get('user.id'), query.get('scope.project.id')];
  const found = [...world.assignments.values()].filter(
    (item) =>
      (userId === null || item.userId === userId) && (projectId === null || item.projectId === projectId),
  );
  const isNamed = query.has('include_names');
  const show = (projectOf: string, userOf: string, role: string): unknown => ({
    role: { id: ROLE_IDS.get(role), ...(isNamed && { name: role }) },
    user: { id: userOf, ...(isNamed && { name: world.users.get(userOf)?.name }) },
    scope: { project: { id: projectOf, ...(isNamed && { name: world.projects.get(projectOf)?.name }) } },
  });
  const assignments = found.flatMap((item) =>
    item.roles.map((role) => show(item.projectId, item.userId, role)),
  );
  return { status: 200, json: { role_assignments: assignments, links: {} } };
}

function showRole(name: string): unknown {
  return { id: ROLE_IDS.get(name) ?? '', name, domain_id: null };
}

export function showRoleShort(name: string): unknown {
  return { id: ROLE_IDS.get(name) ?? '', name };
}
