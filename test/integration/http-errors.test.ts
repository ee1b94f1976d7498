import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorCatalogue, problemJson } from '../../src/api/errors.ts';
import { asId } from '../../src/base/ids.ts';
import { RATE_LIMIT_DEFAULT, type UserActor } from '../../src/server/options.ts';
import { startTestServer } from '../support/engine.ts';

let server: Awaited<ReturnType<typeof startTestServer>>;
let token: string;

beforeAll(async () => {
  server = await startTestServer();
  token = await server.token('admin', 'demo');
});

afterAll(() => server.close());

const json = { 'content-type': 'application/json' };

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${token}`);
  return fetch(`${server.url}${path}`, { ...init, headers });
}

/** Sends bytes as they are and returns all that comes back. */
async function sendRaw(text: string): Promise<string> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
    let reply = '';
    socket.on('data', (bytes) => (reply += bytes.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(reply));
  });
}

test.each<[string, string, RequestInit, string]>([
  ['an unknown path', '/v2', {}, 'route_not_found'],
  ['a wrong method', '/v1/leases', { method: 'PATCH' }, 'method_not_allowed'],
  ['broken percent encoding', '/v1/leases/%ff', {}, 'malformed_url'],
  ['a null byte in an id', '/v1/leases/%00', {}, 'invalid_field'],
  ['a path inside an id', '/v1/leases/..%2f..%2fetc%2fpasswd', {}, 'not_found'],
  ['an unknown query', '/v1/leases?lmit=1', {}, 'unknown_field'],
  ['a query out of range', '/v1/events?limit=100000', {}, 'invalid_field'],
  ['a marker that was made up', '/v1/leases?marker=x', {}, 'invalid_field'],
  ['an unknown flavor', '/v1/flavors/none', {}, 'not_found'],
  ['no JSON', '/v1/leases', { method: 'POST', headers: json, body: '{' }, 'malformed_json'],
  [
    'a poisoned prototype',
    '/v1/leases',
    { method: 'POST', headers: json, body: '{"__proto__":{}}' },
    'malformed_json',
  ],
  [
    'a form',
    '/v1/leases',
    { method: 'POST', body: new URLSearchParams({ a: '1' }) },
    'unsupported_media_type',
  ],
  ['no body', '/v1/leases', { method: 'POST' }, 'missing_field'],
  [
    'a huge body',
    '/v1/leases',
    { method: 'POST', headers: json, body: `"${'x'.repeat(300_000)}"` },
    'body_too_large',
  ],
  [
    'a malformed key',
    '/v1/freeze',
    { method: 'DELETE', headers: { 'idempotency-key': 'a b' } },
    'malformed_header',
  ],
  [
    'a malformed position',
    '/v1/events',
    { headers: { accept: 'text/event-stream', 'last-event-id': 'x' } },
    'malformed_header',
  ],
])('%s is answered with its own problem', async (_, path, init, code) => {
  const reply = await ask(path, init);
  const problem = problemJson.parse(await reply.json());
  expect(problem.code).toBe(code);
  expect(reply.headers.get('content-type')).toContain('application/problem+json');
  expect(Object.entries(errorCatalogue).find(([name]) => name === code)?.[1].status).toBe(reply.status);
  expect(problem.request_id).toMatch(/^req-[0-9a-f-]{36}$/);
  expect(problem.fix).not.toBe('');
});

test('a wrong method names the right ones', async () => {
  expect((await ask('/v1/leases/x', { method: 'PUT' })).headers.get('allow')).toBe('GET, HEAD, DELETE');
});

test('the request id is in the header and in the body', async () => {
  const reply = await ask('/v1/leases/none');
  expect(problemJson.parse(await reply.json()).request_id).toBe(reply.headers.get('x-openstack-request-id'));
});

test('replies carry the security headers', async () => {
  const { headers } = await ask('/v1/status');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(headers.get('access-control-allow-origin')).toBeNull();
});

test('what is not HTTP is answered and closed', async () => {
  expect(await sendRaw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"malformed_request"/);
  const long = `GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`;
  expect(await sendRaw(long)).toMatch(/^HTTP\/1\.1 431 [\s\S]*"code":"header_too_large"/);
});

test('who fails to authenticate too often has to wait; a good token is let through', async () => {
  const own = await startTestServer({ server: { rateLimit: RATE_LIMIT_DEFAULT } });
  const guess = (): Promise<Response> =>
    fetch(`${own.url}/v1/status`, { headers: { 'x-auth-token': 'guess' } });
  const statuses: number[] = [];
  for (let count = 0; count < 25; count++) statuses.push((await guess()).status);
  expect(statuses.slice(0, 20)).toEqual(Array(20).fill(401));
  expect(statuses.at(-1)).toBe(429);
  expect(Number((await guess()).headers.get('retry-after'))).toBeGreaterThan(0);
  const good = { 'x-auth-token': await own.token('reader', 'demo') };
  expect((await fetch(`${own.url}/v1/status`, { headers: good })).status).toBe(200);
  await own.close();
});

test('who sends too fast has to wait', async () => {
  const own = await startTestServer({ server: { rateLimit: { perSecond: 0.1, burst: 2 } } });
  const secret = await own.token('reader', 'demo');
  const statuses: number[] = [];
  for (let count = 0; count < 3; count++) {
    statuses.push((await fetch(`${own.url}/v1/queue`, { headers: { 'x-auth-token': secret } })).status);
  }
  expect(statuses).toEqual([200, 200, 429]);
  await own.close();
});

describe('an open demo', () => {
  const openAs: UserActor = {
    kind: 'user',
    userId: 'demo',
    projectId: asId<'project'>('demo'),
    role: 'admin',
  };
  let open: Awaited<ReturnType<typeof startTestServer>>;
  beforeAll(async () => {
    open = await startTestServer({ server: { openAs } });
  });
  afterAll(() => open.close());

  test('needs no token, but takes no wrong one', async () => {
    expect((await fetch(`${open.url}/v1/status`)).status).toBe(200);
    expect((await fetch(`${open.url}/v1/status`, { headers: { 'x-auth-token': 'wrong' } })).status).toBe(401);
  });

  test('answers only to names of this machine', async () => {
    const { port } = new URL(open.url);
    const asked = (host: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const request = `GET /v1/status HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(request));
        let reply = '';
        socket.on('data', (bytes) => (reply += bytes.toString()));
        socket.on('error', reject);
        socket.on('close', () => resolve(reply));
      });
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      expect(await asked(host)).toMatch(/^HTTP\/1\.1 200/);
    }
    for (const host of ['evil.example', `127.0.0.1.evil.example:${port}`, 'localhost.evil.example']) {
      expect(await asked(host)).toMatch(/^HTTP\/1\.1 421 [\s\S]*"code":"misdirected_host"/);
    }
  });

  test('lets no page of another site change anything', async () => {
    const shelve = (origin: string): Promise<Response> =>
      fetch(`${open.url}/v1/leases/none/shelve`, { method: 'POST', headers: { origin } });
    for (const origin of ['http://evil.example', 'null']) {
      const reply = await shelve(origin);
      expect([reply.status, await reply.json()]).toMatchObject([403, { code: 'cross_origin' }]);
    }
    expect((await shelve(open.url)).status).toBe(404);
  });
});
