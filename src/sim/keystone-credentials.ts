/** Application credentials. Source: keystone 22 (Zed), api/users.py. */
import { isoMicros, isRecord, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import { forbidden, keystoneError, notFound } from './keystone-errors.ts';
import { showRoleShort } from './keystone-roles.ts';
import type { SimApplicationCredential, SimUser } from './model.ts';

export function handleApplicationCredentials(
  call: Call,
  user: SimUser,
  credentialId: string | undefined,
): Reply {
  const { world, method } = call;
  if (method === 'POST') return create(call, user);
  if (credentialId === undefined) {
    const own = [...world.applicationCredentials.values()].filter((item) => item.userId === user.id);
    return { status: 200, json: { application_credentials: own.map(showCredential), links: {} } };
  }
  const credential = world.applicationCredentials.get(credentialId);
  if (credential?.userId !== user.id) throw notFound(`application credential: ${credentialId}`);
  if (method !== 'DELETE')
    return { status: 200, json: { application_credential: showCredential(credential) } };
  world.applicationCredentials.delete(credentialId);
  world.revision += 1;
  return { status: 204 };
}

function create(call: Call, user: SimUser): Reply {
  const { world, prng, token } = call;
  const given = recordAt(call.body, 'application_credential');
  const name = stringAt(given, 'name');
  if (name === null || token.projectId === null) {
    throw keystoneError(400, 'Bad Request', "'name' is a required property");
  }
  // A restricted one could otherwise outlive itself.
  if (token.applicationCredentialId !== null) throw forbidden('identity:create_application_credential');
  const rules = given?.['access_rules'];
  const credential: SimApplicationCredential = {
    id: prng.uuid().replaceAll('-', ''),
    name,
    secret: stringAt(given, 'secret') ?? prng.uuid(),
    userId: user.id,
    projectId: token.projectId,
    roles: token.roles,
    expiresAtMs: Date.parse((stringAt(given, 'expires_at') ?? '').replace(/Z?$/, 'Z')) || null,
    ...(Array.isArray(rules) && { accessRules: rules.filter(isRecord) }),
  };
  world.applicationCredentials.set(credential.id, credential);
  world.revision += 1;
  return {
    status: 201,
    json: { application_credential: { ...showCredential(credential), secret: credential.secret } },
  };
}

function showCredential(credential: SimApplicationCredential): Record<string, unknown> {
  const { id, name, projectId, roles, expiresAtMs, accessRules } = credential;
  return {
    id,
    name,
    project_id: projectId,
    roles: roles.map(showRoleShort),
    expires_at: expiresAtMs === null ? null : isoMicros(expiresAtMs).slice(0, -1),
    unrestricted: false,
    ...(accessRules !== undefined && { access_rules: accessRules }),
  };
}
