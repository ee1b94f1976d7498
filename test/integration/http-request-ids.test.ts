/** One id for a request: in the answer, in the log, and at the clouds that are asked on the way. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { problemJson } from '../../src/api/errors.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';
import { keystoneLogin } from '../support/keystone-login.ts';
import { keepingLogger } from '../support/logger.ts';

interface Asked {
  readonly what: string;
  readonly id: string | undefined;
}

const { logger, kept } = keepingLogger();
const asked: Asked[] = [];
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ server: { logger } });
  const handle = server.cloud.handle.bind(server.cloud);
  server.cloud.handle = (request, nowMs, prng) => {
    asked.push({ what: `${request.method} ${request.path}`, id: request.headers['x-openstack-request-id'] });
    return handle(request, nowMs, prng);
  };
});
afterAll(() => server.close());

const newId = (): string => `req-${randomUUID()}`;
const idsOf = (what: RegExp): readonly (string | undefined)[] =>
  asked.filter((each) => what.test(each.what)).map(({ id }) => id);

test.each(['x-openstack-request-id', 'x-request-id'])('the id of %s is taken over', async (name) => {
  const id = newId();
  const reply = await fetch(`${server.url}/v1/leases/none`, { headers: { [name]: id } });
  expect(reply.headers.get('x-openstack-request-id')).toBe(id);
  expect(problemJson.parse(await reply.json()).request_id).toBe(id);
  await until(() => kept.some(({ fields }) => fields['request_id'] === id), 'the line of the request');
  const line = kept.find(({ fields }) => fields['request_id'] === id);
  expect(line).toMatchObject({ event: 'request', fields: { status: 401, code: 'unauthenticated' } });
});

test.each([
  '',
  'req-',
  'req-1',
  `req-${'A'.repeat(36)}`,
  `${newId()}0`,
  `x${newId()}`,
  `${newId()} ${newId()}`,
])('an id like %j is replaced', async (id) => {
  const reply = await fetch(`${server.url}/v1/status`, { headers: { 'x-openstack-request-id': id } });
  const own = reply.headers.get('x-openstack-request-id') ?? '';
  expect(own).toMatch(/^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(own).not.toBe(id);
  await reply.arrayBuffer();
});

test('the cloud is asked under the id of the request, and works under that of the lease', async () => {
  const token = await keystoneLogin(server.simFetch, 'demo');
  const id = newId();
  const reply = await fetch(`${server.url}/v1/leases`, {
    method: 'POST',
    headers: { 'x-auth-token': token, 'content-type': 'application/json', 'x-openstack-request-id': id },
    body: JSON.stringify({ flavor: 'gpu_tiny', duration: '1h' }),
  });
  expect(reply.status).toBe(201);
  const { lease } = (await reply.json()) as { lease: { id: string } };
  expect(idsOf(/^GET .*\/auth\/tokens/)).toEqual([id]);
  await until(() => idsOf(/^POST .*\/servers$/).length > 0, 'the server');
  expect(idsOf(/^POST .*\/(servers|ports)$/)).toEqual([`req-${lease.id}`, `req-${lease.id}`]);
  expect(idsOf(/^GET .*\/flavors/).filter((each) => each !== undefined)).toEqual([]);
});

test('requests at the same time keep their ids apart', async () => {
  asked.length = 0;
  const names = ['demo', 'lab2', 'admin'];
  const tokens = await Promise.all(names.map((name) => keystoneLogin(server.simFetch, name)));
  const ids = tokens.map(newId);
  const replies = await Promise.all(
    tokens.map((token, index) =>
      fetch(`${server.url}/v1/queue`, {
        headers: { 'x-auth-token': token, 'x-openstack-request-id': ids[index] ?? '' },
      }),
    ),
  );
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(new Set(idsOf(/^GET .*\/auth\/tokens/))).toEqual(new Set(ids));
  expect(idsOf(/^GET .*\/auth\/tokens/)).toHaveLength(ids.length);
});
