/**
 * A request that no known end makes room for is not the head of the queue: those behind it are neither
 * blocked by it nor left without the protection that a head has.
 */
import { expect, test } from 'vitest';
import { create, flavor, host, lease, project, slotHost, T0 } from '../../../test/support/worlds.ts';
import { HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { StartPromise } from '../model/lease.ts';
import { PunctualRun } from './punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
const TWO = flavor('two', { V100: 2 });
const FOUR = flavor('four', { V100: 4 });
const FLAVORS = [ONE, TWO, FOUR];
const HELD_MS = HOUR_MS + 2 * MINUTE_MS;
const LARGE = slotHost('large', { V100: 4 });
const SMALL = slotHost('small', { V100: 2 });

/** The large host is busy, and somebody waits for all of it; a card of the small one is taken for an hour. */
function waitingForTheLarge(): PunctualRun {
  const run = new PunctualRun([LARGE, SMALL], FLAVORS);
  run.give(create('busy', 'four', { projectId: project('busy') }));
  run.give(create('hopeless', 'four', { projectId: project('first') }));
  expect(promiseOf(run, 'hopeless')).toEqual({ hostId: 'large', startMs: T0 + HELD_MS });
  run.give(create('a', 'one', { projectId: project('busy'), hostId: host('small') }));
  return run;
}

const LOSSES: Readonly<Record<string, (run: PunctualRun) => void>> = {
  'is drained for ever': (run) =>
    void run.give({ type: 'host.drain', hostId: LARGE.id, fromMs: T0, untilMs: null, reason: 'broken' }),
  'has vanished': (run) =>
    void run.give({
      type: 'inventory.observed',
      providerId: ONE.providerId,
      hosts: [SMALL],
      flavors: FLAVORS,
    }),
};

test.each(Object.entries(LOSSES))('behind one whose only host %s', (_name, lose) => {
  const run = waitingForTheLarge();
  lose(run);
  expect(promiseOf(run, 'hopeless')).toBeNull();

  run.give(create('head', 'two', { projectId: project('second') }));
  expect(promiseOf(run, 'head'), 'the next one is the head').toEqual({
    hostId: 'small',
    startMs: T0 + HELD_MS,
  });
  run.give(create('long', 'one', { projectId: project('third'), durationMs: 5 * HOUR_MS }));
  expect(run.state(lease('long')), 'nobody overtakes the head at its cost').toBe('queued');
  run.give(create('short', 'one', { projectId: project('third'), durationMs: 10 * MINUTE_MS }));
  expect(run.state(lease('short')), 'who does not delay it may').toBe('starting');

  run.run(HELD_MS);
  expect(run.grantedAt(lease('head'))).toBe(T0 + HELD_MS);
  expect(run.state(lease('hopeless'))).toBe('queued');
});

test('when its host comes back, it has its turn again', () => {
  const run = waitingForTheLarge();
  LOSSES['is drained for ever']?.(run);
  run.give({ type: 'host.undrain', hostId: LARGE.id });
  run.run(HELD_MS);
  expect(run.grantedAt(lease('hopeless'))).toBe(T0 + HELD_MS);
});

function promiseOf(run: PunctualRun, id: string): StartPromise | null {
  const state = run.world.leases.get(lease(id))?.state;
  return state?.kind === 'queued' ? state.promise : null;
}
