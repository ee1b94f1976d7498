import { describe, expect, test } from 'vitest';
import { create, flavor, host, lease, limited, project, slotHost, T0 } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';
import type { Settings } from '../settings.ts';

const ONE = flavor('one', { V100: 1 });
const A100 = flavor('a100', { A100: 1 });
const SCRATCH = { ...flavor('scratch', { V100: 1 }), scratchGiB: 12 };
const END_MS = T0 + MINUTE_MS + HOUR_MS;

/** One lease on the only V100, active for an hour. */
function running(more: Parameters<typeof create>[2] = {}, settings: Partial<Settings> = {}): PunctualRun {
  const run = new PunctualRun([slotHost('s1', { V100: 1, A100: 1 })], [ONE, A100, SCRATCH], settings);
  run.give(create('a', 'one', { renew: true, atEnd: 'shelve', ...more }));
  run.give({ type: 'lease.refs', leaseId: lease('a'), refs: { serverId: 'server-1' } });
  run.run(MINUTE_MS);
  return run;
}

function times(run: PunctualRun, type: string): readonly number[] {
  return run.events.filter((event) => event.type === type && event.id === 'a').map(({ atMs }) => atMs);
}

describe('a renewal', () => {
  test('comes at each end while nobody waits, up to the maximum', () => {
    const run = running({}, { leaseDurationMsMax: 3 * HOUR_MS });
    run.run(DAY_MS);
    expect(times(run, 'lease.renewed')).toEqual([END_MS, END_MS + HOUR_MS]);
    expect(times(run, 'lease.expired')).toEqual([END_MS + 2 * HOUR_MS]);
    expect(run.events.find(({ type }) => type === 'lease.expired')?.reason).toBe(
      'A lease can last 3h at most',
    );
  });

  test('keeps to the limits of the project, and says which was in the way', () => {
    const limitedRun = (limits: Parameters<typeof limited>[0], exempt: string | null = null): PunctualRun => {
      const run = running({ exempt });
      run.give({ type: 'project.set', projectId: project('demo'), name: 'demo', ...limited(limits) });
      run.run(DAY_MS);
      return run;
    };
    const short = limitedRun({ durationMs: 90 * MINUTE_MS });
    expect(times(short, 'lease.renewed')).toEqual([END_MS]);
    expect(times(short, 'lease.expired')).toEqual([END_MS + 30 * MINUTE_MS]);
    expect(short.events.find(({ type }) => type === 'lease.expired')?.reason).toBe(
      'Your project may have leases of 1h30m at most',
    );
    // Two hours of one card, of which the start and the end take a minute each.
    const used = limitedRun({ gpuHoursPerMonth: 2 });
    expect(times(used, 'lease.expired')).toEqual([T0 + 2 * HOUR_MS - MINUTE_MS]);
    expect(used.events.find(({ type }) => type === 'lease.expired')?.reason).toMatch(/GPU-hours/);
    const none = limitedRun({ gpuHoursPerMonth: 1 });
    expect([times(none, 'lease.renewed'), times(none, 'lease.expired')]).toEqual([[], [END_MS]]);
    const exempt = limitedRun({ gpuHoursPerMonth: 1 }, 'deadline of the paper');
    expect(times(exempt, 'lease.renewed')).toHaveLength(24);
  });

  test('ends as soon as somebody waits whom it would serve', () => {
    const run = running();
    run.run(2 * HOUR_MS);
    run.give(create('b', 'one', { projectId: project('p2') }));
    run.run(2 * HOUR_MS);
    expect(times(run, 'lease.expired')).toEqual([END_MS + 2 * HOUR_MS]);
    expect(run.grantedAt(lease('b'))).toBe(END_MS + 2 * HOUR_MS + MINUTE_MS);
  });

  test('is not kept back by who waits for other cards, or may hold no more', () => {
    const run = running();
    run.give({ type: 'project.set', projectId: project('p2'), name: 'p2', ...limited({ gpus: 1 }) });
    run.give(create('x', 'a100', { projectId: project('p2'), durationMs: 5 * HOUR_MS }));
    run.give(create('y', 'a100', { projectId: project('p3') }));
    run.give(create('z', 'one', { projectId: project('p2') }));
    run.runUntil(END_MS);
    expect(times(run, 'lease.renewed')).toEqual([END_MS]);
  });

  test('stops before a reserved window, and is none where that leaves too little', () => {
    const run = running();
    const window = (fromMs: number) => ({ fromMs, reservationId: asId<'reservation'>(`r${fromMs}`) });
    run.give(create('w', 'one', { window: window(END_MS + 31 * MINUTE_MS) }));
    run.runUntil(END_MS + HOUR_MS);
    expect(times(run, 'lease.renewed')).toEqual([END_MS]);
    expect(times(run, 'lease.expired')).toEqual([END_MS + 30 * MINUTE_MS]);
    expect(run.state(lease('w'))).toBe('active');
    const tight = running();
    tight.give(create('w', 'one', { window: window(END_MS + 6 * MINUTE_MS) }));
    tight.runUntil(END_MS);
    expect(times(tight, 'lease.expired')).toEqual([END_MS]);
  });

  test('stops before a drain', () => {
    const run = running();
    const fromMs = END_MS + 21 * MINUTE_MS;
    run.give({ type: 'host.drain', hostId: host('s1'), fromMs, untilMs: null, reason: 'r' });
    run.runUntil(END_MS + HOUR_MS);
    expect(times(run, 'lease.expired')).toEqual([END_MS + 20 * MINUTE_MS]);
  });

  test.each([
    ['by its borrower', { renew: false }, {}],
    ['where it is deleted and nobody said more', { renew: null, atEnd: 'delete' }, {}],
    ['by the operator', {}, { renewMs: 0 }],
  ] as const)('is none where that is not wanted %s', (_name, more, settings) => {
    const run = running(more, settings);
    run.runUntil(END_MS);
    expect(times(run, 'lease.expired')).toEqual([END_MS]);
  });

  test('is warned before, each time once', () => {
    const run = running(
      {},
      { warningsMs: [DAY_MS, HOUR_MS, 10 * MINUTE_MS], leaseDurationMsMax: 3 * HOUR_MS },
    );
    run.runUntil(END_MS + 3 * HOUR_MS);
    expect(times(run, 'lease.end_announced')).toEqual([
      END_MS - 30 * MINUTE_MS,
      END_MS - 6 * MINUTE_MS,
      END_MS + 50 * MINUTE_MS,
      END_MS + 110 * MINUTE_MS,
    ]);
  });
});

describe('a warning', () => {
  const first = (run: PunctualRun) => {
    run.runUntil(END_MS - MINUTE_MS);
    return run.events.find(({ type }) => type === 'lease.end_announced');
  };
  const warned = { warningsMs: [10 * MINUTE_MS] };

  test('says what happens, until when it can be extended, and why not longer', () => {
    const run = running({ durationMs: HOUR_MS }, warned);
    expect(first(run)).toMatchObject({
      reason:
        'in 10m the machine is shelved, unless nobody waits for its GPU then; only its root disk is kept',
      data: {
        expires_at: '2026-11-21T13:01:00Z',
        at_end: 'shelve',
        renews: true,
        extendable_until: '2026-11-28T12:01:00Z',
        not_longer: 'A lease can last 7d at most',
        ticket: null,
      },
    });
  });

  test('of a lease that others wait for says so', () => {
    const run = running({ ticket: { kind: 'now' } }, warned);
    run.give(create('b', 'one', { projectId: project('p2') }));
    expect(first(run)).toMatchObject({
      reason: expect.stringContaining('it comes back by itself with its return ticket'),
      data: {
        extendable_until: null,
        not_longer: 'somebody who waits was promised this GPU',
        ticket: 'now',
      },
    });
  });

  test('names the disks that are lost', () => {
    const run = running({ wanted: { kind: 'flavor', flavor: 'scratch' }, renew: false }, warned);
    expect(first(run)?.reason).toBe(
      'in 10m the machine is shelved; its root disk is kept, its 12 GiB of ephemeral and swap disks are lost',
    );
  });

  test('is not given again for a time that an extension has put behind', () => {
    const run = running({}, { warningsMs: [DAY_MS, HOUR_MS, 10 * MINUTE_MS] });
    run.runUntil(END_MS - 20 * MINUTE_MS);
    run.give({
      type: 'lease.extend',
      role: 'member',
      leaseId: lease('a'),
      expiresAtMs: END_MS + 5 * MINUTE_MS,
    });
    const before = times(run, 'lease.end_announced').length;
    run.run(1);
    expect(times(run, 'lease.end_announced').length).toBe(before);
  });
});

describe('the grace', () => {
  const GRACE = { graceMs: 5 * MINUTE_MS };

  test('lies between the end and what is done, and the forecast knows of it', () => {
    const run = running({}, GRACE);
    run.give(create('b', 'one', { projectId: project('p2') }));
    expect(run.world.leases.get(lease('b'))?.state).toMatchObject({
      promise: { startMs: END_MS + 5 * MINUTE_MS + MINUTE_MS },
    });
    run.run(2 * HOUR_MS);
    expect(times(run, 'lease.grace_began')).toEqual([END_MS]);
    expect(times(run, 'lease.expired')).toEqual([END_MS + 5 * MINUTE_MS]);
    expect(run.grantedAt(lease('b'))).toBe(END_MS + 6 * MINUTE_MS);
  });

  test('is over where nobody waits any more', () => {
    const run = running({}, GRACE);
    run.give(create('b', 'one', { projectId: project('p2') }));
    run.runUntil(END_MS + MINUTE_MS);
    run.give({ type: 'lease.release', leaseId: lease('b') });
    run.runUntil(END_MS + 5 * MINUTE_MS);
    expect(times(run, 'lease.renewed')).toEqual([END_MS + 5 * MINUTE_MS]);
  });

  test('is none for what is late already', () => {
    const run = running({ renew: false }, GRACE);
    run.give({ type: 'service.freeze', reason: 'r' });
    run.nowMs = END_MS + HOUR_MS;
    run.give({ type: 'tick' });
    expect(run.state(lease('a'))).toBe('active');
    run.give({ type: 'service.thaw' });
    run.give({ type: 'tick' });
    expect(run.state(lease('a'))).toBe('shelving');
    expect(times(run, 'lease.grace_began')).toEqual([]);
  });
});

test('as far as possible is what a refusal offers, and the terms allow', () => {
  const run = running({ renew: false });
  const extend = (expiresAtMs: number | null) =>
    run.give({ type: 'lease.extend', role: 'member', leaseId: lease('a'), expiresAtMs });
  expect(extend(null)).toMatchObject({ events: [{ data: { until: '2026-11-28T12:01:00Z' } }] });
  expect(extend(null)).toMatchObject({ refusal: { code: 'duration_too_long' } });
  expect(extend(END_MS + 8 * DAY_MS)).toMatchObject({
    refusal: { code: 'duration_too_long', details: { until: '2026-11-28T12:01:00Z' } },
  });
  extend(END_MS);
  run.give(create('w', 'one', { window: { fromMs: END_MS + HOUR_MS, reservationId: asId('r') } }));
  expect(extend(null)).toMatchObject({ events: [{ data: { until: '2026-11-21T14:00:00Z' } }] });
});
