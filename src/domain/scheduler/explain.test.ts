/** `explain` and the pass agree about those who wait: whoever could start does not wait. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { create, flavor, host, lease, project, slotHost, unitHost } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Lease } from '../model/lease.ts';
import { explain, type Verdict } from './explain.ts';
import { PunctualRun } from './punctual-run.fixtures.ts';

const FLAVORS = [flavor('one', { V100: 1 }), flavor('two', { V100: 2 }), flavor('four', { V100: 4 })];

function verdictOf(run: PunctualRun, waiting: Lease): Verdict {
  const { demand, durationMs } = waiting.request;
  const { projectId, ownerId } = waiting;
  const question = { demand, projectId, ownerId, durationMs, fromMs: null, lease: waiting };
  return explain(run.world, question, run.nowMs);
}

test('behind a longer lease of the same project and flavor, a shorter one starts where it delays nobody', () => {
  const run = new PunctualRun([slotHost('s1', { V100: 4 })], FLAVORS);
  for (const id of ['a', 'b', 'c']) run.give(create(id, 'one', { projectId: project(id) }));
  run.give(create('brief', 'one', { projectId: project('d'), durationMs: 10 * MINUTE_MS }));
  run.give(create('head', 'four', { projectId: project('head') }));
  const same = { projectId: project('same') };
  run.give(create('long', 'one', { ...same, durationMs: 5 * HOUR_MS }));
  run.give(create('short', 'one', { ...same, durationMs: 20 * MINUTE_MS }));
  expect([run.state(lease('long')), run.state(lease('short'))]).toEqual(['queued', 'queued']);

  run.run(12 * MINUTE_MS);
  expect([run.state(lease('long')), run.state(lease('short'))]).toEqual(['queued', 'starting']);
  const long = run.world.leases.get(lease('long'));
  const verdict = long === undefined ? null : verdictOf(run, long);
  expect(verdict?.possible).toBe(false);
  expect(verdict?.hosts.flatMap(({ reasons }) => reasons.map(({ code }) => code))).toEqual(['devices_taken']);
});

const move = fc.record({
  kind: fc.nat(9),
  which: fc.nat(99),
  lengthMin: fc.integer({ min: 1, max: 90 }),
  pauseMin: fc.nat(12),
});

test('after each command nobody waits of whom explain says that it is possible', () => {
  let waited = 0;
  fc.assert(
    fc.property(fc.array(move, { minLength: 8, maxLength: 40 }), (history) => {
      const cards = [
        ['V100', 'g'],
        ['V100', 'g'],
        ['V100', null],
      ] as const;
      const run = new PunctualRun([slotHost('s1', { V100: 4 }), unitHost('u1', cards)], FLAVORS);
      history.forEach(({ kind, which, lengthMin, pauseMin }, index) => {
        const ids = [...run.world.leases.keys()];
        const leaseId = ids[which % Math.max(1, ids.length)] ?? lease('none');
        const id = `l${index}`;
        // Few projects and flavors: many wait in one slot, with leases of different length.
        const length = { durationMs: lengthMin * MINUTE_MS, projectId: project(`p${which % 2}`) };
        const name = FLAVORS[which % FLAVORS.length]?.name ?? 'one';
        const fromMs = run.nowMs + (1 + (which % 60)) * MINUTE_MS;
        if (kind === 6) run.give({ type: 'lease.release', leaseId });
        else if (kind === 7) run.give({ type: 'lease.extend', role: 'member', leaseId, expiresAtMs: fromMs });
        else if (kind === 8)
          run.give(create(id, name, { ...length, window: { fromMs, reservationId: asId(id) } }));
        else if (kind === 9)
          run.give({
            type: 'host.drain',
            hostId: host('s1'),
            fromMs,
            untilMs: fromMs + HOUR_MS,
            reason: 'r',
          });
        else run.give(create(id, name, length));
        run.run(pauseMin * MINUTE_MS);
        for (const waiting of run.world.leases.values()) {
          if (waiting.state.kind !== 'queued') continue;
          waited += 1;
          expect({ id: waiting.id, possible: verdictOf(run, waiting).possible }).toEqual({
            id: waiting.id,
            possible: false,
          });
        }
      });
    }),
    { numRuns: 150 },
  );
  expect(waited).toBeGreaterThan(1000);
});
