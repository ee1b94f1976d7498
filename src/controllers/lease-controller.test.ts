import { expect, test } from 'vitest';
import { CALL_TIMEOUT_MS, leaseId, SimulatedService } from '../../test/support/simulated-service.ts';
import { MINUTE_MS, SECOND_MS } from '../base/units.ts';
import type { Provider } from '../engine/ports.ts';
import { NO_FAULTS, type ArmedFault } from '../sim/faults.ts';

const ALL = { servers: 1, ports: 1, floatingIps: 1 };
const NOTHING = { servers: 0, ports: 0, floatingIps: 0 };

/** Up, to the shelf, back, and away: every step that there is. */
async function liveFully(service: SimulatedService): Promise<void> {
  await service.borrow(['a'], { atEnd: 'shelve' });
  await service.reach('a', 'active');
  expect(service.outside()).toEqual(ALL);
  await service.give({ type: 'lease.shelve', leaseId: leaseId('a') });
  await service.reach('a', 'shelved');
  expect(service.outside()).toEqual(ALL);
  await service.give({
    type: 'lease.unshelve',
    role: 'member',
    leaseId: leaseId('a'),
    durationMs: null,
    waitUntilMs: null,
  });
  await service.reach('a', 'active');
  await service.give({ type: 'lease.release', leaseId: leaseId('a') });
  await service.reach('a', 'ended');
}

test('brings a lease up, to the shelf, back, and away, and leaves nothing behind', async () => {
  const service = await new SimulatedService().open();
  await liveFully(service);
  expect(service.outside()).toEqual(NOTHING);
  expect(service.engine.world.openIntents.size).toBe(0);
  expect(service.bugs).toEqual([]);
});

test('hands out a connection and the host that Nova chose', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a']);
  await service.reach('a', 'active');
  const lease = service.lease('a');
  const [server] = service.cloud.servers.values();
  expect(lease?.state).toMatchObject({
    connection: { host: lease?.refs.address, port: 22, user: 'ubuntu' },
    claim: { provisional: false, hostId: `sim:${server?.host}` },
  });
  expect(lease?.refs).toMatchObject({ serverId: server?.id });
});

const STEPS: readonly (readonly [name: string, method: string, pathContains: string])[] = [
  ['createPort', 'POST', '/v2.0/ports'],
  ['createServer', 'POST', '/v2.1/servers'],
  ['createFloatingIp', 'POST', '/v2.0/floatingips'],
  ['shelve or unshelve', 'POST', '/action'],
  ['deleteFloatingIp', 'DELETE', '/floatingips/'],
  ['deleteServer', 'DELETE', '/servers/'],
  ['deletePort', 'DELETE', '/ports/'],
];
const FAULTS: readonly ArmedFault['kind'][] = [
  'requestLost',
  'replyDropped',
  'errorAfterEffect',
  'acceptedLate',
  'rateLimited',
];

test.each(STEPS)(
  'whatever happens to %s, there is one of everything and then nothing',
  async (_name, method, pathContains) => {
    for (const kind of FAULTS) {
      const service = await new SimulatedService().open();
      service.cloud.arm({ kind, method, pathContains });
      await liveFully(service);
      // What is no creation is repeated at once, and may leave nothing to do for the late one.
      const isRepeated = method === 'DELETE' || pathContains === '/action';
      const mayBeMoot = kind === 'acceptedLate' && isRepeated;
      expect(service.cloud.faultCounts[kind], kind).toBeOneOf(mayBeMoot ? [0, 1] : [1]);
      // What was accepted late shows up after the lease has ended, and is swept.
      await service.clock.run(5 * MINUTE_MS);
      expect(service.outside(), kind).toEqual(NOTHING);
      expect(service.bugs, kind).toEqual([]);
    }
  },
);

test('does not repeat a creation before its time-out, and not at all where it took effect', async () => {
  const service = await new SimulatedService().open();
  service.cloud.arm({ kind: 'replyDropped', method: 'POST', pathContains: '/v2.1/servers' });
  const opened: string[] = [];
  service.engine.onCommit((changes) => {
    for (const change of changes ?? []) {
      if (change.entity === 'intent' && change.after !== null) opened.push(change.after.step);
    }
  });
  await service.borrow(['a']);
  await service.reach('a', 'active');
  expect(opened).toEqual(['createPort', 'createServer', 'createFloatingIp']);

  service.cloud.arm({ kind: 'requestLost', method: 'POST', pathContains: '/v2.0/ports' });
  await service.borrow(['b']);
  const from = service.clock.monotonicMs();
  await service.clock.runUntil(
    () => opened.filter((step) => step === 'createPort').length === 3,
    5 * MINUTE_MS,
  );
  expect(service.clock.monotonicMs() - from).toBeGreaterThanOrEqual(CALL_TIMEOUT_MS);
  expect(service.lease('b')?.setbacks).toMatchObject([{ code: 'cloud_no_reply' }]);
});

/** On the shelf, with everything that it had. */
async function shelve(service: SimulatedService, more: Parameters<SimulatedService['borrow']>[1] = {}) {
  await service.borrow(['a'], { atEnd: 'shelve', ...more });
  await service.reach('a', 'active');
  await service.give({ type: 'lease.shelve', leaseId: leaseId('a') });
  await service.reach('a', 'shelved');
  const lease = service.lease('a');
  if (lease?.refs.serverId === undefined || lease.refs.serverId === null) throw new Error('it has a server');
  return { serverId: lease.refs.serverId, address: lease.refs.address };
}

const UNSHELVE = {
  type: 'lease.unshelve',
  role: 'member',
  leaseId: leaseId('a'),
  durationMs: null,
  waitUntilMs: null,
} as const;

test('a lease comes back with the address that somebody had taken off its port', async () => {
  const service = await new SimulatedService().open();
  const { serverId, address } = await shelve(service);
  expect(service.cloud.disturb('floatingIpTakenOff', serverId, service.cloud.nowMs, service.prng)).toBe(true);
  await service.give(UNSHELVE);
  await service.reach('a', 'active');
  expect(service.lease('a')).toMatchObject({ refs: { address }, state: { connection: { host: address } } });
  expect(service.lease('a')?.setbacks).toEqual([]);
});

test('a lease whose floating IP was deleted comes back with another, and its owner is told', async () => {
  const service = await new SimulatedService().open();
  const { address } = await shelve(service);
  const lease = service.lease('a');
  const id = lease?.refs.floatingIpId ?? null;
  if (lease === undefined || id === null) throw new Error('it has a floating IP');
  const deleted = service.provider.perform({ kind: 'deleteFloatingIp', id }, { deploymentId: 'd0', lease });
  await service.clock.run(SECOND_MS);
  await deleted;
  await service.give(UNSHELVE);
  await service.reach('a', 'active');
  const now = service.lease('a')?.refs.address;
  expect(now).not.toBe(address);
  const told = (await service.events()).filter(({ type }) => type === 'lease.address_changed');
  expect(told).toMatchObject([{ data: { from: address, to: now } }]);
  expect(service.lease('a')?.setbacks).toMatchObject([{ code: 'address_changed' }]);
});

test('a server that goes to ERROR on its way back is shelved again and tried elsewhere', async () => {
  const service = await new SimulatedService().open();
  await shelve(service);
  service.cloud.arm({ kind: 'unshelveInterrupted' });
  await service.give(UNSHELVE);
  await service.reach('a', 'active');
  expect(service.lease('a')?.setbacks).toMatchObject([{ code: 'unshelve_failed' }]);
  expect(service.cloud.faultCounts.unshelveInterrupted).toBe(1);
});

test('a server without its image keeps no card, and its owner is told', async () => {
  const service = await new SimulatedService().open();
  const { serverId } = await shelve(service);
  service.cloud.disturb('shelveImageDeleted', serverId, service.cloud.nowMs, service.prng);
  await service.give(UNSHELVE);
  await service.reach('a', 'starting');
  await service.reach('a', 'shelved');
  expect(service.lease('a')?.setbacks).toMatchObject([{ code: 'shelve_image_lost' }]);
  expect([...service.engine.world.hosts.values()].every((row) => row.claims.size === 0)).toBe(true);
});

test.each(['shelve', 'shelve_or_delete'] as const)('what the cloud never shelves: %s', async (atEnd) => {
  const service = await new SimulatedService().open();
  service.cloud.faultPolicy = { ...NO_FAULTS, rates: { shelveFails: 1 } };
  await service.borrow(['a'], { atEnd, durationMs: MINUTE_MS, renew: false });
  await service.reach('a', 'active');
  await service.reach('a', 'shelving');
  await service.clock.run(9 * MINUTE_MS);
  expect(service.lease('a')?.state.kind).toBe('shelving');
  expect([...service.engine.world.findings.values()].map(({ code }) => code)).toEqual(['shelve_failing']);
  expect([...service.cloud.servers.values()].map(({ locked }) => locked)).toEqual([true]);
  if (atEnd === 'shelve') {
    await service.clock.run(60 * MINUTE_MS);
    expect(service.lease('a')?.state.kind).toBe('shelving');
  } else {
    await service.reach('a', 'ended');
    expect(service.outside()).toEqual(NOTHING);
    const told = (await service.events()).find(({ type }) => type === 'lease.unshelvable');
    expect(told?.reason).toMatch(/^it could not be shelved in \d+ tries: /);
  }
});

test('no disk is given up because the API was away', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a'], { atEnd: 'shelve_or_delete', durationMs: MINUTE_MS, renew: false });
  await service.reach('a', 'active');
  service.cloud.faultPolicy = { ...NO_FAULTS, rates: { badGateway: 1 } };
  await service.reach('a', 'shelving');
  await service.clock.run(60 * MINUTE_MS);
  service.cloud.faultPolicy = NO_FAULTS;
  await service.reach('a', 'shelved');
});

test('a call that hangs for ten minutes delays no other lease: it ends on time', async () => {
  const service = await new SimulatedService({
    around: (provider) => ({ ...provider, perform: hangFirstShelve(provider) }),
  }).open();
  await service.borrow(['a'], { atEnd: 'shelve', durationMs: 2 * MINUTE_MS, renew: false });
  await service.borrow(['b'], { atEnd: 'shelve', durationMs: 3 * MINUTE_MS, renew: false });
  await service.reach('a', 'active');
  await service.reach('b', 'active');
  const endsAtMs = expiresAt(service, 'b');
  await service.reach('a', 'shelving');
  await service.reach('b', 'shelved');
  expect(service.engine.nowMs() - endsAtMs).toBeLessThan(5 * MINUTE_MS);
  expect(service.lease('a')?.state.kind).toBe('shelving');
  const [late] = (await service.events()).filter(
    ({ type, id }) => type === 'lease.expired' && id === leaseId('b'),
  );
  expect(late?.data).toMatchObject({ late_ms: 0 });
  await service.reach('a', 'shelved');

  /** The first order to shelve is not answered, and not heard, for ten minutes. */
  function hangFirstShelve(provider: Provider): Provider['perform'] {
    let hangs = true;
    return async (step, subject) => {
      if (step.kind === 'shelve' && hangs) {
        hangs = false;
        await new Promise<void>((resolve) => void service.clock.setTimer(10 * MINUTE_MS, resolve));
      }
      return provider.perform(step, subject);
    };
  }
});

function expiresAt(service: SimulatedService, name: string): number {
  const state = service.lease(name)?.state;
  return state?.kind === 'active' ? state.expiresAtMs : Number.NaN;
}

test('a start that the cloud refuses for good fails with its words', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a'], { image: 'no-such-image' });
  await service.reach('a', 'ended');
  const ended = await service.engine.readLease(leaseId('a'));
  expect(ended?.state).toMatchObject({ kind: 'ended', reason: 'failed' });
  expect(ended?.state).toMatchObject({ cause: expect.stringContaining('no-such-image') });
  expect(service.outside()).toEqual(NOTHING);
});

test('a start on a host that cannot is tried again elsewhere, after its remains are gone', async () => {
  const service = await new SimulatedService().open();
  service.cloud.arm({ kind: 'buildError' });
  await service.borrow(['a']);
  await service.reach('a', 'active');
  expect(service.lease('a')?.setbacks).toMatchObject([{ code: 'no_valid_host' }]);
  expect(service.outside()).toEqual(ALL);
});

test('tells the same trouble once a minute, however often it is met', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a']);
  await service.reach('a', 'active');
  service.cloud.faultPolicy = { ...service.cloud.faultPolicy, rates: { badGateway: 1 } };
  await service.give({ type: 'lease.release', leaseId: leaseId('a') });
  // A cloud of which nothing can be read is no news about a lease: nothing was tried.
  await service.clock.run(10 * MINUTE_MS);
  expect(service.lease('a')?.setbacks).toEqual([]);
  expect([...service.engine.world.findings.keys()]).toContain('end_failing:lease/a');
  expect(service.controllers.providers()).toMatchObject([
    { reachable: false, error: expect.stringContaining('502') },
  ]);

  service.cloud.faultPolicy = { ...service.cloud.faultPolicy, rates: {} };
  await service.reach('a', 'ended');
  expect([...service.engine.world.findings.keys()]).toEqual([]);
  expect(service.outside()).toEqual(NOTHING);
});

test.each(['frozen', 'observing'])(
  'while %s, nothing is changed outside, and what would be done is shown',
  async (mode) => {
    const service = await new SimulatedService().open();
    await service.borrow(['a', 'b']);
    await service.reach('a', 'active');
    await service.reach('b', 'active');
    await service.give({ type: 'lease.release', leaseId: leaseId('a') });
    await service.give(
      mode === 'frozen'
        ? { type: 'service.freeze', reason: 'test' }
        : { type: 'service.mode', mode: { kind: 'observe', reason: 'test' } },
    );
    await service.clock.run(MINUTE_MS);
    const before = service.outside();
    await service.clock.run(20 * MINUTE_MS);
    expect(service.outside()).toEqual(before);
    expect(service.controllers.plannedSteps()).toMatchObject([{ leaseId: 'a', step: 'deleteFloatingIp' }]);
    expect(service.controllers.providers()).toMatchObject([{ reachable: true }]);

    await service.give(
      mode === 'frozen' ? { type: 'service.thaw' } : { type: 'service.mode', mode: { kind: 'act' } },
    );
    await service.clock.run(SECOND_MS);
    expect(service.controllers.plannedSteps()).toEqual([]);
    await service.reach('a', 'ended', MINUTE_MS);
    expect(service.outside()).toEqual(ALL);
  },
);

test('while frozen, nothing counts as gone: what the cloud shows may be the reason', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a']);
  await service.give({ type: 'lease.release', leaseId: leaseId('a') });
  await service.give({ type: 'service.freeze', reason: 'test' });
  await service.clock.run(10 * MINUTE_MS);
  expect(service.lease('a')?.state.kind).toBe('ending');
  await service.give({ type: 'service.thaw' });
  await service.reach('a', 'ended', MINUTE_MS);
});

test('never makes more calls at once than allowed', async () => {
  let running = 0;
  let most = 0;
  const service = await new SimulatedService({
    controllers: { callsMax: 2 },
    around: (provider) => ({
      ...provider,
      perform: (step, subject) => {
        most = Math.max(most, ++running);
        return provider.perform(step, subject).finally(() => (running -= 1));
      },
    }),
  }).open();
  await service.borrow(['a', 'b', 'c', 'd']);
  for (const name of ['a', 'b', 'c', 'd']) await service.reach(name, 'active');
  expect(most).toBe(2);
});
