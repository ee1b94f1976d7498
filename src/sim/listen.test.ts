import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createPrng } from '../base/prng.ts';
import { FIXED_TIMINGS, V100_MEDIUM } from '../../test/support/sim-client.ts';
import { SimCloud } from './cloud.ts';
import { listenSimCloud, type SimListener } from './listen.ts';

let cloud: SimCloud;
let listener: SimListener;

beforeEach(async () => {
  cloud = new SimCloud({ timings: FIXED_TIMINGS });
  listener = await listenSimCloud(cloud, {
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    prng: createPrng(3),
  });
});

afterEach(() => listener.close());

test('serves the cloud over HTTP, with a catalog of its own address', async () => {
  const token = await login();
  const reply = await fetch(`${listener.url}/identity/v3/auth/catalog`, {
    headers: { 'X-Auth-Token': token },
  });
  expect(await reply.text()).toContain(`${listener.url}/compute/v2.1`);
  const flavor = await fetch(`${listener.url}/compute/v2.1/flavors/${V100_MEDIUM}`, {
    headers: { 'X-Auth-Token': token, 'OpenStack-API-Version': 'compute 2.87' },
  });
  expect(flavor.headers.get('openstack-api-version')).toBe('compute 2.87');
  expect(await flavor.json()).toMatchObject({ flavor: { vcpus: 14, swap: 1024 } });
});

test('refuses bodies that are too large', async () => {
  const body = 'x'.repeat(200_000);
  const reply = await fetch(`${listener.url}/identity/v3/auth/tokens`, { method: 'POST', body });
  expect(reply.status).toBe(413);
});

test('the door shows the cloud, breaks it, and takes nothing that a web page could send', async () => {
  const state = await (await fetch(`${listener.url}/_sim/state`)).json();
  expect(state).toMatchObject({ hosts: [{ name: 'gpu-v100-01', up: true }, {}, {}], servers: [] });
  expect((await door('POST', '/hosts/cpu-01/down')).status).toBe(200);
  expect(cloud.hosts.get('cpu-01')?.up).toBe(false);
  expect((await door('POST', '/hosts/nowhere/down')).status).toBe(404);
  const plain = await fetch(`${listener.url}/_sim/hosts/cpu-01/up`, { method: 'POST', body: '{}' });
  expect(plain.status).toBe(415);
  expect((await door('POST', '/faults', { kind: 'serverError' })).status).toBe(200);
  expect((await fetch(`${listener.url}/compute/v2.1/`)).status).toBe(500);
  expect((await fetch(`${listener.url}/compute/v2.1/`)).status).toBe(200);
  expect((await door('POST', '/faults', { kind: 'earthquake' })).status).toBe(400);
  expect((await door('PUT', '/policy', { rates: { badGateway: 1 } })).status).toBe(200);
  expect((await fetch(`${listener.url}/compute/v2.1/`)).status).toBe(502);
  expect((await door('POST', '/faults', { kind: 'dateStep' })).status).toBe(200);
});

function door(method: string, path: string, body: unknown = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${listener.url}/_sim${path}`, { method, headers, body: JSON.stringify(body) });
}

async function login(): Promise<string> {
  const password = { user: { name: 'demo', domain: { id: 'default' }, password: 'demo' } };
  const reply = await fetch(`${listener.url}/identity/v3/auth/tokens`, {
    method: 'POST',
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password } } }),
  });
  return reply.headers.get('x-subject-token') ?? '';
}
