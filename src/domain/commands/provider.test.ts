import { describe, expect, test } from 'vitest';
import {
  create,
  flavor,
  host,
  lease,
  limited,
  project,
  slotHost,
  T0,
  unitHost,
} from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import { NO_REFS } from '../model/lease.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
const TWO = flavor('two', { V100: 2 });

function hostOf(run: PunctualRun, id: string): string | undefined {
  const state = run.world.leases.get(lease(id))?.state;
  return state?.kind === 'starting' || state?.kind === 'active' ? state.claim.hostId : undefined;
}

const cardsFree = (run: PunctualRun, name: string): number =>
  run.world.hosts.get(host(name))?.free.singles['V100'] ?? 0;

describe('Nova puts a server on another host than was booked', () => {
  function twoBooked(): PunctualRun {
    const run = new PunctualRun([slotHost('s1', { V100: 1 }), slotHost('s2', { V100: 1 })], [ONE]);
    run.give(create('a', 'one', { hostId: host('s1') }));
    run.give(create('b', 'one', { hostId: host('s2') }));
    return run;
  }

  test('the one that was booked there moves to the vacated place, which is given to nobody else', () => {
    const run = twoBooked();
    run.give(create('waits', 'one'));
    run.give({ type: 'lease.located', leaseId: lease('a'), hostId: host('s2') });
    expect([hostOf(run, 'a'), hostOf(run, 'b'), run.state(lease('waits'))]).toEqual(['s2', 's1', 'queued']);
    expect([cardsFree(run, 's1'), cardsFree(run, 's2')]).toEqual([0, 0]);
    expect(run.events.filter(({ type }) => type === 'lease.rebooked')).toMatchObject([{ id: 'b' }]);
  });

  test('one that was seen stays where it is, even past what the host has', () => {
    const run = twoBooked();
    run.give({ type: 'lease.located', leaseId: lease('b'), hostId: host('s2') });
    run.give({ type: 'lease.located', leaseId: lease('a'), hostId: host('s2') });
    expect([hostOf(run, 'a'), hostOf(run, 'b')]).toEqual(['s2', 's2']);
    expect([cardsFree(run, 's1'), cardsFree(run, 's2')]).toEqual([1, -1]);
  });

  test('only as many move as are in the way, and none that the vacated host cannot hold', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 }), slotHost('s2', { V100: 3 })], [ONE, TWO]);
    run.give(create('a', 'one', { hostId: host('s1') }));
    run.give(create('big', 'two', { hostId: host('s2') }));
    run.give(create('b', 'one', { hostId: host('s2') }));
    run.give({ type: 'lease.located', leaseId: lease('a'), hostId: host('s2') });
    expect([hostOf(run, 'big'), hostOf(run, 'b')]).toEqual(['s2', 's1']);
  });

  test('a confirmation is no move, and is told once', () => {
    const run = twoBooked();
    const seen = { type: 'lease.located', leaseId: lease('a'), hostId: host('s1') } as const;
    run.give(seen);
    expect(run.give(seen)).toMatchObject({ kind: 'refused', refusal: { code: 'stale' } });
    expect(run.events.map(({ type }) => type)).not.toContain('lease.relocated');
  });
});

describe('reports that come too late', () => {
  test.each([
    { type: 'lease.gone', leaseId: lease('a') },
    { type: 'lease.shelved', leaseId: lease('a') },
    { type: 'lease.lost', leaseId: lease('unknown'), cause: 'x' },
    { type: 'lease.located', leaseId: lease('a'), hostId: host('unknown') },
    { type: 'lease.reachability', leaseId: lease('a'), reachable: true },
    {
      type: 'lease.startFailed',
      leaseId: lease('unknown'),
      failure: { code: 'x', message: 'x', next: 'final' },
    },
  ] as const)('$type is stale and changes nothing', (command) => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
    run.give(create('a', 'one'));
    const before = JSON.stringify([...run.world.leases.values()]);
    expect(run.give(command)).toMatchObject({ kind: 'refused', refusal: { code: 'stale' } });
    expect(JSON.stringify([...run.world.leases.values()])).toBe(before);
  });
});

test('a machine that is lost with its host says so', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
  run.give(create('a', 'one'));
  run.run(MINUTE_MS);
  const status = { kind: 'down', sinceMs: run.nowMs, reason: 'no heartbeat' } as const;
  const hosts = [{ ...slotHost('s1', { V100: 1 }), status }];
  run.give({
    type: 'inventory.observed',
    providerId: hosts[0]?.providerId ?? ONE.providerId,
    hosts,
    flavors: [ONE],
  });
  expect(run.state(lease('a'))).toBe('active');
  run.give({ type: 'lease.lost', leaseId: lease('a'), cause: 'the server is gone' });
  expect(run.world.leases.get(lease('a'))?.state).toMatchObject({
    kind: 'ending',
    then: { reason: 'host_lost' },
  });
});

describe('adoption', () => {
  const adopt = (id: string, on: string): Parameters<PunctualRun['give']>[0] => ({
    type: 'lease.adopt',
    leaseId: lease(id),
    projectId: project('demo'),
    ownerId: 'ann',
    name: id,
    flavorId: ONE.id,
    running: { hostId: host(on), connection: { host: '192.0.2.7', port: 22, user: 'ubuntu' } },
    refs: { ...NO_REFS, serverId: `server-${id}` },
    durationMs: HOUR_MS,
    atEnd: 'delete',
  });

  test('on a slot host it is a fact, even past what the host has', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
    run.give(create('a', 'one'));
    expect(run.give(adopt('found', 's1'))).toMatchObject({ kind: 'decided' });
    expect(run.state(lease('found'))).toBe('active');
    expect(run.world.accounts.ofProject(project('demo'))).toMatchObject({ gpus: 2, leases: 2 });
  });

  test.each([
    [{ gpus: 1 }, /1 of 1 GPU/],
    [{ durationMs: MINUTE_MS }, /leases of 1m at most/],
    [{ gpus: 2 }, null],
  ] as const)('past the limits %j it is one that is told', (limits, told) => {
    const run = new PunctualRun([slotHost('s1', { V100: 2 })], [ONE]);
    run.give(create('a', 'one', { durationMs: HOUR_MS }));
    run.give({ type: 'project.set', projectId: project('demo'), name: 'demo', ...limited(limits) });
    const decision = run.give(adopt('found', 's1'));
    const events = decision.kind === 'decided' ? decision.events : [];
    const passed = events.filter(({ type }) => type === 'lease.limits_overridden');
    expect(passed).toMatchObject(
      told === null ? [] : [{ id: 'found', data: { limit: expect.stringMatching(told) } }],
    );
  });

  test('on a host whose cards Berth knows, it needs cards that nobody has', () => {
    const run = new PunctualRun([unitHost('u1', [['V100', null]])], [ONE]);
    expect(run.give(adopt('found', 'u1'))).toMatchObject({ kind: 'decided' });
    expect(run.give(adopt('second', 'u1'))).toMatchObject({
      kind: 'refused',
      refusal: { code: 'no_capacity' },
    });
    expect(run.give(adopt('found', 'u1'))).toMatchObject({
      kind: 'refused',
      refusal: { code: 'already_exists' },
    });
  });
});

describe('intents', () => {
  const intent = (id: string): Parameters<PunctualRun['give']>[0] => ({
    type: 'intent.open',
    generation: 2,
    intent: {
      id: asId<'intent'>(id),
      leaseId: lease('a'),
      step: 'createPort',
      openedAtMs: T0,
      timeoutMs: MINUTE_MS,
    },
  });

  test('one at a time, and only for the lease as it was seen', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
    run.give(create('a', 'one'));
    expect(run.world.leases.get(lease('a'))?.generation).toBe(2);
    expect(run.give(intent('i1'))).toMatchObject({ kind: 'decided' });
    expect(run.give(intent('i2'))).toMatchObject({ refusal: { code: 'stale' } });
    const done = {
      type: 'intent.done',
      intentId: asId<'intent'>('i1'),
      leaseId: lease('a'),
      refs: { portId: 'p' },
      failure: null,
    } as const;
    expect(run.give(done)).toMatchObject({ kind: 'decided' });
    expect(run.world.leases.get(lease('a'))?.refs.portId).toBe('p');
    expect(run.give(done)).toMatchObject({ refusal: { code: 'stale' } });
    expect(run.give(intent('i3'))).toMatchObject({ refusal: { code: 'stale' } });
  });
});
