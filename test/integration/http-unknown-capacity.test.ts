/** What the doors tell of capacity that nobody knows, or that was known a while ago. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import { MINUTE_MS, SECOND_MS } from '../../src/base/units.ts';
import { createClient } from '../../src/client/client.ts';
import type { CloudAccount } from '../../src/engine/cloud-account.ts';
import { Service } from '../../src/engine/service.ts';
import type { ProviderStatus } from '../../src/engine/views.ts';
import { createServer, type BerthServer } from '../../src/server/server.ts';
import { startRig, type Rig } from '../support/engine-rig.ts';
import { flavor, slotHost } from '../support/worlds.ts';
import { createCatalogue } from '../../src/profiles/catalogue.ts';

const MEMBER: CloudAccount = {
  userId: 'u',
  userName: 'berth',
  projectId: null,
  projectName: 'demo',
  roles: ['member'],
  rights: 'member',
  missing: ['hypervisors'],
  ownership: 'service',
  placement: 'nova',
};

let rig: Rig;
let server: BerthServer;
let url: string;
let statuses: readonly ProviderStatus[] = [];

beforeEach(async () => {
  rig = await startRig();
  for (const cloud of ['north', 'south']) {
    const providerId = asId<'provider'>(cloud);
    const hosts = [{ ...slotHost(`${cloud}:h`, { V100: 4 }), providerId }];
    const one = flavor('one', { V100: 1 });
    const flavors = [{ ...one, id: asId<'flavor'>(`${cloud}:one`), externalId: `${cloud}-one`, providerId }];
    await rig.engine.command('test', { type: 'inventory.observed', providerId, hosts, flavors });
  }
  server = await createServer({
    engine: new Service({
      engine: rig.engine,
      outside: {
        providers: () => statuses,
        plannedSteps: () => [],
        adoptable: () => [],
        admit: async () => null,
        ready: () => true,
      },
    }),
    logger: { logs: () => false, log: () => undefined },
    clock: rig.clock,
    ids: { next: () => 'id' },
    version: '0.0.0-test',
    openAs: { kind: 'user', userId: 'u', projectId: asId('demo'), role: 'admin' },
    clouds: [],
    metricsNeedToken: false,
    rateLimit: null,
    isMachineOf: () => false,
    profiles: createCatalogue([]),
    trustedProxies: [],
    tls: null,
  });
  url = await server.listen('127.0.0.1', 0);
});

afterEach(() => server.close());

test('an account without the rights to look shows no number for what is free', async () => {
  await become([seen('north', { account: MEMBER }), seen('south')]);
  expect(await listed()).toMatchObject([
    { id: 'north:one', total: 4, available: null, note: expect.stringContaining('own project') },
    { id: 'south:one', total: 4, available: 4, note: null },
  ]);
  expect(await report()).toMatchObject([
    200,
    { flavors: [{ flavor_openstack_id: 'south-one', available: 4 }] },
  ]);
  expect(await report('/north-one')).toMatchObject([503, { detail: expect.stringContaining('own project') }]);
  await become([seen('north', { account: MEMBER })]);
  expect(await report()).toMatchObject([503, { detail: expect.stringContaining('own project') }]);
});

test('a cloud that is down keeps its numbers with their age, and the others answer on', async () => {
  const lastSeenMs = rig.engine.nowMs();
  const down = { reachable: false, error: 'no answer', observedAtMs: lastSeenMs };
  await become([seen('north', down), seen('south')]);
  await rig.clock.run(4 * MINUTE_MS);
  await become([seen('north', down), seen('south')]);
  const observed_at = `${new Date(lastSeenMs).toISOString().slice(0, 19)}Z`;
  expect((await listed())[0]).toMatchObject({
    available: 4,
    observed_at,
    note: 'cloud north does not answer: as it was last seen',
  });
  const timestamp = observed_at.slice(0, 19).replace('T', ' ');
  expect(await report()).toMatchObject([200, { flavors: [{}, {}], timestamp }]);

  await rig.clock.run(2 * MINUTE_MS);
  await become([seen('north', down), seen('south')]);
  expect((await listed())[0]).toMatchObject({ available: 4, observed_at });
  expect(await report()).toMatchObject([200, { flavors: [{ flavor_openstack_id: 'south-one' }] }]);
  expect(await report('/north-one')).toMatchObject([
    503,
    { detail: expect.stringContaining('does not answer') },
  ]);
  await become([seen('north', down)]);
  expect(await report()).toMatchObject([503, { detail: expect.stringContaining('last seen 6 minutes ago') }]);
});

test('no report is made before every cloud was tried', async () => {
  await become([seen('north', { observedAtMs: null, reachable: false }), seen('south')]);
  expect((await report())[0]).toBe(503);
  await become([seen('north', { observedAtMs: null, reachable: false, error: 'no answer' }), seen('south')]);
  expect(await report()).toMatchObject([200, { flavors: [{ flavor_openstack_id: 'south-one' }] }]);
});

function seen(id: string, more: Partial<ProviderStatus> = {}): ProviderStatus {
  const fresh = {
    reachable: true,
    observedAtMs: rig.engine.nowMs(),
    error: null,
    warnings: [],
    account: null,
  };
  return { id, kind: 'openstack', ...fresh, ...more };
}

/** From the next second on: so long may a report be kept. */
async function become(next: readonly ProviderStatus[]): Promise<void> {
  statuses = next;
  await rig.clock.run(SECOND_MS);
}

async function listed(): Promise<readonly object[]> {
  return (await createClient({ baseUrl: url, token: null }).listFlavors()).flavors;
}

async function report(path = ''): Promise<readonly [status: number, body: unknown]> {
  const reply = await fetch(`${url}/gpus/flavors${path}`);
  return [reply.status, await reply.json()];
}
