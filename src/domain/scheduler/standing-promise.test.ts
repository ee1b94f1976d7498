/** An extension or a booking on the promised host moves the promise to where the head starts as early. */
import { expect, test } from 'vitest';
import { create, flavor, host, lease, project, slotHost, T0 } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Command } from '../command.ts';
import type { StartPromise } from '../model/lease.ts';
import { fitsWindow } from './calendar.ts';
import { windowFor } from './place.ts';
import { PunctualRun } from './punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
/** Of a lease of an hour that was ready after a minute. */
const END_MS = T0 + MINUTE_MS + HOUR_MS;
const FREE_MS = END_MS + MINUTE_MS;

/** Two hosts become free at the same time, and the head was promised the first. */
function twoChoices(): PunctualRun {
  const run = new PunctualRun([slotHost('s1', { V100: 1 }), slotHost('s2', { V100: 1 })], [ONE]);
  run.give(create('a', 'one', { hostId: host('s1') }));
  run.give(create('b', 'one', { hostId: host('s2') }));
  run.run(MINUTE_MS);
  run.give(create('head', 'one', { projectId: project('head') }));
  expect(promiseOf(run)).toEqual({ hostId: 's1', startMs: FREE_MS });
  return run;
}

const TAKES: Readonly<Record<string, Command>> = {
  'an extension': {
    type: 'lease.extend',
    role: 'member',
    leaseId: lease('a'),
    expiresAtMs: END_MS + 3 * HOUR_MS,
  },
  'a booking': create('w', 'one', {
    hostId: host('s1'),
    window: { fromMs: FREE_MS, reservationId: asId('r') },
  }),
};

test.each(Object.entries(TAKES))('%s of the promised card', (_name, take) => {
  const run = twoChoices();
  expect(run.give(take)).toMatchObject({ kind: 'decided' });
  expect(promiseOf(run)).toEqual({ hostId: 's2', startMs: FREE_MS });
  expect(isFeasible(run), 'nothing is booked at the promised time and place').toBe(true);
  run.runUntil(FREE_MS);
  expect(run.grantedAt(lease('head'))).toBe(FREE_MS);
});

test.each(Object.entries(TAKES))('after %s, a card that comes early is that of the head', (_name, take) => {
  const run = twoChoices();
  run.give(take);
  run.give({ type: 'lease.release', leaseId: lease('b') });
  run.run(MINUTE_MS);
  expect(run.state(lease('head'))).toBe('starting');
});

test('what would take the last choice of the head is refused, and its promise stands', () => {
  const run = twoChoices();
  run.give({ type: 'lease.extend', role: 'member', leaseId: lease('b'), expiresAtMs: END_MS + 3 * HOUR_MS });
  expect(promiseOf(run)).toEqual({ hostId: 's1', startMs: FREE_MS });
  for (const take of Object.values(TAKES)) {
    expect(run.give(take)).toMatchObject({ kind: 'refused' });
    expect(promiseOf(run)).toEqual({ hostId: 's1', startMs: FREE_MS });
  }
});

function promiseOf(run: PunctualRun): StartPromise | null {
  const state = run.world.leases.get(lease('head'))?.state;
  return state?.kind === 'queued' ? state.promise : null;
}

function isFeasible(run: PunctualRun): boolean {
  const promise = promiseOf(run);
  const row = promise === null ? undefined : run.world.hosts.get(promise.hostId);
  const head = run.world.leases.get(lease('head'));
  if (promise === null || row === undefined || head === undefined) return false;
  const { demand, durationMs } = head.request;
  return fitsWindow(row, demand, windowFor(durationMs, promise.startMs, run.world.settings), run.nowMs);
}
