/**
 * Who may do what, over HTTP: every route, asked by every kind of caller about things of the own and of a
 * foreign project. The cells are made from the table of routes; the expected answers stand in one table
 * below. A route without a row, or a row without a route, does not compile.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Route } from '../../src/api/route.ts';
import { routes, type OperationId } from '../../src/api/routes.ts';
import { asId } from '../../src/base/ids.ts';
import { DAY_MS, HOUR_MS } from '../../src/base/units.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';
import { keystoneLogin } from '../support/keystone-login.ts';
import { create } from '../support/worlds.ts';
import { validBody } from './http-bodies.ts';

const CALLERS = ['none', 'expired', 'reader', 'member', 'other member', 'manager', 'admin'] as const;
type Caller = (typeof CALLERS)[number];
/** Admins of one cloud, by its name. The leases and hosts are in `sim`. */
const CLOUD_ADMINS = ['sim', 'south'] as const;
type CloudAdmin = (typeof CLOUD_ADMINS)[number];
const WHERE = ['own', 'foreign'] as const;
type Where = (typeof WHERE)[number];

/** Statuses for reader, the member whose lease it is, another member, manager, admin of the project `own`. */
interface Row {
  readonly own: string;
  /** About a thing of the project `foreign`; where no thing of a project is addressed, as `own`. */
  readonly foreign: string;
  /** Without a token, or with one whose time is over. */
  readonly anonymous: 200 | 401 | 404;
}

const row = (own: string, foreign: string = own): Row => ({ own, foreign, anonymous: 401 });
const HIDDEN = '404 404 404 404';
const EVERYBODY = row('200 200 200 200 200');
const PUBLIC: Row = { ...EVERYBODY, anonymous: 200 };
const admins = (status: number): Row => row(`403 403 403 403 ${status}`);

/**
 * The leases of the matrix are reserved: shelving, unshelving and extending them is a conflict for who may.
 */
const EXPECTED: Readonly<Record<OperationId, Row>> = {
  listLeases: EVERYBODY,
  createLease: row('403 201 201 201 201', `${HIDDEN} 201`),
  getLease: row('200 200 200 200 200', `${HIDDEN} 200`),
  releaseLease: row('403 202 403 202 202', `${HIDDEN} 202`),
  extendLease: row('403 409 403 409 409', `${HIDDEN} 409`),
  shelveLease: row('403 409 403 409 409', `${HIDDEN} 409`),
  unshelveLease: row('403 409 403 409 409', `${HIDDEN} 409`),
  keepLease: row('403 409 403 409 409', `${HIDDEN} 409`),
  setTicket: row('403 200 403 200 200', `${HIDDEN} 200`),
  listAdoptable: admins(200),
  adoptLease: admins(201),
  explainLease: row('200 200 200 200 200', `${HIDDEN} 200`),
  listFlavors: EVERYBODY,
  listProfiles: EVERYBODY,
  getProfile: EVERYBODY,
  renderProfiles: EVERYBODY,
  getFlavor: EVERYBODY,
  listHosts: EVERYBODY,
  getHost: EVERYBODY,
  drainHost: admins(200),
  undrainHost: admins(200),
  getQueue: EVERYBODY,
  explain: row('200 200 200 200 200', `${HIDDEN} 200`),
  listEvents: EVERYBODY,
  getStatus: EVERYBODY,
  getFreeze: EVERYBODY,
  freeze: admins(200),
  thaw: admins(200),
  takeOver: admins(409),
  listFindings: admins(200),
  getUsage: row('200 200 200 200 200', `${HIDDEN} 200`),
  listProjects: EVERYBODY,
  getProject: row('200 200 200 200 200', `${HIDDEN} 200`),
  putProject: admins(200),
  listCloudProjects: admins(200),
  grantProject: admins(200),
  // Of the project that Berth itself logs in for.
  revokeProject: admins(409),
  listTokens: row('403 403 403 200 200'),
  createToken: row('403 403 403 201 201', `${HIDDEN} 201`),
  revokeToken: row('403 403 403 200 200', `${HIDDEN} 200`),
  listFlavorGpus: PUBLIC,
  getFlavorGpu: PUBLIC,
  phoneHome: { ...row('404 404 404 404 404'), anonymous: 404 },
  healthz: PUBLIC,
  readyz: PUBLIC,
  metrics: PUBLIC,
  openapi: PUBLIC,
};

/**
 * Admins of one cloud about a thing of a project that is not theirs: of the cloud in which it is, and of
 * another.
 */
const OF_ONE_CLOUD: Readonly<Record<OperationId, string>> = {
  listLeases: '200 200',
  createLease: '404 404',
  getLease: '200 404',
  releaseLease: '202 404',
  extendLease: '409 404',
  shelveLease: '409 404',
  unshelveLease: '409 404',
  keepLease: '409 404',
  setTicket: '200 404',
  listAdoptable: '200 200',
  adoptLease: '201 403',
  explainLease: '200 404',
  listFlavors: '200 200',
  getFlavor: '200 200',
  listHosts: '200 200',
  getHost: '200 200',
  drainHost: '200 403',
  undrainHost: '200 403',
  getQueue: '200 200',
  explain: '404 404',
  listProfiles: '200 200',
  getProfile: '200 200',
  renderProfiles: '200 200',
  listEvents: '200 200',
  getStatus: '200 200',
  getFreeze: '200 200',
  freeze: '403 403',
  thaw: '403 403',
  takeOver: '403 403',
  listFindings: '200 200',
  getUsage: '404 404',
  listProjects: '200 200',
  getProject: '404 404',
  putProject: '403 403',
  listCloudProjects: '200 403',
  grantProject: '200 403',
  revokeProject: '409 403',
  listTokens: '200 200',
  createToken: '404 404',
  revokeToken: '404 404',
  listFlavorGpus: '200 200',
  getFlavorGpu: '200 200',
  phoneHome: '404 404',
  healthz: '200 200',
  readyz: '200 200',
  metrics: '200 200',
  openapi: '200 200',
};

let server: TestServer;
let flavorId: string;
let hostId: string;
/** The id of a flavor in the public report, which is the cloud's own. */
let reportedId: string;
const secrets = new Map<Caller | CloudAdmin, string>();
let cells = 0;

beforeAll(async () => {
  server = await startTestServer({ south: true });
  const { world } = server.engine;
  flavorId =
    server.service.publicFlavors().flavors.find(({ available }) => (available ?? 0) > 1)?.flavor.id ?? '';
  hostId = [...world.hosts.keys()][0] ?? '';
  const report = await fetch(`${server.url}${routes.listFlavorGpus.path}`);
  const { flavors } = routes.listFlavorGpus.response.parse(await report.json());
  reportedId = flavors[0]?.flavor_openstack_id ?? '';
  secrets.set('expired', await server.token('admin', 'own', -1000));
  for (const role of ['reader', 'member', 'manager', 'admin'] as const) {
    secrets.set(role, await server.token(role, 'own', HOUR_MS, role));
  }
  secrets.set('other member', await server.token('member', 'own', HOUR_MS, 'other'));
  secrets.set('sim', await keystoneLogin(server.simFetch, 'admin'));
  if (server.south !== null) secrets.set('south', await keystoneLogin(server.south.simFetch, 'admin'));
});

afterAll(() => server.close());

/** A lease of the member, in a window far ahead: it stays as it is for the whole test. */
async function reserve(where: Where): Promise<string> {
  const id = randomUUID();
  const fromMs = server.engine.nowMs() + 20 * DAY_MS;
  const window = { fromMs, reservationId: asId<'reservation'>(id) };
  const more = { projectId: asId<'project'>(where), ownerId: 'member', window };
  await give(create(id, flavorId, more));
  return id;
}

async function give(command: Parameters<TestServer['engine']['command']>[1]): Promise<void> {
  const outcome = await server.engine.command('test', command);
  if (!outcome.ok) throw new Error(`${outcome.refusal.code}: ${outcome.refusal.message}`);
}

async function makeToken(where: Where): Promise<string> {
  const id = randomUUID();
  const nowMs = server.engine.nowMs();
  const token = { id: asId<'token'>(id), name: 'victim', secretHash: id, projectId: asId<'project'>(where) };
  const rest = {
    role: 'reader',
    createdAtMs: nowMs,
    createdBy: 'test',
    expiresAtMs: nowMs + HOUR_MS,
  } as const;
  await give({ type: 'token.create', token: { ...token, ...rest } });
  return id;
}

const leases = new Map<Where, string>();

/** The id of something of the project, made anew where the last request may have ended it. */
async function thingOf(route: Route, where: Where): Promise<string> {
  if (route.path.startsWith('/v1/tokens/')) return makeToken(where);
  if (route.path.startsWith('/v1/hosts/')) return hostId;
  if (route.path.startsWith('/v1/projects/')) return where;
  if (route.path.startsWith('/v1/clouds/')) return 'sim';
  if (route.path.startsWith('/gpus/')) return reportedId;
  if (route.path.startsWith('/v1/profiles/')) return 'cuda';
  if (!route.path.startsWith('/v1/leases/')) return flavorId;
  let id = leases.get(where);
  if (id === undefined || !server.engine.world.leases.has(asId<'lease'>(id))) {
    id = await reserve(where);
    leases.set(where, id);
  }
  return id;
}

/** Bodies that name a project name this one. */
function bodyFor(id: string, where: Where): object | null {
  const body = validBody(id, flavorId, hostId);
  if (id === 'adoptLease') return { ...body, project_id: where, server_id: randomUUID() };
  return id === 'createLease' || id === 'createToken' || id === 'explain'
    ? { ...body, project_id: where }
    : body;
}

function ask(
  id: string,
  route: Route,
  caller: Caller | CloudAdmin,
  thing: string,
  where: Where,
): Promise<Response> {
  const body = route.body === null ? null : bodyFor(id, where);
  const secret = secrets.get(caller);
  const path = route.path.replace('{id}', thing).replace('{project}', 'service');
  return fetch(`${server.url}${path}${id === 'getUsage' ? `?project=${where}` : ''}`, {
    method: route.method,
    headers: {
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      ...((caller === 'sim' || caller === 'south') && { 'berth-cloud': caller }),
      ...(body !== null && { 'content-type': 'application/json' }),
    },
    ...(body !== null && { body: JSON.stringify(body) }),
  });
}

const entries = Object.entries<Route>(routes);
const expectations = new Map<string, Row>(Object.entries(EXPECTED));

describe.each(entries)('%s', (id, route) => {
  test.each(WHERE)('about the %s project', async (where) => {
    const expected = expectations.get(id);
    if (expected === undefined) throw new Error(`the table has no row for ${id}`);
    const statuses: string[] = [];
    for (const caller of CALLERS) {
      const thing = route.path.includes('{id}') ? await thingOf(route, where) : '';
      const reply = await ask(id, route, caller, thing, where);
      statuses.push(`${caller}: ${reply.status}`);
      await reply.arrayBuffer();
      cells += 1;
    }
    const wanted = [expected.anonymous, expected.anonymous, ...expected[where].split(' ')];
    expect(statuses).toEqual(CALLERS.map((caller, index) => `${caller}: ${wanted[index] ?? '?'}`));
  });
});

const ofOneCloud = new Map<string, string>(Object.entries(OF_ONE_CLOUD));

test.each(entries)('%s, asked by admins of one cloud', async (id, route) => {
  const statuses: string[] = [];
  for (const admin of CLOUD_ADMINS) {
    const thing = route.path.includes('{id}') ? await thingOf(route, 'own') : '';
    const reply = await ask(id, route, admin, thing, 'own');
    statuses.push(`${admin}: ${reply.status}`);
    await reply.arrayBuffer();
    cells += 1;
  }
  const wanted = (ofOneCloud.get(id) ?? '').split(' ');
  expect(statuses).toEqual(CLOUD_ADMINS.map((admin, index) => `${admin}: ${wanted[index] ?? '?'}`));
});

const withForeign = entries.filter(
  ([, { path }]) => path.startsWith('/v1/leases/') || path.startsWith('/v1/tokens/'),
);

test.each(withForeign)('%s: what is foreign is answered as what does not exist', async (id, route) => {
  expect(withForeign).toHaveLength(9);
  const bodyOf = async (thing: string): Promise<string> => {
    const reply = await ask(id, route, 'manager', thing, 'foreign');
    expect(reply.status).toBe(404);
    const { request_id: _changes, ...rest } = (await reply.json()) as Record<string, unknown>;
    return JSON.stringify(rest).replaceAll(thing, 'ID');
  };
  expect(await bodyOf(await thingOf(route, 'foreign'))).toBe(await bodyOf(randomUUID()));
});

test('no cell was left out', () => {
  const size = `${CALLERS.length} callers × ${WHERE.length} projects, ${CLOUD_ADMINS.length} admins of one cloud`;
  console.log(`matrix: ${entries.length} routes × (${size}) = ${cells} cells`);
  expect(cells).toBe(752);
});
