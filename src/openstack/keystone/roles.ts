import { z } from 'zod';
import { listAll } from '../paging.ts';
import { nothing, orNull } from '../reply.ts';
import type { OpenStackSession } from '../session.ts';

/**
 * `GET /v3/roles?name=`, expects 200: the id of a role that belongs to no domain; null: the cloud has none of
 * that name. Needs the admin role. Rejects with ProviderError. Source: keystone 22 (Zed), api/roles.py.
 */
export async function findRoleId(session: OpenStackSession, name: string): Promise<string | null> {
  const [role] = await listAll(session, {
    service: 'identity',
    path: '/roles',
    key: 'roles',
    query: { name },
    item: z.object({ id: z.string() }),
  });
  return role?.id ?? null;
}

/** Who has which role where. */
export interface Assignment {
  readonly projectId: string;
  readonly userId: string;
  readonly roleId: string;
}

/**
 * `PUT /v3/projects/{p}/users/{u}/roles/{r}`, expects 204, also where it is there already. Needs the admin
 * role. Rejects with ProviderError. Source: keystone 22 (Zed), api/projects.py.
 */
export function assignRole(session: OpenStackSession, assignment: Assignment): Promise<undefined> {
  const path = pathOf(assignment);
  return session.send({ service: 'identity', method: 'PUT', path, expect: [204], reply: nothing });
}

/** `DELETE` of the same, expects 204; 404 is as good. */
export async function unassignRole(session: OpenStackSession, assignment: Assignment): Promise<void> {
  const path = pathOf(assignment);
  await orNull(session.send({ service: 'identity', method: 'DELETE', path, expect: [204], reply: nothing }));
}

const assignmentsSchema = z.object({
  role_assignments: z.array(
    z.object({
      role: z.object({ id: z.string(), name: z.string().optional() }),
      scope: z.object({ project: z.object({ id: z.string() }).optional() }),
    }),
  ),
});

/**
 * `GET /v3/role_assignments?user.id=`, expects 200: names of the roles that a user has by direct grants, by
 * project id. Needs the admin role. Rejects with ProviderError. Source: keystone 22 (Zed),
 * api/role_assignments.py.
 */
export async function rolesByProject(
  session: OpenStackSession,
  userId: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const reply = await session.send({
    service: 'identity',
    method: 'GET',
    path: '/role_assignments',
    query: { 'user.id': userId, include_names: 'true' },
    expect: [200],
    reply: assignmentsSchema,
  });
  const roles = new Map<string, string[]>();
  for (const { role, scope } of reply.role_assignments) {
    if (scope.project === undefined) continue;
    const names = roles.get(scope.project.id) ?? [];
    names.push(role.name ?? role.id);
    roles.set(scope.project.id, names);
  }
  return roles;
}

function pathOf({ projectId, userId, roleId }: Assignment): string {
  const [project, user, role] = [projectId, userId, roleId].map(encodeURIComponent);
  return `/projects/${project}/users/${user}/roles/${role}`;
}
