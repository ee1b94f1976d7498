/** What one tick handles first can change what is due behind it. */
import { expect, test } from 'vitest';
import { create, flavor, host, lease, slotHost, T0 } from '../../../test/support/worlds.ts';
import { HOUR_MS } from '../../base/units.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';

test('who gets a host at the very end of the wait is not taken for a start that takes too long', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [flavor('one', { V100: 1 })]);
  const untilMs = T0 + HOUR_MS;
  run.give({ type: 'host.drain', hostId: host('s1'), fromMs: T0, untilMs, reason: 'r' });
  run.give(create('waits', 'one', { waitUntilMs: untilMs }));
  run.nowMs = untilMs;
  // The end of the drain and the wait limit are due together, and the drain comes first.
  run.give({ type: 'tick' });
  expect(run.state(lease('waits'))).toBe('starting');
  expect(run.world.leases.get(lease('waits'))?.setbacks).toEqual([]);
  expect(run.give({ type: 'tick' })).toMatchObject({ reply: { more: false } });
  expect(run.state(lease('waits'))).toBe('starting');
});
