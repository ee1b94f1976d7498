import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createdLeases, leaseJson, oneLease } from '../../src/api/leases.ts';
import { asId } from '../../src/base/ids.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { startTestServer, until } from '../support/engine.ts';
import { validBody } from './http-bodies.ts';

let server: Awaited<ReturnType<typeof startTestServer>>;
let token: string;
let client: Client;
let flavor: string;

beforeAll(async () => {
  server = await startTestServer();
  token = await server.token('member', 'demo');
  client = createClient({ baseUrl: server.url, token });
  const { flavors } = await client.listFlavors();
  flavor = flavors.find(({ available }) => (available ?? 0) > 1)?.name ?? '';
});

afterAll(() => server.close());

async function post(
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': token, ...headers },
    body: JSON.stringify(body),
  });
}

/** Adopts a server that only the caller knows of; each call of the result repeats the same request. */
async function adoption(): Promise<(more: object, key: string) => Promise<Response>> {
  const admin = await server.token('admin', 'demo');
  const [host] = (await client.listHosts()).hosts;
  const body = { ...validBody('adoptLease', flavor, host?.id ?? ''), server_id: randomUUID() };
  return (more, key) =>
    post('/v1/adoptions', { ...body, ...more }, { 'x-auth-token': admin, 'idempotency-key': key });
}

function readAt(minimum: string): Promise<Response> {
  return fetch(`${server.url}/v1/queue`, {
    headers: { 'x-auth-token': token, 'berth-min-revision': minimum },
  });
}

test('what becomes of a lease at its end is asked for, shown, and changed', async () => {
  const asked = { flavor, duration: '2h', at_end: 'shelve_or_delete', ticket: 'now' } as const;
  const { leases } = await client.createLease(asked);
  const id = leases[0]?.id ?? '';
  expect(leases[0]).toMatchObject({
    at_end: 'shelve_or_delete',
    ticket: 'now',
    renew: true,
    keep_until: null,
  });
  const atTime = await client.setTicket(id, { ticket: '2099-01-01T08:00:00Z' });
  expect(atTime.lease.ticket).toBe('2099-01-01T08:00:00Z');
  expect((await client.setTicket(id, { ticket: null })).lease.ticket).toBeNull();
  await until(async () => (await client.getLease(id)).lease.state === 'active', 'the start');
  const { lease } = await client.extendLease(id, { max: true });
  expect(Date.parse(lease.expires_at ?? '') - Date.now()).toBeGreaterThan(6 * 86_400_000);
  await client.shelveLease(id);
  await until(async () => (await client.getLease(id)).lease.state === 'shelved', 'the shelf');
  const kept = await client.keepLease(id, { duration: '5d' });
  expect(Date.parse(kept.lease.keep_until ?? '') - Date.now()).toBeLessThanOrEqual(5 * 86_400_000);
  await expect(client.setTicket(id, { ticket: 'now' })).rejects.toMatchObject({ code: 'invalid_state' });
  await client.releaseLease(id);
});

test.each([
  [{ ticket: 'some day' }, 'malformed_time'],
  [{ ticket: '2020-01-01T00:00:00Z' }, 'time_in_past'],
  [{ ticket: 'now', at_end: 'delete' }, 'invalid'],
  [{ duration: undefined }, 'missing_field'],
  [{ duration: '8d' }, 'duration_too_long'],
])('%j is refused as %s', async (more, code) => {
  const reply = await post('/v1/leases', { flavor, duration: '1h', ...more });
  expect(await reply.json()).toMatchObject({ code });
});

test('a lease is borrowed, shown, listed, explained, and given back', async () => {
  const { lease, leases } = await client.createLease({ flavor, duration: '2h', name: 'first' });
  expect(leases).toEqual([lease]);
  expect(lease).toMatchObject({
    name: 'first',
    flavor,
    duration_seconds: 7200,
    project_id: 'demo',
    at_end: 'shelve',
  });
  const id = lease?.id ?? '';
  expect((await client.getLease(id.slice(0, 8))).lease.id).toBe(id);
  expect((await client.listLeases()).leases.map((each) => each.id)).toContain(id);
  expect((await client.getHost(lease?.host ?? '')).host.lease_ids).toContain(id);
  const { explanation } = await client.explain({ flavor, duration_seconds: 3600 });
  expect(explanation.hosts.length).toBeGreaterThan(0);
  const released = await client.releaseLease(id);
  expect(['ending', 'ended']).toContain(released.lease.state);
  expect(released.lease.generation).toBeGreaterThan(lease?.generation ?? 0);
});

test('a repetition with the same key answers the same and borrows nothing more', async () => {
  const body = { flavor, duration: '1h', name: 'once' };
  const first = await post('/v1/leases', body, { 'idempotency-key': 'key-1' });
  const second = await post('/v1/leases', { ...body }, { 'idempotency-key': 'key-1' });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(first.headers.get('idempotent-replayed')).toBeNull();
  expect(second.headers.get('idempotent-replayed')).toBe('true');
  const ids = [first, second].map(async (reply) => createdLeases.parse(await reply.json()).lease?.id);
  const [firstId, secondId] = await Promise.all(ids);
  expect(secondId).toBe(firstId);
  expect((await client.listLeases()).leases.filter(({ name }) => name === 'once').length).toBe(1);
  const other = await post('/v1/leases', { ...body, name: 'other' }, { 'idempotency-key': 'key-1' });
  expect([other.status, await other.json()]).toMatchObject([422, { code: 'idempotency_mismatch' }]);
});

test('a repeated booking is answered as the first, even when its start has passed', async () => {
  const fromMs = Date.now() + 1000;
  const body = { flavor, duration: '1h', from: new Date(fromMs).toISOString() };
  const first = await post('/v1/leases', body, { 'idempotency-key': 'window' });
  const { leases } = createdLeases.parse(await first.json());
  await until(() => Date.now() > fromMs, 'the start of the window');
  const second = await post('/v1/leases', body, { 'idempotency-key': 'window' });
  expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
  expect(createdLeases.parse(await second.json()).lease?.id).toBe(leases[0]?.id);
  const late = await post('/v1/leases', body);
  expect([late.status, await late.json()]).toMatchObject([400, { code: 'time_in_past', field: 'from' }]);
});

test('another caller may use the same key', async () => {
  const body = { flavor, duration: '1h' };
  const first = await post('/v1/leases', body, { 'idempotency-key': 'shared' });
  const otherToken = await server.token('member', 'demo', undefined, 'somebody else');
  const second = await post('/v1/leases', body, { 'idempotency-key': 'shared', 'x-auth-token': otherToken });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(second.headers.get('idempotent-replayed')).toBeNull();
});

test('revisions rise, and a read waits for the one it asks for', async () => {
  const before = Number(
    (await post('/v1/explain', { flavor, duration: '1h' })).headers.get('berth-revision'),
  );
  const created = await post('/v1/leases', { flavor, duration: '1h' });
  const revision = created.headers.get('berth-revision') ?? '';
  expect(Number(revision)).toBeGreaterThan(before);
  expect((await readAt(revision)).status).toBe(200);
  const malformed = await readAt('soon');
  expect([malformed.status, await malformed.json()]).toMatchObject([400, { code: 'malformed_header' }]);
});

test('several leases are made together', async () => {
  const from = new Date(Date.now() + 86_400_000).toISOString();
  const reply = await client.createLease({ flavor, duration: '1h', from, count: 2 });
  expect(reply.lease).toBeUndefined();
  expect(new Set(reply.leases.map(({ id }) => id)).size).toBe(2);
  expect(new Set(reply.leases.map(({ reservation_id: reservation }) => reservation)).size).toBe(1);
  for (const lease of reply.leases)
    expect(lease).toMatchObject({ state: 'reserved', starts_at: `${from.slice(0, 19)}Z` });
});

test('pages cover all leases once', async () => {
  const own = createClient({ baseUrl: server.url, token: await server.token('member', 'paging') });
  for (let index = 0; index < 5; index++) await own.createLease({ flavor, duration: '1h' });
  const all = (await own.listLeases()).leases.map(({ id }) => id);
  const paged: string[] = [];
  let marker: string | null = null;
  do {
    const page = await own.listLeases({ limit: 2, ...(marker !== null && { marker }) });
    expect(page.leases.length).toBeLessThanOrEqual(2);
    paged.push(...page.leases.map(({ id }) => id));
    marker = page.next;
  } while (marker !== null);
  expect(paged).toEqual(all);
  expect(all.length).toBe(5);
});

test('a token shows its secret once and works until it is revoked', async () => {
  const manager = createClient({ baseUrl: server.url, token: await server.token('manager', 'demo') });
  const { token: made, secret } = await manager.createToken({ name: 'ci', role: 'reader', duration: '1d' });
  const reader = createClient({ baseUrl: server.url, token: secret });
  expect((await reader.getStatus()).actor).toMatchObject({
    user_id: 'ci',
    project_id: 'demo',
    role: 'reader',
  });
  const { tokens } = await manager.listTokens();
  expect(tokens.map(({ id }) => id)).toContain(made.id);
  expect(JSON.stringify(tokens)).not.toContain(secret);
  await manager.revokeToken(made.id);
  await expect(reader.getStatus()).rejects.toMatchObject({ status: 401, code: 'unauthenticated' });
});

test('what cannot end before it is given is refused', async () => {
  const admin = createClient({ baseUrl: server.url, token: await server.token('admin', 'demo') });
  const [host] = (await admin.listHosts()).hosts;
  const past = '2020-01-01T00:00:00Z';
  const drain = admin.drainHost(host?.id ?? '', { reason: 'x', until: past });
  await expect(drain).rejects.toMatchObject({ status: 400, code: 'time_in_past', field: 'until' });
  const explain = client.explain({ flavor, duration: '1h', from: past });
  await expect(explain).rejects.toMatchObject({ status: 400, code: 'time_in_past', field: 'from' });
});

test("a flavor is also known by its cloud's own id", async () => {
  const [known] = (await client.listFlavors()).flavors;
  expect(known?.id).toBe(`sim:${known?.openstack_id ?? ''}`);
  expect((await client.getFlavor(known?.openstack_id ?? '')).flavor.id).toBe(known?.id);
});

test('a repeated adoption is answered with the lease of the first one', async () => {
  const adopt = await adoption();
  const first = await adopt({}, 'adoption');
  const second = await adopt({}, 'adoption');
  expect([first.status, second.status]).toEqual([201, 201]);
  const ids = [first, second].map(async (reply) => oneLease.parse(await reply.json()).lease.id);
  const [firstId, secondId] = await Promise.all(ids);
  expect(secondId).toBe(firstId);
});

test('an adoption does not take the id of a lease that has ended', async () => {
  const adopt = await adoption();
  const id = randomUUID();
  const adopted = await adopt({ lease_id: id }, 'first');
  expect(adopted.status).toBe(201);
  await server.engine.command('test', { type: 'lease.release', leaseId: asId(id) });
  await until(async () => (await client.getLease(id)).lease.state === 'ended', 'the end of the lease');
  const ended = (await client.getLease(id)).lease;
  const again = await adopt({ lease_id: id }, 'second');
  expect([again.status, await again.json()]).toMatchObject([
    409,
    { code: 'already_exists', details: { lease: id } },
  ]);
  expect((await client.getLease(id)).lease).toEqual(ended);
  // Who repeats the first request is still told what it did.
  expect((await adopt({ lease_id: id }, 'first')).headers.get('idempotent-replayed')).toBe('true');
  // Its usage stays when its record goes, and is that of one lease.
  const removal = { type: 'records.remove', leaseIds: [asId<'lease'>(id)], eventFloor: null } as const;
  expect(await server.engine.command('test', removal)).toMatchObject({ ok: true });
  await expect(client.getLease(id)).rejects.toMatchObject({ status: 404 });
  const last = await adopt({ lease_id: id }, 'third');
  expect([last.status, await last.json()]).toMatchObject([
    409,
    { code: 'already_exists', field: 'lease_id', details: { lease: id } },
  ]);
});

test('an operator drains, freezes, and sets limits', async () => {
  const admin = createClient({ baseUrl: server.url, token: await server.token('admin', 'demo') });
  const [first] = (await admin.listHosts()).hosts;
  const drained = await admin.drainHost(first?.id ?? '', { reason: 'new fans' });
  expect(drained.host.drain).toMatchObject({ reason: 'new fans', until: null });
  expect((await admin.undrainHost(first?.id ?? '')).host.drain).toBeNull();
  expect((await admin.freeze({ reason: 'storage is down' })).freeze).toMatchObject({
    frozen: true,
    reason: 'storage is down',
  });
  expect((await admin.thaw()).freeze.frozen).toBe(false);
  const { project } = await admin.putProject('vision', {
    limits: { gpus: 4, max_duration_seconds: 7200 },
    users: { ada: { queued: null } },
  });
  const none = {
    gpus: null,
    gpus_by_class: {},
    leases: null,
    gpu_hours_per_month: null,
    max_duration_seconds: null,
    queued: null,
  };
  const limits = { ...none, gpus: 4, max_duration_seconds: 7200 };
  expect(project).toEqual({
    id: 'vision',
    name: 'vision',
    limits,
    per_user: none,
    users: { ada: { queued: null } },
  });
  expect((await admin.listFindings()).findings).toEqual([]);
});

test('a lease on the wire has exactly the members of its schema', async () => {
  const reply = await post('/v1/leases', { flavor, duration: '1h' });
  const body = createdLeases.extend({ lease: leaseJson.strict() }).parse(await reply.json());
  expect(Object.keys(body.lease).toSorted()).toEqual(Object.keys(leaseJson.shape).toSorted());
});
