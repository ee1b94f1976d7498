/** What is due and has to wait stands in nobody's way: the tick handles what lies behind it. */
import { describe, expect, test } from 'vitest';
import { create, flavor, host, lease, slotHost, T0 } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Command } from '../command.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 }, 1, 1, 1);
/** More than one tick handles. */
const HELD_BACK = 200;
const TICK = { type: 'tick' } as const;

const PAUSES: Readonly<Record<string, Command>> = {
  'a freeze': { type: 'service.freeze', reason: 'storage trouble' },
  'observe mode': { type: 'service.mode', mode: { kind: 'observe', reason: 'empty store' } },
  'a doubt about the clock': { type: 'clock.doubt', divergenceMs: HOUR_MS },
};

/** Ends that are overdue, all of them earlier than a wait limit and the end of a drain. */
function overdue(pause: Command): PunctualRun {
  const run = new PunctualRun(
    [slotHost('s1', { V100: HELD_BACK }, 999), slotHost('s2', { V100: 1 })],
    [ONE],
    { warningsMs: [] },
  );
  run.give({ type: 'host.drain', hostId: host('s2'), fromMs: T0, untilMs: T0 + 3 * HOUR_MS, reason: 'r' });
  const leaseIds = Array.from({ length: HELD_BACK }, (_each, index) => lease(`l${index}`));
  run.give(create('l', 'one', { leaseIds }));
  run.run(MINUTE_MS);
  run.give(create('waits', 'one', { waitUntilMs: T0 + 2 * HOUR_MS }));
  const window = { fromMs: T0 + 3 * HOUR_MS, reservationId: asId<'reservation'>('r') };
  run.give(create('reserved', 'one', { window }));
  const states = [...run.world.leases.values()].map(({ state }) => state.kind);
  expect(states.filter((kind) => kind === 'active')).toHaveLength(HELD_BACK);
  run.give(pause);
  run.nowMs = T0 + 4 * HOUR_MS;
  return run;
}

describe.each(Object.entries(PAUSES))('held back by %s', (name, pause) => {
  test('ends hide neither a wait limit nor the end of a drain', () => {
    const run = overdue(pause);
    run.give(TICK);
    expect(run.state(lease('waits'))).toBe('ended');
    expect(run.world.hosts.get(host('s2'))?.host.drain).toBeNull();
    expect(run.state(lease('l0'))).toBe('active');
  });

  test('they are not taken for work that is left', () => {
    const run = overdue(pause);
    run.give(TICK);
    expect(run.give(TICK)).toMatchObject({ reply: { kind: 'more', more: false } });
  });

  test(`a window ${name === 'a doubt about the clock' ? 'begins all the same' : 'waits with them'}`, () => {
    const run = overdue(pause);
    run.give(TICK);
    expect(run.state(lease('reserved'))).toBe(name === 'a doubt about the clock' ? 'starting' : 'reserved');
  });
});
