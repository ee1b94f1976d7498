import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import { createPhoneHome } from '../../src/main/phone-home.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';
import { create } from '../support/worlds.ts';

let server: TestServer;
/** As `berth serve` puts it together. */
const phoneHome = createPhoneHome(Buffer.alloc(32, 7), null);
const portOf = (id: string): string | null => leaseOf(id)?.refs.portId ?? null;
const leaseOf = (id: string) => server.engine.world.leases.get(asId<'lease'>(id));

beforeEach(async () => {
  server = await startTestServer({
    server: {
      isMachineOf: (id, secret) => phoneHome.isValid(id, portOf(id), secret),
      rateLimit: { perSecond: 1000, burst: 1000 },
    },
  });
});

afterEach(() => server.close());

/** A lease whose machine is being built for ever. */
async function starting(): Promise<string> {
  const id = randomUUID();
  server.cloud.arm({ kind: 'buildHangs' });
  const outcome = await server.engine.command('test', create(id, 'gpu_tiny'));
  expect(outcome.ok).toBe(true);
  await until(() => progressOf(id) === 'building', 'the build');
  return id;
}

function stateOf(id: string) {
  const state = server.engine.world.leases.get(asId<'lease'>(id))?.state;
  return state?.kind === 'starting' ? state : null;
}

const progressOf = (id: string) => stateOf(id)?.progress;

const secretOf = (id: string): string =>
  phoneHome
    .url(id, portOf(id) ?? 'none')
    .split('/')
    .at(-1) ?? '';

/** As cloud-init does it, but for what is replaced. */
function callHome(id: string, secret = secretOf(id), init: RequestInit = {}): Promise<Response> {
  return fetch(`${server.url}/v1/phone-home/${id}/${secret}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'instance_id=i-0001',
    ...init,
  });
}

test('a machine that calls is known to be up; its repetition is answered alike', async () => {
  const id = await starting();
  for (const time of ['once', 'twice']) {
    const reply = await callHome(id);
    expect([time, reply.status, await reply.text()]).toEqual([time, 204, '']);
    expect(stateOf(id)?.calledHome).toBe(true);
  }
});

test.each(['application/json', 'text/plain', ''])('a body of type %j will do', async (type) => {
  const id = await starting();
  const headers = type === '' ? {} : { 'content-type': type };
  const init = { headers, body: type === '' ? null : '{not json' };
  expect((await callHome(id, undefined, init)).status).toBe(204);
});

test('a wrong secret, an unknown lease, and one that waits for nobody are answered alike', async () => {
  const id = await starting();
  const unknown = randomUUID();
  const replies = [await callHome(id, 'guess'), await callHome(unknown)];
  await server.engine.command('test', { type: 'lease.release', leaseId: asId<'lease'>(id) });
  replies.push(await callHome(id));
  for (const reply of replies) {
    expect(reply.status).toBe(404);
    expect(await reply.json()).toMatchObject({ code: 'not_found', detail: 'nobody waits for this call' });
  }
});

test('who guesses is slowed down, and who knows is not', async () => {
  const id = await starting();
  const statuses: number[] = [];
  for (let guess = 0; guess < 25; guess++) statuses.push((await callHome(id, `guess-${guess}`)).status);
  expect(new Set(statuses.slice(0, 20))).toEqual(new Set([404]));
  expect(statuses.at(-1)).toBe(429);
  expect((await callHome(id)).status).toBe(204);
});

test('a large body is refused', async () => {
  expect((await callHome(await starting(), undefined, { body: 'x'.repeat(20_000) })).status).toBe(413);
});

test('the machine of a failed try cannot report the next one ready', async () => {
  const id = await starting();
  const before = { port: portOf(id), secret: secretOf(id) };
  server.cloud.arm({ kind: 'buildHangs' });
  const failure = { code: 'build_failed', message: 'it hangs', next: 'other_host' } as const;
  const failed = { type: 'lease.startFailed', leaseId: asId<'lease'>(id), failure } as const;
  expect((await server.engine.command('test', failed)).ok).toBe(true);
  await until(() => progressOf(id) === 'building' && portOf(id) !== before.port, 'the next try');
  expect((await callHome(id, before.secret)).status).toBe(404);
  expect(stateOf(id)?.calledHome).toBe(false);
  expect((await callHome(id)).status).toBe(204);
  expect(stateOf(id)?.calledHome).toBe(true);
});
