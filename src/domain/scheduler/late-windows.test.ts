/** Reserved windows that could not begin on time: each comes before everybody who only waits. */
import { expect, test } from 'vitest';
import { create, flavor, host, lease, project, slotHost, T0 } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Decision } from '../decision.ts';
import { isLateWindow } from '../world.ts';
import { promisedLeases } from './order.ts';
import { PunctualRun } from './punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
const FROM_MS = T0 + HOUR_MS;

function book(run: PunctualRun, id: string): Decision {
  const window = { fromMs: FROM_MS, reservationId: asId<'reservation'>(id) };
  return run.give(create(id, 'one', { projectId: project(id), window }));
}

/** Two windows on two hosts whose cards somebody still holds when they begin: nothing ended them. */
function late(): PunctualRun {
  const run = new PunctualRun([slotHost('s1', { V100: 1 }), slotHost('s2', { V100: 1 })], [ONE]);
  const length = { durationMs: HOUR_MS - 2 * MINUTE_MS };
  run.give(create('a', 'one', { ...length, hostId: host('s1') }));
  run.give(create('b', 'one', { ...length, hostId: host('s2') }));
  for (const id of ['w1', 'w2']) expect(book(run, id).kind).toBe('decided');
  run.give(create('waits', 'one', { projectId: project('patient') }));
  run.run(30 * MINUTE_MS);
  run.give({ type: 'service.freeze', reason: 'nothing ends' });
  run.nowMs = T0 + 70 * MINUTE_MS;
  run.give({ type: 'service.thaw' });
  run.give({ type: 'tick' });
  return run;
}

test('both are promised a start, in their order, and the head of the queue comes after them', () => {
  const run = late();
  expect(['w1', 'w2', 'waits'].map((id) => run.state(lease(id)))).toEqual(['queued', 'queued', 'queued']);
  const promised = promisedLeases(run.world, run.nowMs);
  expect(promised.map(({ id }) => id)).toEqual(['w1', 'w2', 'waits']);
  expect(promised.map(isLateWindow)).toEqual([true, true, false]);
});

test('whatever becomes free is theirs, whoever asked earlier or asks for less', () => {
  const run = late();
  run.give(create('quick', 'one', { projectId: project('quick'), durationMs: MINUTE_MS }));
  expect(run.state(lease('quick'))).toBe('queued');
  run.run(2 * MINUTE_MS);
  expect(['w1', 'w2', 'waits', 'quick'].map((id) => run.state(lease(id)))).toEqual([
    'active',
    'active',
    'queued',
    'queued',
  ]);
  const granted = run.events.filter(({ type }) => type === 'lease.granted').map(({ id }) => id);
  expect(granted.slice(2)).toEqual(['w1', 'w2']);
});

test('one keeps its claim on the first card even when the one before it finds none', () => {
  const run = late();
  const drained = { type: 'host.drain', fromMs: run.nowMs, untilMs: null, reason: 'r' } as const;
  run.give({ ...drained, hostId: host('s1') });
  run.run(2 * MINUTE_MS);
  expect(['w1', 'w2', 'waits'].map((id) => run.state(lease(id)))).toEqual(['active', 'queued', 'queued']);
  run.give({ type: 'lease.release', leaseId: lease('w1') });
  run.run(MINUTE_MS);
  expect(run.state(lease('w2'))).toBe('starting');
});
