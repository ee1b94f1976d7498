import { describe, expect, test } from 'vitest';
import { create, flavor, host, lease, project, slotHost, T0 } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Command } from '../command.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
const TICK = { type: 'tick' } as const;

const PAUSES: Readonly<Record<string, readonly [pause: Command, resume: Command]>> = {
  freeze: [{ type: 'service.freeze', reason: 'storage trouble' }, { type: 'service.thaw' }],
  observe: [
    { type: 'service.mode', mode: { kind: 'observe', reason: 'empty store' } },
    { type: 'service.mode', mode: { kind: 'act' } },
  ],
  'clock doubt': [{ type: 'clock.doubt', divergenceMs: HOUR_MS }, { type: 'clock.trust' }],
};

/** One lease that runs and one that waits for its card. */
function busy(): PunctualRun {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
  run.give(create('a', 'one'));
  run.give(create('b', 'one', { projectId: project('p2'), waitUntilMs: T0 + 5 * HOUR_MS }));
  run.run(MINUTE_MS);
  return run;
}

/** Time goes by and the timer looks, as the engine lets it. */
function lookAt(run: PunctualRun, atMs: number): void {
  run.nowMs = atMs;
  run.give(TICK);
}

describe.each(Object.entries(PAUSES))('%s', (name, [pause, resume]) => {
  test('nothing ends while it lasts, and everything that is due does afterwards', () => {
    const run = busy();
    run.give(pause);
    lookAt(run, T0 + 3 * HOUR_MS);
    expect(run.state(lease('a'))).toBe('active');
    expect(run.give(TICK)).toMatchObject({ reply: { kind: 'more', more: false } });
    run.give(resume);
    run.give(TICK);
    expect(run.state(lease('a'))).toBe('ending');
    run.run(MINUTE_MS);
    expect(run.state(lease('b'))).toBe('starting');
  });

  test('who waits may still give up', () => {
    const run = busy();
    run.give(pause);
    lookAt(run, T0 + 5 * HOUR_MS);
    expect(run.state(lease('b'))).toBe('ended');
  });

  test(`nothing starts either, but for a doubt about the clock (${name})`, () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
    run.give(pause);
    run.give(create('a', 'one'));
    expect(run.state(lease('a'))).toBe(name === 'clock doubt' ? 'starting' : 'queued');
    run.give(resume);
    expect(run.state(lease('a'))).toBe('starting');
  });
});

test('a frozen start is not given up for taking long', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
  run.give(create('a', 'one'));
  run.give({ type: 'service.freeze', reason: 'r' });
  lookAt(run, T0 + DAY_MS);
  expect(run.state(lease('a'))).toBe('starting');
  run.give({ type: 'service.thaw' });
  run.give(TICK);
  expect(run.state(lease('a'))).toBe('ending');
});

test('a reserved window that begins during a freeze begins after it', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
  run.give(create('w', 'one', { window: { fromMs: T0 + HOUR_MS, reservationId: asId('r') } }));
  run.give({ type: 'service.freeze', reason: 'r' });
  lookAt(run, T0 + 2 * HOUR_MS);
  expect(run.state(lease('w'))).toBe('reserved');
  run.give({ type: 'service.thaw' });
  run.give(TICK);
  expect(run.state(lease('w'))).toBe('starting');
});

test('warnings go out before the end, each once, and closer together where the lease is short', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE], { warningsMs: [DAY_MS, HOUR_MS] });
  run.give(create('a', 'one', { durationMs: 2 * HOUR_MS }));
  run.run(DAY_MS);
  const warnings = run.events.filter(({ type }) => type === 'lease.end_announced');
  const endMs = T0 + MINUTE_MS + 2 * HOUR_MS;
  expect(warnings.map(({ atMs }) => atMs)).toEqual([endMs - HOUR_MS, endMs - 12 * MINUTE_MS]);
  expect(warnings[0]?.reason).toBe('in 1h the machine is deleted');
});

test('one tick handles a bounded number and says that there is more', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
  for (let i = 0; i < 200; i++) run.give(create(`l${i}`, 'one', { waitUntilMs: T0 + MINUTE_MS }));
  run.nowMs = T0 + MINUTE_MS;
  expect(run.give(TICK)).toMatchObject({ reply: { more: true } });
  expect(run.world.leases.size).toBe(200 - 128);
  expect(run.give(TICK)).toMatchObject({ reply: { more: false } });
  expect([...run.world.leases.keys()]).toEqual(['l0']);
});

test('a drain that is over opens its host to who waits', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE]);
  run.give({ type: 'host.drain', hostId: host('s1'), fromMs: T0, untilMs: T0 + HOUR_MS, reason: 'r' });
  run.give(create('a', 'one'));
  expect(run.world.leases.get(lease('a'))?.state).toMatchObject({ promise: { startMs: T0 + HOUR_MS } });
  run.run(HOUR_MS);
  expect(run.state(lease('a'))).toBe('starting');
});

test('a drain ahead lets in what is over before it, and tells who is not', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 2 })], [ONE]);
  run.give(create('stays', 'one', { durationMs: 3 * HOUR_MS }));
  run.give({ type: 'host.drain', hostId: host('s1'), fromMs: T0 + 2 * HOUR_MS, untilMs: null, reason: 'r' });
  expect(run.events.filter(({ type }) => type === 'lease.host_draining').map(({ id }) => id)).toEqual([
    'stays',
  ]);
  expect(run.give(create('long', 'one', { durationMs: 2 * HOUR_MS, waitUntilMs: 0 }))).toMatchObject({
    kind: 'refused',
  });
  expect(run.give(create('short', 'one', { durationMs: HOUR_MS, waitUntilMs: 0 }))).toMatchObject({
    kind: 'decided',
  });
});
