/**
 * Keystone v3: tokens from passwords, application credentials, trusts and tokens, and their validation. The
 * rest of it is in `keystone-*.ts`. Source: keystone 22 (Zed), api/auth.py.
 */
import { isRecord, isoMicros, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import { forbidden, keystoneError, notFound, unauthorized } from './keystone-errors.ts';
import { DOMAIN, handleDomains, handleProjects, handleUsers, showProjectsOf } from './keystone-projects.ts';
import { handleAssignments, handleRoles, rolesOn, showRoleShort } from './keystone-roles.ts';
import { handleTrusts } from './keystone-trusts.ts';
import type { SimProject, SimToken, SimUser } from './model.ts';
import { hexId } from './seed.ts';
import type { SimWorld } from './world.ts';

const REGION = 'RegionOne';
/** Nobody listens on the discard port. */
const NOWHERE = 'http://127.0.0.1:9';

export type OpenCall = Omit<Call, 'token' | 'isAdmin'>;

export function versionDocument(origin: string): Reply {
  const version = {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${origin}/identity/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  };
  return { status: 200, json: { version } };
}

/** `POST /v3/auth/tokens`: 201 with the token in `X-Subject-Token`. */
export function issueToken(call: OpenCall): Reply {
  const identity = recordAt(recordAt(call.body, 'auth'), 'identity');
  const methods = identity?.['methods'];
  const method = Array.isArray(methods) ? (methods as readonly unknown[])[0] : undefined;
  if (identity === null || typeof method !== 'string') {
    throw keystoneError(400, 'Bad Request', "'identity' is a required property");
  }
  const scope = isRecord(call.body) ? recordAt(call.body, 'auth')?.['scope'] : undefined;
  if (method === 'application_credential') return fromApplicationCredential(call, identity, scope);
  const user = method === 'token' ? userOfToken(call, identity) : userOfPassword(call, identity);
  const trust = recordAt(scope, 'OS-TRUST:trust');
  if (trust !== null) return fromTrust(call, user, stringAt(trust, 'id') ?? '', method);
  const projectId = scopeProject(call.world, user, scope);
  const roles = rolesOn(call.world, projectId, user.id);
  return granted(call, addToken(call, { ...OWN, userId: user.id, projectId, roles, methods: [method] }));
}

/** Everything else, with the caller's token. */
export function handleKeystone(call: Call): Reply {
  const [first, second] = call.segments;
  if (first === 'auth' && second === 'tokens') return tokens(call);
  if (first === 'auth' && second === 'projects') return showProjectsOf(call, call.token.userId);
  if (first === 'auth' && second === 'catalog')
    return { status: 200, json: { catalog: catalogOf(call), links: {} } };
  if (first === 'projects') return handleProjects(call);
  if (first === 'domains' && call.method === 'GET') return handleDomains(call);
  if (first === 'users') return handleUsers(call);
  if (first === 'roles' && call.method === 'GET') return handleRoles(call);
  if (first === 'role_assignments' && call.method === 'GET') return handleAssignments(call);
  if (first === 'OS-TRUST' && second === 'trusts') return handleTrusts(call);
  throw notFound(call.path);
}

function tokens(call: Call): Reply {
  const { world } = call;
  const subjectId = call.headers['x-subject-token'] ?? '';
  const subject = liveToken(world, subjectId);
  if (subject === null || isHiddenByRules(call, subject)) throw notFound(`token: ${subjectId.slice(0, 8)}`);
  const isOwn = subject.userId === call.token.userId;
  if (!isOwn && !call.isAdmin && !call.token.roles.includes('service')) {
    throw forbidden('identity:validate_token');
  }
  if (call.method === 'DELETE') {
    world.tokens.delete(subject.id);
    world.revision += 1;
    return { status: 204 };
  }
  const reply = showToken(call, subject);
  return call.method === 'HEAD' ? { status: 200, headers: reply.headers ?? {} } : reply;
}

/** Who does not say that it reads access rules is not told of tokens that have some. */
function isHiddenByRules({ world, headers }: Call, { applicationCredentialId }: SimToken): boolean {
  const credential = world.applicationCredentials.get(applicationCredentialId ?? '');
  return credential?.accessRules !== undefined && headers['openstack-identity-access-rules'] === undefined;
}

/**
 * The token with the roles that it has now, if it exists, has not expired, and is still good for something: a
 * Fernet token is looked up anew each time (keystone 22, keystone/models/token_model.py).
 */
export function liveToken(world: SimWorld, id: string | undefined): SimToken | null {
  const token = id === undefined ? undefined : world.tokens.get(id);
  if (token === undefined || token.expiresAtMs <= world.nowMs) return null;
  if (token.projectId === null) return token;
  const roles = rolesNow(world, token);
  return roles.length === 0 ? null : { ...token, roles };
}

function rolesNow(world: SimWorld, token: SimToken): readonly string[] {
  const held = rolesOn(world, token.projectId, token.userId);
  if (token.trustId === null && token.applicationCredentialId === null) return held;
  const isThere =
    world.trusts.has(token.trustId ?? '') ||
    world.applicationCredentials.has(token.applicationCredentialId ?? '');
  // A delegation is void as soon as one of its roles is gone.
  return isThere && token.roles.every((role) => held.includes(role)) ? token.roles : [];
}

/** The token of a user who acts in person. */
const OWN = { applicationCredentialId: null, trustId: null } as const;

function addToken(call: OpenCall, token: Omit<SimToken, 'id' | 'issuedAtMs' | 'expiresAtMs'>): SimToken {
  const { world, prng } = call;
  const made: SimToken = {
    ...token,
    id: `gAAAAA${`${prng.uuid()}${prng.uuid()}`.replaceAll('-', '')}`,
    issuedAtMs: world.nowMs,
    expiresAtMs: world.nowMs + world.timings.tokenLifetimeMs,
  };
  world.addToken(made);
  return made;
}

function granted(call: OpenCall, token: SimToken): Reply {
  return { ...showToken(call, token), status: 201 };
}

function showToken(call: OpenCall, token: SimToken): Reply {
  const { world } = call;
  const user = world.users.get(token.userId);
  const project = token.projectId === null ? undefined : world.projects.get(token.projectId);
  const withCatalog = project !== undefined && !call.query.has('nocatalog');
  const body = {
    methods: token.methods,
    user: { domain: DOMAIN, id: token.userId, name: user?.name ?? '', password_expires_at: null },
    audit_ids: [token.id.slice(6, 28)],
    expires_at: isoMicros(token.expiresAtMs),
    issued_at: isoMicros(token.issuedAtMs),
    ...(project === undefined
      ? {}
      : {
          project: { domain: DOMAIN, id: project.id, name: project.name },
          is_domain: false,
          roles: token.roles.map(showRoleShort),
        }),
    ...(withCatalog ? { catalog: catalogOf(call) } : {}),
    ...showDelegation(world, token),
  };
  return {
    status: 200,
    json: { token: body },
    headers: { 'x-subject-token': token.id, vary: 'X-Auth-Token' },
  };
}

/** Through what a token acts that its user did not get in person. */
function showDelegation(world: SimWorld, token: SimToken): Readonly<Record<string, unknown>> {
  const credential = world.applicationCredentials.get(token.applicationCredentialId ?? '');
  const trust = world.trusts.get(token.trustId ?? '');
  const { id, name, accessRules } = credential ?? {};
  const rules = accessRules === undefined ? {} : { access_rules: accessRules };
  return {
    ...(credential !== undefined && { application_credential: { id, name, restricted: true, ...rules } }),
    ...(trust !== undefined && {
      'OS-TRUST:trust': {
        id: trust.id,
        impersonation: true,
        trustor_user: { id: trust.trustorId },
        trustee_user: { id: trust.trusteeId },
      },
    }),
  };
}

function userOfPassword(call: OpenCall, identity: unknown): SimUser {
  const user = recordAt(recordAt(identity, 'password'), 'user');
  const found = findUser(call.world, user);
  if (found === null || !found.enabled || stringAt(user, 'password') !== found.password) throw unauthorized();
  return found;
}

function userOfToken(call: OpenCall, identity: unknown): SimUser {
  const token = liveToken(call.world, stringAt(recordAt(identity, 'token'), 'id') ?? undefined);
  const user = token === null ? undefined : call.world.users.get(token.userId);
  // Keystone forbids to widen what an application credential or a trust may do.
  const isDelegated = token !== null && (token.applicationCredentialId !== null || token.trustId !== null);
  if (token === null || user === undefined || isDelegated) throw unauthorized();
  return user;
}

/** For the trustee, in the name of the trustor. */
function fromTrust(call: OpenCall, trustee: SimUser, trustId: string, method: string): Reply {
  const { world } = call;
  const trust = world.trusts.get(trustId);
  if (trust === undefined) throw notFound(`trust: ${trustId}`);
  const held = rolesOn(world, trust.projectId, trust.trustorId);
  if (trust.trusteeId !== trustee.id || trust.roles.some((role) => !held.includes(role))) {
    throw keystoneError(403, 'Forbidden', 'User is not a trustee.');
  }
  const { trustorId: userId, projectId, roles } = trust;
  const token = { userId, projectId, roles, methods: [method], applicationCredentialId: null, trustId };
  return granted(call, addToken(call, token));
}

function fromApplicationCredential(call: OpenCall, identity: unknown, scope: unknown): Reply {
  const { world } = call;
  if (scope !== undefined) {
    throw keystoneError(401, 'Unauthorized', 'Application credentials cannot request a scope.');
  }
  const given = recordAt(identity, 'application_credential');
  const id = stringAt(given, 'id');
  const owner = findUser(world, recordAt(given, 'user'));
  const credential =
    id === null
      ? [...world.applicationCredentials.values()].find(
          (item) => item.userId === owner?.id && item.name === stringAt(given, 'name'),
        )
      : world.applicationCredentials.get(id);
  if (credential === undefined || credential.secret !== stringAt(given, 'secret')) throw unauthorized();
  const { userId, projectId, roles, expiresAtMs } = credential;
  if (expiresAtMs !== null && expiresAtMs <= world.nowMs) throw unauthorized();
  const methods = ['application_credential'];
  const token = { userId, projectId, roles, methods, applicationCredentialId: credential.id, trustId: null };
  return granted(call, addToken(call, token));
}

function findUser(world: SimWorld, given: unknown): SimUser | null {
  const id = stringAt(given, 'id');
  if (id !== null) return world.users.get(id) ?? null;
  return world.usersByName.get(stringAt(given, 'name') ?? '') ?? null;
}

/** The project that a token is wanted for: from the scope, else the user's default one; null: unscoped. */
function scopeProject(world: SimWorld, user: SimUser, scope: unknown): string | null {
  if (scope === 'unscoped') return null;
  if (scope === undefined) return user.defaultProjectId;
  const given = recordAt(scope, 'project');
  const project = given === null ? null : findProject(world, given);
  if (project === null || rolesOn(world, project.id, user.id).length === 0) throw unauthorized();
  return project.id;
}

function findProject(world: SimWorld, given: unknown): SimProject | null {
  const id = stringAt(given, 'id');
  if (id !== null) return world.projects.get(id) ?? null;
  const name = stringAt(given, 'name');
  return [...world.projects.values()].find((project) => project.name === name) ?? null;
}

function catalogOf(call: OpenCall): unknown {
  const { topology } = call.world;
  const { missing, unreachable, interfaces } = topology.services;
  const hasAccelerators = topology.device_profiles.length > 0;
  const offered = CATALOG.filter(({ type }) => {
    return !missing.includes(type) && (type !== 'accelerator' || hasAccelerators);
  });
  return offered.map(({ type, name, id, path, endpointIds }) => ({
    type,
    name,
    id,
    endpoints: endpointIds
      .filter(([side]) => interfaces.includes(side))
      .map(([side, endpointId]) => ({
        id: endpointId,
        interface: side,
        region: REGION,
        region_id: REGION,
        url: unreachable.includes(type) ? `${NOWHERE}${path}` : `${call.origin}${path}`,
      })),
  }));
}

/** Without origins; made once, since a catalog goes with every token. */
const CATALOG = (
  [
    ['identity', 'keystone', '/identity/v3'],
    ['compute', 'nova', '/compute/v2.1'],
    ['placement', 'placement', '/placement'],
    ['image', 'glance', '/image'],
    ['network', 'neutron', '/network'],
    ['accelerator', 'cyborg', '/accelerator/v2'],
  ] as const
).map(([type, name, path]) => ({
  type,
  name,
  path,
  id: hexId(`catalog/${type}`),
  endpointIds: ['public', 'internal', 'admin'].map(
    (side) => [side, hexId(`endpoint/${type}/${side}`)] as const,
  ),
}));
