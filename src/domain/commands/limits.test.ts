/** Limits of projects and of their users, wherever something is asked for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asId } from '../../base/ids.ts';
import { DAY_MS, formatTime, HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import { create, flavor, lease, limited, project, slotHost, T0 } from '../../../test/support/worlds.ts';
import type { Command } from '../command.ts';
import { NO_LIMITS, NO_PROJECT_LIMITS, type Limits, type ProjectLimits } from '../model/limits.ts';
import { explain } from '../scheduler/explain.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
const A100 = flavor('big', { A100: 1 });
const DEMO = project('demo');
/** T0 is 2026-11-21 12:00 UTC. */
const MONTH_END = Date.UTC(2026, 11, 1);

function run(limits: ProjectLimits, cards = 100): PunctualRun {
  const made = new PunctualRun([slotHost('s', { V100: cards, A100: cards }, 1000, 10_000_000)], [ONE, A100]);
  made.give({ type: 'project.set', projectId: DEMO, name: 'demo', ...limits });
  return made;
}

const perUser = (limits: Partial<Limits>): ProjectLimits => ({
  ...NO_PROJECT_LIMITS,
  perUser: { ...NO_LIMITS, ...limits },
});

const refusalOf = (decision: ReturnType<PunctualRun['give']>) =>
  decision.kind === 'refused' ? decision.refusal : null;

const nowOrNever = (at: PunctualRun, id: string, more: Parameters<typeof create>[2] = {}, name = 'one') =>
  at.give(create(id, name, { waitUntilMs: at.nowMs, ...more }));

describe('what is held at one moment', () => {
  test('is limited by class, and the refusal says how many and when the next comes back', () => {
    const r = run(limited({ gpusByClass: { V100: 2 } }));
    nowOrNever(r, 'a');
    nowOrNever(r, 'b', { durationMs: 2 * HOUR_MS });
    // Start, length and end, as the punctual cloud takes them.
    const back = formatTime(T0 + 2 * MINUTE_MS + HOUR_MS);
    expect(refusalOf(nowOrNever(r, 'c'))).toMatchObject({
      code: 'quota_exceeded',
      message: `The project holds 2 of 2 V100 and this asks for 1; the next is expected back at ${back}.`,
      details: {
        limited: 'gpus',
        scope: 'project',
        class: 'V100',
        limit: 2,
        in_use: 2,
        wanted: 1,
        back_at: back,
      },
    });
    expect(refusalOf(nowOrNever(r, 'd', {}, 'big'))).toBeNull();
  });

  test('makes a request wait that has time, and explain tells why', () => {
    const r = run(limited({ gpus: 1 }));
    r.give(create('a', 'one'));
    r.give(create('b', 'one'));
    const waiting = r.world.leases.get(lease('b'));
    expect(waiting?.state.kind).toBe('queued');
    if (waiting === undefined) return;
    const { demand, durationMs } = waiting.request;
    const question = { demand, projectId: DEMO, ownerId: 'user', durationMs, fromMs: null, lease: waiting };
    const verdict = explain(r.world, question, r.nowMs);
    expect(verdict.reasons).toMatchObject([
      { code: 'quota', text: expect.stringContaining('the project holds 1 of 1 GPUs and this asks for 1') },
    ]);
    r.runUntil(T0 + 2 * HOUR_MS);
    expect(r.state(lease('b'))).toBe('active');
  });

  test('is limited for each user, with exceptions, and one at the limit does not keep another waiting', () => {
    const r = run({ ...perUser({ gpus: 1 }), users: { ada: { gpus: 2 } } });
    for (const id of ['a', 'b', 'c']) r.give(create(id, 'one', { ownerId: 'bob' }));
    for (const id of ['x', 'y', 'z']) r.give(create(id, 'one', { ownerId: 'ada' }));
    const states = ['a', 'b', 'c', 'x', 'y', 'z'].map((id) => r.state(lease(id)));
    expect(states).toEqual(['starting', 'queued', 'queued', 'starting', 'starting', 'queued']);
    expect(refusalOf(nowOrNever(r, 'n', { ownerId: 'bob' }))?.details).toMatchObject({
      scope: 'user',
      limit: 1,
    });
  });

  test('leaves the turn to another user of the project when something becomes free', () => {
    const r = run(perUser({ gpus: 1 }), 2);
    r.give(create('a', 'one', { ownerId: 'bob', durationMs: 3 * HOUR_MS }));
    r.give(create('x', 'one', { ownerId: 'eve', durationMs: HOUR_MS }));
    for (const id of ['b', 'c', 'd']) r.give(create(id, 'one', { ownerId: 'bob' }));
    r.give(create('y', 'one', { ownerId: 'ada' }));
    expect(r.state(lease('y'))).toBe('queued');
    r.runUntil(T0 + HOUR_MS + 10 * MINUTE_MS);
    expect(['b', 'c', 'd', 'y'].map((id) => r.state(lease(id)))).toEqual([
      'queued',
      'queued',
      'queued',
      'active',
    ]);
  });
});

describe('the length and the number of waiting requests', () => {
  test('a lease lasts no longer than the limit, extensions included', () => {
    const r = run(limited({ durationMs: 3 * HOUR_MS }));
    expect(refusalOf(r.give(create('a', 'one', { durationMs: 4 * HOUR_MS })))).toMatchObject({
      code: 'duration_too_long',
      message: 'Your project may have leases of 3h at most.',
    });
    r.give(create('a', 'one', { durationMs: 2 * HOUR_MS }));
    r.runUntil(T0 + HOUR_MS);
    const activeMs = T0 + MINUTE_MS;
    const extend = (expiresAtMs: number | null) =>
      r.give({ type: 'lease.extend', role: 'member', leaseId: lease('a'), expiresAtMs });
    expect(refusalOf(extend(activeMs + 3 * HOUR_MS + 1000))).toMatchObject({
      code: 'duration_too_long',
      details: { until: formatTime(activeMs + 3 * HOUR_MS) },
    });
    expect(refusalOf(extend(null))).toBeNull();
    expect(r.events.at(-1)).toMatchObject({
      type: 'lease.extended',
      data: { until: formatTime(activeMs + 3 * HOUR_MS) },
    });
  });

  test('no more requests wait than may; those that start at once do not wait', () => {
    const r = run({ ...limited({ queued: 2 }), perUser: { ...NO_LIMITS, queued: 1 } }, 1);
    r.give(create('a', 'one', { ownerId: 'ada' }));
    r.give(create('b', 'one', { ownerId: 'ada' }));
    expect(refusalOf(r.give(create('c', 'one', { ownerId: 'ada' })))).toMatchObject({
      code: 'quota_exceeded',
      message: 'You may have 1 waiting requests, and with this there would be 2.',
    });
    r.give(create('d', 'one', { ownerId: 'bob' }));
    expect(refusalOf(r.give(create('e', 'one', { ownerId: 'eve' })))?.details).toMatchObject({
      scope: 'project',
    });
    expect(r.world.queue.size).toBe(2);
  });
});

describe('GPU-hours of a month', () => {
  test('count what is used and what is claimed, and the refusal says which length fits', () => {
    const r = run(limited({ gpuHoursPerMonth: 10 }));
    r.give(create('a', 'one', { durationMs: 6 * HOUR_MS }));
    const refusal = refusalOf(r.give(create('b', 'one', { durationMs: 6 * HOUR_MS })));
    expect(refusal).toMatchObject({
      code: 'budget_exceeded',
      details: { limited: 'gpu_hours', limit: 10, in_use: 6.03, left: 3.97, wanted: 6.03 },
    });
    expect(refusal?.fix).toContain('It fits with a length of 3h56m.');
    expect(refusalOf(r.give(create('b', 'one', { durationMs: 3 * HOUR_MS + 56 * MINUTE_MS })))).toBeNull();
    expect(refusalOf(r.give(create('c', 'one', { durationMs: 1000 })))?.code).toBe('budget_exceeded');
    // What is given back early was not used.
    r.runUntil(T0 + 10 * MINUTE_MS);
    r.give({ type: 'lease.release', leaseId: lease('a') });
    r.runUntil(T0 + 20 * MINUTE_MS);
    expect(refusalOf(r.give(create('c', 'one', { durationMs: 5 * HOUR_MS })))).toBeNull();
  });

  test('bound an extension, and never end a lease', () => {
    const r = run(limited({ gpuHoursPerMonth: 3 }));
    r.give(create('a', 'one', { durationMs: HOUR_MS }));
    r.runUntil(T0 + 10 * MINUTE_MS);
    const extend = (expiresAtMs: number) =>
      r.give({ type: 'lease.extend', role: 'member', leaseId: lease('a'), expiresAtMs });
    const fits = T0 + 3 * HOUR_MS - MINUTE_MS;
    expect(refusalOf(extend(T0 + 5 * HOUR_MS))).toMatchObject({
      code: 'budget_exceeded',
      details: { until: formatTime(fits) },
    });
    expect(refusalOf(extend(fits))).toBeNull();
    r.give({ type: 'project.set', projectId: DEMO, name: 'demo', ...limited({ gpuHoursPerMonth: 1 }) });
    r.runUntil(fits - 1000);
    expect(r.state(lease('a'))).toBe('active');
  });

  test('are each month anew: a time over its end takes from both, and who waits for them starts at its beginning', () => {
    const r = run(limited({ gpuHoursPerMonth: 2 }));
    r.runUntil(MONTH_END - HOUR_MS);
    r.nowMs = MONTH_END - HOUR_MS;
    // An hour of November, and the rest of December.
    expect(refusalOf(r.give(create('a', 'one', { durationMs: 2 * HOUR_MS })))).toBeNull();
    const months = [...r.world.accounts.ofProject(DEMO).months.values()].map(({ claimed }) => claimed);
    expect(months).toEqual([HOUR_MS, HOUR_MS + 2 * MINUTE_MS]);
    // Accepted with what is left of November; by its turn too little is, so that it waits for December.
    r.give({ type: 'service.freeze', reason: 'both wait' });
    r.give(create('b', 'one', { durationMs: 30 * MINUTE_MS, ownerId: 'b' }));
    r.give(create('c', 'one', { durationMs: 50 * MINUTE_MS, ownerId: 'c' }));
    r.give({ type: 'service.thaw' });
    expect([r.state(lease('b')), r.state(lease('c'))]).toEqual(['starting', 'queued']);
    r.runUntil(MONTH_END + MINUTE_MS);
    expect(r.state(lease('c'))).not.toBe('queued');
    expect(r.world.control.monthFromMs).toBe(MONTH_END);
    expect(r.world.due.nextMs()).not.toBeNull();
  });

  test('a window takes them of the months in which it lies', () => {
    const r = run(limited({ gpuHoursPerMonth: 2 }));
    const book = (id: string, fromMs: number): Command =>
      create(id, 'one', { window: { fromMs, reservationId: asId(`r-${id}`) }, durationMs: HOUR_MS });
    expect(refusalOf(r.give(book('a', MONTH_END + DAY_MS)))).toBeNull();
    expect(refusalOf(r.give(book('b', MONTH_END + 2 * DAY_MS)))?.code).toBe('budget_exceeded');
    expect(refusalOf(r.give(book('c', T0 + DAY_MS)))).toBeNull();
  });
});

describe('an administrator', () => {
  test('lets a lease pass all limits, which is on record with the reason', () => {
    const r = run({ ...limited({ gpus: 0, durationMs: HOUR_MS, gpuHoursPerMonth: 0 }), perUser: NO_LIMITS });
    r.give(create('a', 'one', { durationMs: 2 * HOUR_MS, exempt: 'deadline of the paper' }));
    expect(r.state(lease('a'))).toBe('starting');
    expect(r.events).toContainEqual(
      expect.objectContaining({
        type: 'lease.limits_overridden',
        reason: 'deadline of the paper',
        data: { limit: 'Your project may have leases of 1h at most.' },
      }),
    );
    r.runUntil(T0 + 10 * MINUTE_MS);
    const extend = (exempt: string | null) =>
      r.give({
        type: 'lease.extend',
        role: 'member',
        leaseId: lease('a'),
        expiresAtMs: T0 + 9 * HOUR_MS,
        exempt,
      });
    expect(refusalOf(extend(null))?.code).toBe('duration_too_long');
    expect(refusalOf(extend('still'))).toBeNull();
  });
});

test('whatever is asked for in whatever order, what is granted never exceeds a limit', () => {
  const ask = fc.record({
    owner: fc.constantFrom('ada', 'bob'),
    big: fc.boolean(),
    hours: fc.integer({ min: 1, max: 5 }),
    waits: fc.boolean(),
    afterMin: fc.nat(120),
  });
  fc.assert(
    fc.property(fc.array(ask, { minLength: 5, maxLength: 40 }), (asks) => {
      const r = run({
        ...limited({ gpus: 5, gpusByClass: { A100: 2 }, gpuHoursPerMonth: 40 }),
        perUser: { ...NO_LIMITS, gpus: 3, gpuHoursPerMonth: 25 },
      });
      asks.forEach(({ owner, big, hours, waits, afterMin }, index) => {
        const waitUntilMs = waits ? null : r.nowMs;
        const more = { ownerId: owner, durationMs: hours * HOUR_MS, waitUntilMs };
        r.give(create(`l${index}`, big ? 'big' : 'one', more));
        r.runUntil(r.nowMs + afterMin * MINUTE_MS);
        const { accounts, months } = r.world;
        const hoursOf = (account: ReturnType<typeof accounts.ofProject>): number => {
          const { used = 0, claimed = 0 } = account.months.get(months.at(r.nowMs)) ?? {};
          return (used + claimed) / HOUR_MS;
        };
        const whole = accounts.ofProject(DEMO);
        expect(whole.gpus).toBeLessThanOrEqual(5);
        expect(whole.byClass.get('A100') ?? 0).toBeLessThanOrEqual(2);
        expect(hoursOf(whole)).toBeLessThanOrEqual(40);
        for (const ownerId of ['ada', 'bob']) {
          const user = accounts.ofUser({ projectId: DEMO, ownerId });
          expect(user.gpus).toBeLessThanOrEqual(3);
          expect(hoursOf(user)).toBeLessThanOrEqual(25);
        }
      });
    }),
    { numRuns: 60 },
  );
});
