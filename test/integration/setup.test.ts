import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { MINUTE_MS } from '../../src/base/units.ts';
import { NO_SETUP, type Setup } from '../../src/domain/model/setup.ts';
import { DEFAULT_SETTINGS } from '../../src/domain/settings.ts';
import { createReadiness, type ProbeKind } from '../../src/openstack/readiness/readiness.ts';
import { createCatalogue } from '../../src/profiles/catalogue.ts';
import { ownProfile, ownProfileSchema } from '../../src/profiles/own.ts';
import { leaseId, SimulatedService, type ServiceOptions } from '../support/simulated-service.ts';
import { create } from '../support/worlds.ts';

/** Machines of the simulated cloud that are set up: seen on their console, or told by their calls. */
const CATALOGUE = createCatalogue([
  ownProfile(
    ownProfileSchema.parse({
      name: 'broken',
      summary: 'Never works',
      steps: [
        { title: 'beginning', script: 'true' },
        { title: 'failing here', script: 'exit 1' },
      ],
    }),
  ),
]);

async function serving(
  probe: Exclude<ProbeKind, 'ssh'>,
  topology: ServiceOptions['topology'] = {},
): Promise<SimulatedService> {
  const readiness = createReadiness({
    probe,
    consoleText: 'Cloud-init v.* finished',
    phoneHomeUrl: (id) => `https://berth.example.org/${id}`,
    // Only for the time-out of SSH, of which nobody is asked here.
    clock: systemClock,
  });
  const service = new SimulatedService({ topology, changes: { profiles: CATALOGUE, readiness } });
  return service.open();
}

function borrow(of: SimulatedService, name: string, setup: Partial<Setup>) {
  return of.give({ ...create(name, 'gpu_tiny'), setup: { ...NO_SETUP, ...setup } });
}

async function obstaclesOf(of: SimulatedService): Promise<readonly (string | null)[]> {
  const events = await of.events();
  const told = events.filter(({ type, reason }) => type === 'lease.progressed' && reason !== null);
  return told.map(({ reason }) => reason);
}

const CUDA: Partial<Setup> = { profiles: [{ name: 'cuda', params: {} }], expectedMs: 15 * MINUTE_MS };

test.each(['none', 'console'] as const)(
  'with probe %s a lease is active once its console says that the machine is set up',
  async (probe) => {
    const of = await serving(probe);
    expect(await borrow(of, 'a', CUDA)).toMatchObject({ ok: true });
    await of.reach('a', 'active');
    const obstacles = await obstaclesOf(of);
    expect(obstacles).toContain('installing CUDA 12.4 (3 of 3)');
    expect(obstacles.every((obstacle) => /\(\d of 3\)$|has not begun/.test(obstacle ?? ''))).toBe(true);
  },
);

test('a set-up that fails ends the lease in the words of the machine, and leaves nothing', async () => {
  const of = await serving('none');
  await borrow(of, 'a', { profiles: [{ name: 'broken', params: {} }] });
  await of.reach('a', 'ended');
  expect(of.lease('a')).toBeUndefined();
  const failed = (await of.events()).find(({ type }) => type === 'lease.start_failed');
  expect(failed?.reason).toBe('its set-up has failed: broken: failing here: it was to fail');
  expect(of.outside()).toEqual({ servers: 0, ports: 0, floatingIps: 0 });
});

test('where machines call, their words are kept over a crash, and decide', async () => {
  const of = await serving('phone_home');
  await borrow(of, 'a', CUDA);
  const isChecked = (): boolean => {
    const state = of.lease('a')?.state;
    return state?.kind === 'starting' && state.obstacle === 'its set-up has not begun yet';
  };
  await of.clock.runUntil(isChecked, 5 * MINUTE_MS);
  const tell = (word: string) => of.give({ type: 'lease.setupTold', leaseId: leaseId('a'), word });
  await tell('1/2 cuda: installing CUDA 12.4');
  await tell('note cuda: CUDA 12.4 in /usr/local/cuda');
  await of.crash();
  await of.open();
  await tell('done');
  await of.reach('a', 'active', MINUTE_MS);
  expect(of.lease('a')?.state).toMatchObject({ notes: ['cuda: CUDA 12.4 in /usr/local/cuda'] });
  expect(await tell('done')).toMatchObject({ ok: false, refusal: { code: 'stale' } });
});

test('a start takes as much longer as its profiles may, and no longer', async () => {
  const of = await serving('phone_home');
  await borrow(of, 'a', CUDA);
  await borrow(of, 'b', { ...CUDA, expectedMs: 100 * 60 * MINUTE_MS });
  const deadlines = ['a', 'b'].map((name) => {
    const state = of.lease(name)?.state;
    return state?.kind === 'starting' ? state.deadlineMs - state.sinceMs : null;
  });
  const plain = DEFAULT_SETTINGS.startTimeoutMs;
  expect(deadlines).toEqual([plain + 30 * MINUTE_MS, plain + 180 * MINUTE_MS]);
});

test('SSH is let in from where it was asked for: one group per project, each rule once', async () => {
  const of = await serving('none');
  const sshFrom = ['192.0.2.0/24'];
  await borrow(of, 'a', { sshFrom });
  await borrow(of, 'b', { sshFrom: ['192.0.2.0/24', '2001:db8::/64'] });
  await of.reach('a', 'active');
  await of.reach('b', 'active');
  const groups = [...of.cloud.securityGroups.values()].filter(({ name }) => name === 'berth-ssh');
  expect(groups).toMatchObject([{ description: 'berth:d0d0d0d0:ssh' }]);
  expect(
    groups[0]?.rules?.map((rule) => [rule.remote_ip_prefix, rule.ethertype, rule.port_range_min]),
  ).toEqual([
    ['192.0.2.0/24', 'IPv4', 22],
    ['2001:db8::/64', 'IPv6', 22],
  ]);
  const plugged = [...of.cloud.ports.values()].map(({ securityGroupIds }) => securityGroupIds.length);
  expect(plugged).toEqual([2, 2]);
});

test('who asks for the fixed address gets no floating IP', async () => {
  const of = await serving('none');
  await borrow(of, 'a', { address: 'fixed' });
  await of.reach('a', 'active');
  expect(of.cloud.floatingIps.size).toBe(0);
  const [port] = of.cloud.ports.values();
  expect(of.lease('a')?.state).toMatchObject({ connection: { host: port?.address } });
});

test.each([
  ['family:ubuntu-22.04', true],
  ['property:os_type=linux,os_distro=ubuntu', true],
  ['family:fedora-40', false],
  ['property:os_type', false],
])('an image may be described: %s', async (image, isThere) => {
  const properties = { os_distro: 'ubuntu', os_version: '22.04', os_type: 'linux' };
  const plain = { name: 'plain', min_disk: 10, min_ram: 1024, status: 'active', properties } as const;
  // What was saved of a server has the properties of its image, and is newer.
  const saved = { ...plain, name: 'saved', properties: { ...properties, image_type: 'snapshot' } };
  const of = await serving('none', { images: [plain, saved] });
  await of.give({ ...create('a', 'gpu_tiny'), image });
  await of.reach('a', isThere ? 'active' : 'ended');
  const [server] = of.cloud.servers.values();
  const booted = [...of.cloud.images.values()].find(({ id }) => id === server?.imageId)?.name;
  expect(booted).toBe(isThere ? 'plain' : undefined);
});
