import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  create,
  flavor,
  host,
  lease,
  project,
  slotHost,
  T0,
  unitHost,
} from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { parseTime } from '../../base/iso-time.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Decision } from '../decision.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
const TWO = flavor('two', { V100: 2 });

function running(hosts = [slotHost('s1', { V100: 1 })]): PunctualRun {
  const run = new PunctualRun(hosts, [ONE, TWO]);
  run.give(create('a', 'one'));
  run.run(MINUTE_MS);
  return run;
}

const END_MS = T0 + MINUTE_MS + HOUR_MS;

function extend(run: PunctualRun, untilMs: number): Decision {
  return run.give({ type: 'lease.extend', role: 'member', leaseId: lease('a'), expiresAtMs: untilMs });
}

function untilOf(decision: Decision): number {
  if (decision.kind !== 'refused') throw new Error('it was extended');
  const until = decision.refusal.details['until'];
  const parsed = parseTime(typeof until === 'string' ? until : '');
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

describe('an extension', () => {
  test('moves the end and what the books expect', () => {
    const run = running();
    expect(extend(run, END_MS + HOUR_MS)).toMatchObject({
      kind: 'decided',
      events: [{ type: 'lease.extended' }],
    });
    run.run(2 * HOUR_MS);
    expect(run.state(lease('a'))).toBe('ending');
  });

  test('into the past, past the limit, or of a lease that is not active is refused', () => {
    const run = running();
    expect(extend(run, run.nowMs)).toMatchObject({ refusal: { code: 'time_in_past' } });
    expect(extend(run, run.nowMs + 7 * DAY_MS + 1)).toMatchObject({ refusal: { code: 'duration_too_long' } });
    run.give(create('b', 'one'));
    expect(
      run.give({ type: 'lease.extend', role: 'member', leaseId: lease('b'), expiresAtMs: END_MS }),
    ).toMatchObject({
      refusal: { code: 'invalid_state' },
    });
  });

  test('past a promise is refused, and the end stays', () => {
    const run = running();
    run.give(create('head', 'one'));
    const refused = extend(run, END_MS + HOUR_MS);
    expect(refused).toMatchObject({ kind: 'refused', refusal: { code: 'promise_conflict' } });
    expect(untilOf(refused)).toBe(END_MS);
    expect(run.world.leases.get(lease('a'))?.state).toMatchObject({ expiresAtMs: END_MS });
  });

  test('up to a promise of later is possible, as the refusal says', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 2 })], [ONE, TWO]);
    run.give(create('a', 'one'));
    run.give(create('b', 'one', { durationMs: 3 * HOUR_MS }));
    run.run(MINUTE_MS);
    run.give(create('head', 'two'));
    const untilMs = untilOf(extend(run, END_MS + 5 * HOUR_MS));
    expect(untilMs).toBe(END_MS + 2 * HOUR_MS);
    expect(extend(run, untilMs)).toMatchObject({ kind: 'decided' });
  });

  test('into a reserved window or a drain is refused with the time that is left', () => {
    const run = running();
    run.give({
      type: 'host.drain',
      hostId: host('s1'),
      fromMs: END_MS + HOUR_MS,
      untilMs: null,
      reason: 'new cables',
    });
    const drained = extend(run, END_MS + 2 * HOUR_MS);
    expect(drained).toMatchObject({ refusal: { message: expect.stringContaining('new cables') } });
    expect(untilOf(drained)).toBe(END_MS + HOUR_MS - MINUTE_MS);
    run.give({ type: 'host.undrain', hostId: host('s1') });
    run.give(create('w', 'one', { window: { fromMs: END_MS + HOUR_MS, reservationId: asId('r') } }));
    expect(untilOf(extend(run, END_MS + 2 * HOUR_MS))).toBe(END_MS + HOUR_MS - MINUTE_MS);
  });

  test('with room beside those who wait is granted', () => {
    const run = running([slotHost('s1', { V100: 1 }), slotHost('s2', { V100: 2 })]);
    run.give(create('other', 'two', { hostId: host('s2') }));
    run.give(create('head', 'two'));
    expect(extend(run, END_MS + 5 * HOUR_MS)).toMatchObject({ kind: 'decided' });
  });
});

test('the end that a refusal offers is really granted', () => {
  const move = fc.record({
    kind: fc.nat(3),
    pick: fc.nat(50),
    lengthMin: fc.integer({ min: 1, max: 180 }),
    fromMin: fc.integer({ min: 1, max: 240 }),
  });
  let offers = 0;
  fc.assert(
    fc.property(
      fc.array(move, { minLength: 2, maxLength: 12 }),
      fc.integer({ min: 1, max: 400 }),
      (history, byMin) => {
        const run = running([
          slotHost('s1', { V100: 2 }),
          unitHost('u1', [
            ['V100', 'g'],
            ['V100', 'g'],
            ['V100', null],
          ]),
        ]);
        history.forEach(({ kind, pick, lengthMin, fromMin }, index) => {
          const more = { durationMs: lengthMin * MINUTE_MS, projectId: project(`p${pick % 3}`) };
          const window = {
            fromMs: run.nowMs + fromMin * MINUTE_MS,
            reservationId: asId<'reservation'>(`r${index}`),
          };
          const name = pick % 2 === 0 ? 'one' : 'two';
          if (kind === 0) run.give(create(`l${index}`, name, { ...more, window }));
          else run.give(create(`l${index}`, name, more));
        });
        const state = run.world.leases.get(lease('a'))?.state;
        if (state?.kind !== 'active') throw new Error('it is active');
        const decision = extend(run, state.expiresAtMs + byMin * MINUTE_MS);
        if (decision.kind === 'decided') return;
        const untilMs = untilOf(decision);
        expect(untilMs).toBeGreaterThanOrEqual(state.expiresAtMs);
        expect(untilMs).toBeLessThan(state.expiresAtMs + byMin * MINUTE_MS);
        if (untilMs === state.expiresAtMs) return;
        offers += 1;
        expect(extend(run, untilMs)).toMatchObject({ kind: 'decided' });
      },
    ),
    { numRuns: 300 },
  );
  expect(offers).toBeGreaterThan(0);
});
