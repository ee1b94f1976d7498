import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  T0,
  create,
  flavor,
  host,
  lease,
  limited,
  project,
  slotHost,
  unitHost,
} from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Command } from '../command.ts';
import { forecast } from './forecast.ts';
import { PunctualRun } from './punctual-run.fixtures.ts';

const ONE = flavor('one', { V100: 1 });
const TWO = flavor('two', { V100: 2 });
const FOUR = flavor('four', { V100: 4 });
const FLAVORS = [ONE, TWO, FOUR];

/** How long a lease of an hour keeps its host: with its start and its end. */
const HELD_MS = HOUR_MS + 2 * MINUTE_MS;

function promiseOf(
  run: PunctualRun,
  id: string,
): { readonly startMs: number; readonly hostId: string } | null {
  const state = run.world.leases.get(lease(id))?.state;
  return state?.kind === 'queued' ? state.promise : null;
}

describe('six requests for four cards', () => {
  test('the forecasts come true, to the millisecond', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 4 })], FLAVORS);
    const lengths = [3, 1, 4, 2, 1, 1];
    lengths.forEach((hours, index) => {
      run.give(
        create(`l${index}`, 'one', { durationMs: hours * HOUR_MS, projectId: project(`p${index % 2}`) }),
      );
      run.run(MINUTE_MS);
    });
    expect(run.world.queue.size).toBe(2);
    const forecasts = forecast(run.world, run.nowMs);
    expect([...forecasts.keys()]).toEqual([lease('l4'), lease('l5')]);
    run.run(DAY_MS);
    for (const [id, startMs] of forecasts) expect(run.grantedAt(id)).toBe(startMs);
    expect(run.grantedAt(lease('l4'))).toBe(T0 + MINUTE_MS + HELD_MS);
    expect(run.grantedAt(lease('l5'))).toBe(T0 + 3 * MINUTE_MS + HELD_MS + HOUR_MS);
    expect(run.world.leases.size).toBe(0);
  });
});

describe('overtaking', () => {
  /** Three of four cards are taken for an hour; the head wants all four. */
  function blocked(): PunctualRun {
    const run = new PunctualRun([slotHost('s1', { V100: 4 })], FLAVORS);
    for (const id of ['a', 'b', 'c']) run.give(create(id, 'one', { projectId: project(id) }));
    run.give(create('head', 'four', { projectId: project('head') }));
    return run;
  }

  test('a later request that is over by then goes first', () => {
    const run = blocked();
    expect(promiseOf(run, 'head')).toEqual({ hostId: 's1', startMs: T0 + HELD_MS });
    run.give(create('short', 'one', { durationMs: HOUR_MS }));
    expect(run.state(lease('short'))).toBe('starting');
    expect(promiseOf(run, 'head')).toEqual({ hostId: 's1', startMs: T0 + HELD_MS });
    run.run(HELD_MS);
    expect(run.grantedAt(lease('head'))).toBe(T0 + HELD_MS);
  });

  test('one that is not waits, and is told why', () => {
    const run = blocked();
    const decision = run.give(create('long', 'one', { durationMs: HOUR_MS + 1000 }));
    expect(decision).toMatchObject({ kind: 'decided', ruledOut: { would_delay_head: 1 } });
    expect(run.state(lease('long'))).toBe('queued');
  });

  test('on another host than the promised one it may take what it likes', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 4 }), slotHost('s2', { V100: 1 })], FLAVORS);
    run.give(create('a', 'two', { hostId: host('s1') }));
    run.give(create('head', 'four'));
    run.give(create('long', 'one', { durationMs: 5 * HOUR_MS }));
    expect(run.world.leases.get(lease('long'))?.state).toMatchObject({ claim: { hostId: 's2' } });
  });

  test('beside a head that still fits it may stay on', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 4 }, 8)], [...FLAVORS, flavor('cpu', {}, 1)]);
    run.give(create('a', 'four'));
    run.give(create('head', 'four'));
    run.give(create('long', 'cpu', { durationMs: 5 * HOUR_MS }));
    expect(run.state(lease('long'))).toBe('starting');
  });

  test('a head that its quota holds back lets the others pass, and has no promise', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 4 })], FLAVORS);
    run.give({
      type: 'project.set',
      projectId: project('full'),
      name: 'full',
      ...limited({ gpus: 4, leases: 1 }),
    });
    run.give(create('a', 'one', { projectId: project('full') }));
    run.give(create('head', 'one', { projectId: project('full') }));
    run.give(create('next', 'one', { projectId: project('other') }));
    expect([run.state(lease('head')), promiseOf(run, 'head'), run.state(lease('next'))]).toEqual([
      'queued',
      null,
      'starting',
    ]);
  });
});

describe('the queue', () => {
  test('serves the projects in turn, after the one that was promised a start', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], FLAVORS);
    for (const id of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) {
      run.give(create(id, 'one', { projectId: project(id.slice(0, 1)) }));
      run.run(1000);
    }
    run.run(DAY_MS);
    const order = run.events.filter(({ type }) => type === 'lease.granted').map(({ id }) => id);
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  test('wakes who fits when something is returned early, and tells the head an earlier start', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 2 })], FLAVORS);
    run.give(create('a', 'one', { durationMs: 3 * HOUR_MS }));
    run.give(create('b', 'one', { durationMs: 2 * HOUR_MS }));
    run.give(create('head', 'two'));
    expect(promiseOf(run, 'head')?.startMs).toBe(T0 + 3 * HOUR_MS + 2 * MINUTE_MS);
    run.run(10 * MINUTE_MS);
    run.give({ type: 'lease.release', leaseId: lease('a') });
    run.run(MINUTE_MS);
    expect(promiseOf(run, 'head')?.startMs).toBe(T0 + 2 * HOUR_MS + 2 * MINUTE_MS);
  });

  test('a shortened lease brings the promise forward at once', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], FLAVORS);
    run.give(create('a', 'one', { durationMs: 5 * HOUR_MS }));
    run.give(create('head', 'one'));
    run.run(10 * MINUTE_MS);
    run.give({ type: 'lease.extend', role: 'member', leaseId: lease('a'), expiresAtMs: T0 + HOUR_MS });
    expect(promiseOf(run, 'head')?.startMs).toBe(T0 + HOUR_MS + MINUTE_MS);
  });

  test('an end that comes late moves the promise and says why', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 }), slotHost('s2', { V100: 1 })], FLAVORS);
    run.give(create('a', 'one', { hostId: host('s1') }));
    run.give(create('b', 'one', { hostId: host('s2'), durationMs: 2 * HOUR_MS }));
    run.give(create('head', 'one'));
    expect(promiseOf(run, 'head')?.hostId).toBe('s1');
    run.give({
      type: 'host.drain',
      hostId: host('s1'),
      fromMs: T0 + HOUR_MS,
      untilMs: null,
      reason: 'new cables',
    });
    const moved = run.events.find(({ type }) => type === 'lease.promise_moved');
    expect(moved).toMatchObject({
      id: 'head',
      reason: 'host s1 is drained: new cables',
      data: { host: 's2' },
    });
  });
});

describe('waiting', () => {
  test('now or never: without room it is refused, and leaves nothing behind', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 2 })], FLAVORS);
    run.give(create('a', 'one'));
    const both = create('x', 'one', { leaseIds: [lease('x'), lease('y')], waitUntilMs: 0 });
    expect(run.give(both)).toMatchObject({ kind: 'refused', refusal: { code: 'no_capacity' } });
    expect([...run.world.leases.keys()]).toEqual(['a']);
    expect(run.give(create('z', 'one', { waitUntilMs: 0 }))).toMatchObject({ kind: 'decided' });
    expect(run.state(lease('z'))).toBe('starting');
  });

  test('ends at its limit, not before', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], FLAVORS);
    run.give(create('a', 'one'));
    run.give(create('b', 'one', { waitUntilMs: T0 + 5 * MINUTE_MS }));
    run.run(5 * MINUTE_MS - 1);
    expect(run.state(lease('b'))).toBe('queued');
    run.run(1);
    expect(run.state(lease('b'))).toBe('ended');
    expect(run.events.find(({ type }) => type === 'lease.wait_timed_out')).toMatchObject({
      id: 'b',
      after: 'ended',
    });
  });

  test('the queue has a bound', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], FLAVORS, { queueMax: 2 });
    for (const id of ['a', 'b', 'c']) run.give(create(id, 'one'));
    expect(run.give(create('d', 'one'))).toMatchObject({ kind: 'refused', refusal: { code: 'queue_full' } });
  });
});

describe('a host that failed a lease', () => {
  const failure = { code: 'no_valid_host', message: 'No valid host', next: 'other_host' } as const;

  function failedOn(run: PunctualRun): void {
    run.give(create('a', 'one'));
    run.give({ type: 'lease.startFailed', leaseId: lease('a'), failure });
    run.run(MINUTE_MS);
  }

  test('is not tried again for this lease until it is forgiven', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], FLAVORS);
    failedOn(run);
    expect(run.state(lease('a'))).toBe('queued');
    run.run(9 * MINUTE_MS - 1);
    expect(run.state(lease('a'))).toBe('queued');
    run.run(1);
    expect(run.state(lease('a'))).toBe('starting');
  });

  test('is promised to it from then on, and is free for others until then', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], FLAVORS);
    failedOn(run);
    expect(promiseOf(run, 'a')).toEqual({ hostId: 's1', startMs: T0 + 10 * MINUTE_MS });
    run.give(create('short', 'one', { durationMs: 5 * MINUTE_MS }));
    run.give(create('long', 'one', { durationMs: 50 * MINUTE_MS }));
    expect([run.state(lease('short')), run.state(lease('long'))]).toEqual(['starting', 'queued']);
    run.run(9 * MINUTE_MS);
    expect(run.state(lease('a'))).toBe('starting');
  });

  test('another host is taken at once', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 }), slotHost('s2', { V100: 1 })], FLAVORS);
    failedOn(run);
    expect(
      new Set(run.events.filter(({ type }) => type === 'lease.granted').map(({ data }) => data['host'])),
    ).toEqual(new Set(['s1', 's2']));
  });

  test('after five tries it fails for good', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 1 })], FLAVORS, { avoidHostMs: 0 });
    run.give(create('a', 'one'));
    for (let tries = 1; tries <= 5; tries++) {
      run.give({ type: 'lease.startFailed', leaseId: lease('a'), failure });
      run.run(MINUTE_MS);
    }
    expect(run.state(lease('a'))).toBe('ended');
    expect(run.events.find(({ type }) => type === 'lease.start_failed')).toMatchObject({
      data: { tries: 5 },
    });
  });
});

test('a quota is never exceeded, whoever asks how often', () => {
  const run = new PunctualRun(
    [slotHost('s1', { V100: 16 }, 999), slotHost('s2', { V100: 16 }, 999)],
    FLAVORS,
    { queueMax: 2000 },
  );
  const projectId = project('p');
  run.give({ type: 'project.set', projectId, name: 'p', ...limited({ gpus: 10 }) });
  for (let i = 0; i < 1000; i++) {
    run.give(
      create(`l${i}`, i % 3 === 0 ? 'two' : 'one', { projectId, durationMs: (1 + (i % 7)) * HOUR_MS }),
    );
    expect(run.world.accounts.ofProject(projectId).gpus).toBeLessThanOrEqual(10);
  }
  expect(run.world.accounts.ofProject(projectId).gpus).toBe(10);
  run.give({ type: 'lease.release', leaseId: lease('l0') });
  run.run(MINUTE_MS);
  expect(run.world.accounts.ofProject(projectId).gpus).toBe(10);
});

interface Move {
  readonly kind: number;
  readonly which: number;
  readonly lengthMin: number;
  readonly pauseMin: number;
}

const move = fc.record({
  kind: fc.nat(9),
  which: fc.nat(99),
  lengthMin: fc.integer({ min: 1, max: 90 }),
  pauseMin: fc.nat(12),
});

function commandOf(run: PunctualRun, { kind, which, lengthMin }: Move, id: string): Command {
  const ids = [...run.world.leases.keys()];
  const someLease = ids[which % Math.max(1, ids.length)] ?? lease('none');
  const length = { durationMs: lengthMin * MINUTE_MS, projectId: project(`p${which % 3}`) };
  const name = FLAVORS[which % FLAVORS.length]?.name ?? 'one';
  if (kind === 7) return { type: 'lease.release', leaseId: someLease };
  if (kind === 8)
    return {
      type: 'lease.extend',
      role: 'member',
      leaseId: someLease,
      expiresAtMs: run.nowMs + lengthMin * MINUTE_MS,
    };
  if (kind === 9) {
    const window = {
      fromMs: run.nowMs + (1 + (which % 60)) * MINUTE_MS,
      reservationId: asId<'reservation'>(id),
    };
    return create(id, name, { ...length, window });
  }
  return create(id, name, length);
}

test('where every lease ends when it should, no promise is ever moved later, and each is kept', () => {
  fc.assert(
    fc.property(fc.array(move, { minLength: 5, maxLength: 40 }), (history) => {
      const run = new PunctualRun(
        [
          slotHost('s1', { V100: 4 }),
          unitHost('u1', [
            ['V100', 'g'],
            ['V100', 'g'],
            ['V100', null],
          ]),
        ],
        FLAVORS,
      );
      history.forEach((each, index) => {
        run.give(commandOf(run, each, `l${index}`));
        run.run(each.pauseMin * MINUTE_MS);
      });
      run.run(30 * DAY_MS);
      expect([...run.world.leases.values()].map(({ id, state }) => [id, state.kind])).toEqual([]);
      const promised = new Map<string, number>();
      for (const { type, id, atMs, data } of run.events) {
        if (
          type === 'lease.promise_moved' ||
          type === 'lease.promise_withdrawn' ||
          type === 'lease.window_late'
        ) {
          throw new Error(`${type} for ${id}`);
        }
        if (type === 'lease.promised') {
          const startMs = Number(data['start_ms']);
          expect(startMs).toBeLessThanOrEqual(promised.get(id) ?? startMs);
          promised.set(id, startMs);
        }
        if (type === 'lease.granted') expect(atMs).toBeLessThanOrEqual(promised.get(id) ?? atMs);
      }
    }),
    { numRuns: 150 },
  );
});
