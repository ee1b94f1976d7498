/** Callers with tokens of the simulated cloud's Keystone, over HTTP. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { problemJson } from '../../src/api/errors.ts';
import { roleOf } from '../../src/server/callers.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';
import { keystoneLogin } from '../support/keystone-login.ts';

const account = (user: string, project: string, ...roles: string[]) => ({
  user,
  project,
  roles,
  enabled: true,
});
const ACCOUNTS = [
  account('rita', 'demo', 'reader'),
  account('max', 'demo', 'manager'),
  account('odd', 'demo', 'service'),
  account('gone', 'demo', 'member'),
];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ accounts: ACCOUNTS });
});
afterAll(() => server.close());
beforeEach(() => void (server.cloud.faultPolicy = { ...server.cloud.faultPolicy, rates: {} }));

const login = (name: string, scope?: string | object | null): Promise<string> =>
  keystoneLogin(server.simFetch, name, scope);

async function ask(token: string, path: string, body?: object): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'x-auth-token': token, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

async function problem(reply: Response): Promise<readonly [number, string, string]> {
  const { code, detail } = problemJson.parse(await reply.json());
  return [reply.status, code, detail];
}

async function actor(token: string): Promise<unknown> {
  const status = (await (await ask(token, '/v1/status')).json()) as { actor: unknown };
  return status.actor;
}

test('roles of Keystone are those of Berth, the highest that counts', async () => {
  expect(await actor(await login('rita', 'demo'))).toMatchObject({ role: 'reader' });
  expect(await actor(await login('demo'))).toMatchObject({ role: 'member' });
  expect(await actor(await login('max', 'demo'))).toMatchObject({ role: 'manager' });
  expect(await actor(await login('admin'))).toMatchObject({ role: 'admin' });
  expect(roleOf(['_member_', 'creator'])).toBe('member');
  expect(roleOf(['Admin', 'reader'])).toBe('admin');
  expect(roleOf(['creator'])).toBe(null);
  const [status, code, detail] = await problem(await ask(await login('odd', 'demo'), '/v1/status'));
  expect([status, code]).toEqual([403, 'token_unusable']);
  expect(detail).toContain('user odd has only the roles service on project demo');
});

test('a member borrows in the own project; another project sees nothing of it', async () => {
  const [demo, lab2, admin] = await Promise.all([login('demo'), login('lab2'), login('admin')]);
  const made = await ask(demo, '/v1/leases', { flavor: 'gpu_tiny', duration: '1h', name: 'mine' });
  expect(made.status).toBe(201);
  const { lease } = (await made.json()) as { lease: { id: string; project_name: string; owner_id: string } };
  expect(lease).toMatchObject({ project_name: 'demo' });
  expect((await problem(await ask(lab2, `/v1/leases/${lease.id}`))).slice(0, 2)).toEqual([404, 'not_found']);
  expect(await (await ask(lab2, '/v1/leases')).json()).toMatchObject({ leases: [] });
  const named = await ask(admin, '/v1/leases?project_id=demo');
  expect(await named.json()).toMatchObject({ leases: [{ id: lease.id, project_name: 'demo' }] });
  const refused = await ask(await login('rita', 'demo'), '/v1/leases', {
    flavor: 'gpu_tiny',
    duration: '1h',
  });
  expect(refused.status).toBe(403);
});

test('a hundred requests with one token ask Keystone once, also when they come together', async () => {
  const token = await login('demo');
  let asked = 0;
  const handle = server.cloud.handle.bind(server.cloud);
  server.cloud.handle = (request, nowMs, prng) => {
    if (request.headers['x-subject-token'] === token) asked += 1;
    return handle(request, nowMs, prng);
  };
  const replies = await Promise.all(Array.from({ length: 100 }, () => ask(token, '/v1/flavors')));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  for (let count = 0; count < 20; count++) await (await ask(token, '/v1/flavors')).arrayBuffer();
  expect(asked).toBe(1);
});

test('unknown and revoked tokens are told how to get in', async () => {
  const reply = await ask('gAAAAAinvented', '/v1/status');
  expect(reply.headers.get('www-authenticate')).toBe(
    'Bearer realm="berth", Keystone uri="http://sim.invalid/identity/v3"',
  );
  expect((await problem(reply)).slice(0, 2)).toEqual([401, 'unauthenticated']);
  const token = await login('gone', 'demo');
  const revoked = await server.simFetch('http://sim.invalid/identity/v3/auth/tokens', {
    method: 'DELETE',
    headers: { 'x-auth-token': token, 'x-subject-token': token },
  });
  expect(revoked.status).toBe(204);
  expect((await ask(token, '/v1/status')).status).toBe(401);
});

test('a token for no project, and one that access rules confine, are refused with the reason', async () => {
  expect(await problem(await ask(await login('demo', null), '/v1/status'))).toEqual([
    403,
    'token_unusable',
    'the token is not for any project, and leases belong to a project',
  ]);
  const own = await login('demo');
  const me = (await actor(own)) as { user_id: string };
  const headers = { 'x-auth-token': own, 'content-type': 'application/json' };
  const credential = async (name: string, rules: object): Promise<string> => {
    const url = `http://sim.invalid/identity/v3/users/${me.user_id}/application_credentials`;
    const body = JSON.stringify({ application_credential: { name, ...rules } });
    const made = (await (await server.simFetch(url, { method: 'POST', headers, body })).json()) as {
      application_credential: { id: string; secret: string };
    };
    const { id, secret } = made.application_credential;
    const identity = { methods: ['application_credential'], application_credential: { id, secret } };
    const auth = JSON.stringify({ auth: { identity } });
    const tokens = 'http://sim.invalid/identity/v3/auth/tokens';
    const issued = await server.simFetch(tokens, { method: 'POST', body: auth });
    return issued.headers.get('x-subject-token') ?? '';
  };
  expect((await ask(await credential('free', {}), '/v1/status')).status).toBe(200);
  const rules = { access_rules: [{ path: '/v2.1/servers', method: 'GET', service: 'compute' }] };
  const [status, , detail] = await problem(await ask(await credential('confined', rules), '/v1/status'));
  expect([status, detail]).toEqual([
    403,
    'the token comes from an application credential whose access rules do not include Berth',
  ]);
});

test('while Keystone is silent, new tokens get 503 and not 401; known ones go on', async () => {
  const [known, fresh] = await Promise.all([login('demo'), login('lab2')]);
  expect((await ask(known, '/v1/status')).status).toBe(200);
  server.cloud.faultPolicy = { ...server.cloud.faultPolicy, rates: { serverError: 1 } };
  const reply = await ask(fresh, '/v1/status');
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  const text = await reply.text();
  expect([reply.status, problemJson.parse(JSON.parse(text)).code]).toEqual([503, 'cloud_unavailable']);
  expect(text).not.toContain(fresh);
  expect((await ask(known, '/v1/status')).status).toBe(200);
  expect((await ask(await server.token('reader', 'demo'), '/v1/status')).status).toBe(200);
});
