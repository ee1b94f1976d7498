/** Callers of a service that lends GPUs of several clouds: whose token goes where, and whose admin reaches how far. */
import { afterEach, expect, test } from 'vitest';
import { problemJson } from '../../src/api/errors.ts';
import { systemClock } from '../../src/base/clock.ts';
import { MINUTE_MS, SECOND_MS } from '../../src/base/units.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/engine.ts';
import { keystoneLogin } from '../support/keystone-login.ts';

let server: TestServer;
afterEach(() => server.close());

/** Tokens that each cloud was shown. */
interface Shown {
  readonly sim: Set<string>;
  readonly south: Set<string>;
}

async function start(options: TestServerOptions = {}): Promise<Shown> {
  server = await startTestServer({ ...options, south: true });
  return { sim: spy(server.cloud), south: spy(southern().cloud) };
}

function southern(): NonNullable<TestServer['south']> {
  if (server.south === null) throw new Error('there is no second cloud');
  return server.south;
}

function spy(cloud: TestServer['cloud']): Set<string> {
  const shown = new Set<string>();
  const handle = cloud.handle.bind(cloud);
  cloud.handle = (request, nowMs, prng) => {
    for (const name of ['x-subject-token', 'x-auth-token']) shown.add(request.headers[name] ?? '');
    return handle(request, nowMs, prng);
  };
  return shown;
}

const loginSouth = (name = 'demo'): Promise<string> => keystoneLogin(southern().simFetch, name);

function ask(token: string, cloud: string | null, path = '/v1/queue', method = 'GET'): Promise<Response> {
  const named = cloud === null ? {} : { 'berth-cloud': cloud };
  return fetch(`${server.url}${path}`, { method, headers: { 'x-auth-token': token, ...named } });
}

const KNOWN = [
  { name: 'sim', auth_url: 'http://sim.invalid/identity/v3' },
  { name: 'south', auth_url: 'http://south.invalid/identity/v3' },
];

test('a token whose cloud is not named is shown to none of several', async () => {
  const shown = await start();
  const token = await loginSouth();
  shown.south.clear();
  for (const cloud of [null, 'north', 'http://elsewhere.invalid/v3']) {
    const reply = await ask(token, cloud);
    const { code, details, fix } = problemJson.parse(await reply.json());
    expect([reply.status, code, details]).toEqual([400, 'cloud_not_named', { clouds: KNOWN }]);
    expect(fix).toContain('sim, south');
  }
  expect([shown.sim.has(token), shown.south.has(token)]).toEqual([false, false]);
});

test.each([
  'south',
  'http://south.invalid/identity/v3',
  'http://south.invalid/identity/',
  'http://south.invalid/identity',
])('the token goes to the cloud that is named as %s, and to no other', async (cloud) => {
  const shown = await start();
  const token = await loginSouth();
  expect((await ask(token, cloud)).status).toBe(200);
  expect([shown.sim.has(token), shown.south.has(token)]).toEqual([false, true]);
  expect((await ask(token, 'sim')).status).toBe(401);
});

test('who has no token yet is told what can be named', async () => {
  await start();
  const reply = await fetch(`${server.url}/v1/status`);
  expect(problemJson.parse(await reply.json()).details).toEqual({ clouds: KNOWN });
  expect(reply.headers.get('www-authenticate')).toContain('Keystone uri="http://south.invalid/identity/v3"');
});

test('a token of Berth needs no cloud', async () => {
  await start();
  expect((await ask(await server.token('reader', 'demo'), null)).status).toBe(200);
});

test('with one cloud nothing has to be named, and its address may be another', async () => {
  server = await startTestServer();
  const token = await keystoneLogin(server.simFetch, 'demo');
  for (const cloud of [null, 'sim', 'https://internal.example.org:5000/v3']) {
    expect((await ask(token, cloud)).status).toBe(200);
  }
  expect((await ask(token, 'south')).status).toBe(400);
});

test('shared tokens: all clouds are asked at once, and a silent one delays nobody', async () => {
  await start({ server: { shareTokens: true } });
  const token = await loginSouth();
  const { cloud } = server;
  const handle = cloud.handle.bind(cloud);
  let isAnswered = false;
  let wasAskedBefore = false;
  cloud.handle = (request, nowMs, prng) => {
    if (request.headers['x-subject-token'] !== token) return handle(request, nowMs, prng);
    wasAskedBefore = !isAnswered;
    return { kind: 'hang' };
  };
  const reply = await ask(token, null);
  isAnswered = true;
  expect([reply.status, wasAskedBefore]).toEqual([200, true]);
  // Nobody can say that a token is bad while the cloud that may know it is silent.
  cloud.faultPolicy = { ...cloud.faultPolicy, rates: { serverError: 1 } };
  cloud.handle = handle;
  expect((await ask('gAAAAAinvented', null)).status).toBe(503);
});

test('the admin of one cloud is none of the service, unless the operator says so', async () => {
  await start();
  const freeze = async (cloud: string): Promise<number> => {
    const token =
      cloud === 'south' ? await loginSouth('admin') : await keystoneLogin(server.simFetch, 'admin');
    return (await ask(token, cloud, '/v1/freeze', 'DELETE')).status;
  };
  expect([await freeze('sim'), await freeze('south')]).toEqual([403, 403]);
  const status = (await (await ask(await loginSouth('admin'), 'south', '/v1/status')).json()) as object;
  expect(status).toMatchObject({ actor: { role: 'admin', admin_of: 'south' } });
  await server.close();
  await start({ server: { adminClouds: ['south'] } });
  expect([await freeze('sim'), await freeze('south')]).toEqual([403, 200]);
});

test('before something is changed, a cloud is asked again that spoke of the token long ago', async () => {
  let laterMs = 0;
  const cloudClock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
  server = await startTestServer({ cloudClock });
  const token = await keystoneLogin(server.simFetch, 'demo');
  const change = async (): Promise<number> => (await ask(token, null, '/v1/leases/none', 'DELETE')).status;
  expect([(await ask(token, null)).status, await change()]).toEqual([200, 404]);
  const revoked = await server.simFetch('http://sim.invalid/identity/v3/auth/tokens', {
    method: 'DELETE',
    headers: { 'x-auth-token': token, 'x-subject-token': token },
  });
  expect(revoked.status).toBe(204);
  laterMs = 31 * SECOND_MS;
  expect((await ask(token, null)).status).toBe(200);
  expect(await change()).toBe(401);
  laterMs = 6 * MINUTE_MS;
  expect((await ask(token, null)).status).toBe(401);
});

test('while the cloud is silent, what it said last goes on, also for changes', async () => {
  let laterMs = 0;
  const cloudClock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
  server = await startTestServer({ cloudClock });
  const token = await keystoneLogin(server.simFetch, 'demo');
  expect((await ask(token, null)).status).toBe(200);
  laterMs = 31 * SECOND_MS;
  server.cloud.faultPolicy = { ...server.cloud.faultPolicy, rates: { serverError: 1 } };
  expect((await ask(token, null, '/v1/leases/none', 'DELETE')).status).toBe(404);
});
