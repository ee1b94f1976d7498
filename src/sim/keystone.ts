/**
 * Keystone v3: tokens from passwords, application credentials and tokens; their validation; projects, users,
 * and role assignments as far as an operator grants them with. Source: keystone 22 (Zed), api/auth.py,
 * api/projects.py.
 */
import { isRecord, isoMicros, recordAt, Refused, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimApplicationCredential, SimProject, SimToken, SimUser } from './model.ts';
import { hexId } from './seed.ts';
import type { SimWorld } from './world.ts';

const REGION = 'RegionOne';
const DOMAIN = { id: 'default', name: 'Default' };
const ROLES = ['admin', 'member', 'reader', 'service'] as const;
/** Keystone's implied roles: whoever has the first has the others. */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  admin: ['member', 'reader'],
  member: ['reader'],
};

export type OpenCall = Omit<Call, 'token' | 'isAdmin'>;

/** Keystone's error body. */
export function keystoneError(status: number, title: string, message: string): Refused {
  return new Refused({ status, json: { error: { code: status, message, title } } });
}

export function unauthorized(): Refused {
  return keystoneError(401, 'Unauthorized', 'The request you have made requires authentication.');
}

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
  const projectId = scopeProject(call.world, user, scope);
  return granted(call, addToken(call, user, projectId, rolesOn(call.world, projectId, user), [method], null));
}

/** Everything else, with the caller's token. */
export function handleKeystone(call: Call): Reply {
  const [first, second] = call.segments;
  if (first === 'auth' && second === 'tokens') return tokens(call);
  if (first === 'auth' && second === 'projects') {
    return {
      status: 200,
      json: { projects: projectsOf(call.world, call.token.userId).map(showProject), links: {} },
    };
  }
  if (first === 'auth' && second === 'catalog')
    return { status: 200, json: { catalog: catalogOf(call), links: {} } };
  if (first === 'projects') return projects(call);
  if (first === 'users') return users(call);
  if (first === 'roles' && call.method === 'GET') {
    requireAdmin(call, 'identity:list_roles');
    const name = call.query.get('name');
    const roles = ROLES.filter((role) => name === null || role === name).map(showRole);
    return { status: 200, json: { roles, links: {} } };
  }
  throw notFound(call.path);
}

// ---------------------------------------------------------------------------------------------------- tokens

function tokens(call: Call): Reply {
  const subjectId = call.headers['x-subject-token'] ?? '';
  const subject = liveToken(call.world, subjectId);
  const isOwn = subjectId === call.token.id;
  if (!isOwn && !call.isAdmin && !call.token.roles.includes('service')) {
    throw forbidden('identity:validate_token');
  }
  if (subject === null) throw notFound(`token: ${subjectId.slice(0, 8)}`);
  if (call.method === 'DELETE') {
    call.world.tokens.delete(subject.id);
    call.world.revision += 1;
    return { status: 204 };
  }
  const reply = showToken(call, subject);
  return call.method === 'HEAD' ? { status: 200, headers: reply.headers ?? {} } : reply;
}

/** The token if it exists and has not expired. */
export function liveToken(world: SimWorld, id: string | undefined): SimToken | null {
  const token = id === undefined ? undefined : world.tokens.get(id);
  return token !== undefined && token.expiresAtMs > world.nowMs ? token : null;
}

function addToken(
  call: OpenCall,
  user: SimUser,
  projectId: string | null,
  roles: readonly string[],
  methods: readonly string[],
  applicationCredentialId: string | null,
): SimToken {
  const { world, prng } = call;
  const token: SimToken = {
    id: `gAAAAA${`${prng.uuid()}${prng.uuid()}`.replaceAll('-', '')}`,
    userId: user.id,
    projectId,
    roles,
    methods,
    applicationCredentialId,
    issuedAtMs: world.nowMs,
    expiresAtMs: world.nowMs + world.timings.tokenLifetimeMs,
  };
  world.addToken(token);
  return token;
}

function granted(call: OpenCall, token: SimToken): Reply {
  return { ...showToken(call, token), status: 201 };
}

function showToken(call: OpenCall, token: SimToken): Reply {
  const { world } = call;
  const user = world.users.get(token.userId);
  const project = token.projectId === null ? undefined : world.projects.get(token.projectId);
  const withCatalog = project !== undefined && !call.query.has('nocatalog');
  const credential = world.applicationCredentials.get(token.applicationCredentialId ?? '');
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
    ...(credential === undefined
      ? {}
      : { application_credential: { id: credential.id, name: credential.name, restricted: true } }),
  };
  return {
    status: 200,
    json: { token: body },
    headers: { 'x-subject-token': token.id, vary: 'X-Auth-Token' },
  };
}

function userOfPassword(call: OpenCall, identity: unknown): SimUser {
  const user = recordAt(recordAt(identity, 'password'), 'user');
  const found = findUser(call.world, user);
  if (found === null || stringAt(user, 'password') !== found.password) throw unauthorized();
  return found;
}

function userOfToken(call: OpenCall, identity: unknown): SimUser {
  const token = liveToken(call.world, stringAt(recordAt(identity, 'token'), 'id') ?? undefined);
  const user = token === null ? undefined : call.world.users.get(token.userId);
  // Keystone forbids to widen what an application credential may do.
  if (token === null || user === undefined || token.applicationCredentialId !== null) throw unauthorized();
  return user;
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
  const user = credential === undefined ? undefined : world.users.get(credential.userId);
  if (credential === undefined || user === undefined || credential.secret !== stringAt(given, 'secret')) {
    throw unauthorized();
  }
  const methods = ['application_credential'];
  return granted(call, addToken(call, user, credential.projectId, credential.roles, methods, credential.id));
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
  if (project === null || rolesOn(world, project.id, user).length === 0) throw unauthorized();
  return project.id;
}

function findProject(world: SimWorld, given: unknown): SimProject | null {
  const id = stringAt(given, 'id');
  if (id !== null) return world.projects.get(id) ?? null;
  const name = stringAt(given, 'name');
  return [...world.projects.values()].find((project) => project.name === name) ?? null;
}

function rolesOn(world: SimWorld, projectId: string | null, user: SimUser): readonly string[] {
  const direct = world.assignments.get(`${projectId}/${user.id}`)?.roles ?? [];
  return [...new Set(direct.flatMap((role) => [role, ...(IMPLIED[role] ?? [])]))];
}

// -------------------------------------------------------------------------- projects, users, and assignments

function projects(call: Call): Reply {
  const { world } = call;
  const [, projectId, kind, userId, , roleId] = call.segments;
  if (projectId === undefined) {
    requireAdmin(call, 'identity:list_projects');
    const name = call.query.get('name');
    const found = [...world.projects.values()].filter((project) => name === null || project.name === name);
    return { status: 200, json: { projects: found.map(showProject), links: {} } };
  }
  const project = world.projects.get(projectId);
  if (project === undefined) throw notFound(`project: ${projectId}`);
  if (kind === undefined) {
    if (!call.isAdmin && call.token.projectId !== projectId) throw forbidden('identity:get_project');
    return { status: 200, json: { project: showProject(project) } };
  }
  requireAdmin(call, 'identity:create_grant');
  const user = world.users.get(userId ?? '');
  if (kind !== 'users' || user === undefined) throw notFound(`user: ${userId}`);
  return grants(call, project, user, roleId);
}

function grants(call: Call, project: SimProject, user: SimUser, roleId: string | undefined): Reply {
  const { world, method } = call;
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

function users(call: Call): Reply {
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
  if (kind === 'projects') {
    return { status: 200, json: { projects: projectsOf(world, userId).map(showProject), links: {} } };
  }
  if (kind === 'application_credentials') return applicationCredentials(call, user, credentialId);
  throw notFound(call.path);
}

function applicationCredentials(call: Call, user: SimUser, credentialId: string | undefined): Reply {
  const { world, prng, method } = call;
  if (method === 'POST') {
    const given = recordAt(call.body, 'application_credential');
    const name = stringAt(given, 'name');
    if (name === null || call.token.projectId === null) {
      throw keystoneError(400, 'Bad Request', "'name' is a required property");
    }
    const credential: SimApplicationCredential = {
      id: prng.uuid().replaceAll('-', ''),
      name,
      secret: stringAt(given, 'secret') ?? prng.uuid(),
      userId: user.id,
      projectId: call.token.projectId,
      roles: call.token.roles,
    };
    world.applicationCredentials.set(credential.id, credential);
    world.revision += 1;
    return {
      status: 201,
      json: { application_credential: { ...showCredential(credential), secret: credential.secret } },
    };
  }
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

function projectsOf(world: SimWorld, userId: string): readonly SimProject[] {
  return [...world.assignments.values()].flatMap((assignment) => {
    const project = world.projects.get(assignment.projectId);
    return assignment.userId === userId && assignment.roles.length > 0 && project !== undefined
      ? [project]
      : [];
  });
}

// ----------------------------------------------------------------------------------------------------- views

function catalogOf(call: OpenCall): unknown {
  return CATALOG.map(({ type, name, id, path, endpointIds }) => ({
    type,
    name,
    id,
    endpoints: endpointIds.map(([side, endpointId]) => ({
      id: endpointId,
      interface: side,
      region: REGION,
      region_id: REGION,
      url: `${call.origin}${path}`,
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

const ROLE_IDS: ReadonlyMap<string, string> = new Map(ROLES.map((name) => [name, hexId(`role/${name}`)]));

function showProject(project: SimProject): unknown {
  return {
    id: project.id,
    name: project.name,
    domain_id: 'default',
    enabled: true,
    is_domain: false,
    description: '',
  };
}

function showUser(user: SimUser): unknown {
  const { id, name, defaultProjectId } = user;
  return { id, name, domain_id: 'default', enabled: true, default_project_id: defaultProjectId };
}

function showRole(name: string): unknown {
  return { id: ROLE_IDS.get(name) ?? '', name, domain_id: null };
}

function showRoleShort(name: string): unknown {
  return { id: ROLE_IDS.get(name) ?? '', name };
}

function showCredential(credential: SimApplicationCredential): Record<string, unknown> {
  const { id, name, projectId, roles } = credential;
  return {
    id,
    name,
    project_id: projectId,
    roles: roles.map(showRoleShort),
    expires_at: null,
    unrestricted: false,
  };
}

function requireAdmin(call: Call, action: string): void {
  if (!call.isAdmin) throw forbidden(action);
}

function forbidden(action: string): Refused {
  return keystoneError(
    403,
    'Forbidden',
    `You are not authorized to perform the requested action: ${action}.`,
  );
}

function notFound(what: string): Refused {
  return keystoneError(404, 'Not Found', `Could not find ${what}.`);
}
