import { describe, expect, test } from 'vitest';
import { create, flavor, host, lease, PROVIDER, slotHost, unitHost } from '../../../test/support/worlds.ts';
import { MINUTE_MS } from '../../base/units.ts';
import type { ObservedHost } from '../command.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });

function observe(run: PunctualRun, hosts: readonly ObservedHost[], flavors = [ONE]): readonly string[] {
  const decision = run.give({ type: 'inventory.observed', providerId: PROVIDER, hosts, flavors });
  if (decision.kind === 'refused') throw new Error(decision.refusal.message);
  return decision.events.map(({ type }) => type);
}

function withLease(): PunctualRun {
  const run = new PunctualRun([slotHost('s1', { V100: 2 })], [ONE]);
  run.give(create('a', 'one'));
  run.run(MINUTE_MS);
  return run;
}

describe('a host with leases on it', () => {
  test('that is listed no longer stays in the books, closed, until they are gone', () => {
    const run = withLease();
    expect(observe(run, [])).toContain('host.missing');
    expect(run.give(create('b', 'one', { waitUntilMs: 0 }))).toMatchObject({ kind: 'refused' });
    expect(run.state(lease('a'))).toBe('active');
    run.give({ type: 'lease.release', leaseId: lease('a') });
    run.run(MINUTE_MS);
    expect(observe(run, [])).toEqual(['host.vanished']);
    expect(run.world.hosts.size).toBe(0);
  });

  test('that comes back is open again', () => {
    const run = withLease();
    observe(run, []);
    expect(observe(run, [slotHost('s1', { V100: 2 })])).toContain('host.up');
    expect(run.give(create('b', 'one', { waitUntilMs: 0 }))).toMatchObject({ kind: 'decided' });
  });

  test('that is disabled takes nothing more and ends nothing', () => {
    const run = withLease();
    const status = { kind: 'disabled', reason: 'maintenance' } as const;
    expect(observe(run, [{ ...slotHost('s1', { V100: 2 }), status }])).toEqual(['host.disabled']);
    expect(run.state(lease('a'))).toBe('active');
    expect(run.give(create('b', 'one', { waitUntilMs: 0 }))).toMatchObject({ kind: 'refused' });
  });

  test('that gets more cards takes who waits', () => {
    const run = withLease();
    for (const id of ['b', 'c']) run.give(create(id, 'one'));
    observe(run, [slotHost('s1', { V100: 3 })]);
    expect(['b', 'c'].map((id) => run.state(lease(id)))).toEqual(['starting', 'starting']);
  });

  test('whose cards instances outside Berth take keeps its own leases', () => {
    const run = withLease();
    const foreign = { resources: { vcpus: 4, memoryMiB: 1024, diskGiB: 0 }, devices: { V100: 2 } };
    observe(run, [{ ...slotHost('s1', { V100: 2 }), foreign }]);
    expect(run.world.hosts.get(host('s1'))?.free.singles).toEqual({ V100: -1 });
    expect(run.give(create('b', 'one', { waitUntilMs: 0 }))).toMatchObject({ kind: 'refused' });
    observe(run, [slotHost('s1', { V100: 2 })]);
    expect(run.give(create('b', 'one', { waitUntilMs: 0 }))).toMatchObject({ kind: 'decided' });
  });
});

test('a card in quarantine is handed to nobody, and its group stays usable without it', () => {
  const run = new PunctualRun(
    [
      unitHost('u1', [
        ['V100', null],
        ['V100', 'g'],
        ['V100', 'g'],
      ]),
    ],
    [ONE],
  );
  const healthy = unitHost('u1', [
    ['V100', null],
    ['V100', 'g'],
    ['V100', 'g'],
  ]);
  const devices = healthy.devices.map((device, index) => ({
    ...device,
    quarantine: index === 0 ? 'ECC errors' : null,
  }));
  observe(run, [{ ...healthy, devices }]);
  run.give(create('a', 'one'));
  expect(run.world.leases.get(lease('a'))?.state).toMatchObject({ claim: { deviceIds: ['u1-1'] } });
  expect(run.give(create('b', 'one', { waitUntilMs: 0 }))).toMatchObject({ kind: 'refused' });
});

test('the same observation twice is one change, and a drain outlives it', () => {
  const run = withLease();
  run.give({ type: 'host.drain', hostId: host('s1'), fromMs: run.nowMs, untilMs: null, reason: 'r' });
  expect(observe(run, [slotHost('s1', { V100: 4 })])).toContain('host.changed');
  expect(observe(run, [slotHost('s1', { V100: 4 })])).toEqual([]);
  expect(run.world.hosts.get(host('s1'))?.host.drain).toMatchObject({ reason: 'r' });
});

test('a host that stays down is down since it was first seen so', () => {
  const run = withLease();
  const down = (sinceMs: number): ObservedHost => ({
    ...slotHost('s1', { V100: 2 }),
    status: { kind: 'down', sinceMs, reason: 'no heartbeat' },
  });
  observe(run, [down(1000)]);
  expect(observe(run, [down(2000)])).toEqual([]);
  expect(run.world.hosts.get(host('s1'))?.host.status).toMatchObject({ sinceMs: 1000 });
});

test('a flavor that vanishes takes no lease with it, and cannot be asked for', () => {
  const run = withLease();
  expect(observe(run, [slotHost('s1', { V100: 2 })], [])).toEqual(['flavor.vanished']);
  expect(run.state(lease('a'))).toBe('active');
  expect(run.give(create('b', 'one'))).toMatchObject({ refusal: { code: 'flavor_unknown' } });
});
