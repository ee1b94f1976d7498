import { describe, expect, test } from 'vitest';
import { create, flavor, lease, limited, project, slotHost, T0 } from '../../../test/support/worlds.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS } from '../../base/units.ts';
import type { Command } from '../command.ts';
import type { ReturnTicket } from '../model/lease.ts';
import { PunctualRun } from '../scheduler/punctual-run.fixtures.ts';
import type { Settings } from '../settings.ts';

const ONE = flavor('one', { V100: 1 });
const END_MS = T0 + MINUTE_MS + HOUR_MS;
const A = lease('a');

type More = Parameters<typeof create>[2];

function running(more: More = {}, settings: Partial<Settings> = {}): PunctualRun {
  const run = new PunctualRun([slotHost('s1', { V100: 1 })], [ONE], settings);
  borrow(run, 'a', more);
  run.run(MINUTE_MS);
  return run;
}

function borrow(run: PunctualRun, id: string, more: More = {}): void {
  run.give(create(id, 'one', { atEnd: 'shelve', ...more }));
  run.give({ type: 'lease.refs', leaseId: lease(id), refs: { serverId: `server-${id}` } });
}

/** A lease on the shelf since its end and a minute. */
function shelved(settings: Partial<Settings> = {}): PunctualRun {
  const run = running({}, settings);
  run.runUntil(END_MS + MINUTE_MS);
  expect(run.state(A)).toBe('shelved');
  return run;
}

function times(run: PunctualRun, type: string): readonly number[] {
  return run.events.filter((event) => event.type === type && event.id === 'a').map(({ atMs }) => atMs);
}

function ticket(when: ReturnTicket | null): Command {
  return { type: 'lease.ticket', leaseId: A, ticket: when };
}

describe('a disk on the shelf', () => {
  const sinceMs = END_MS + MINUTE_MS;

  test('is kept for a time, warned, then deleted', () => {
    const run = shelved();
    run.run(31 * DAY_MS);
    expect(times(run, 'lease.keep_announced')).toEqual([sinceMs + 23 * DAY_MS, sinceMs + 29 * DAY_MS]);
    expect(times(run, 'lease.keep_expired')).toEqual([sinceMs + 30 * DAY_MS]);
    expect(run.events.at(-1)).toMatchObject({ type: 'lease.ended', after: 'ended' });
  });

  test('is kept without end where the operator says so', () => {
    const run = shelved({ keepShelvedMs: null });
    run.run(1000 * DAY_MS);
    expect(run.state(A)).toBe('shelved');
    expect(run.give({ type: 'lease.keep', leaseId: A, durationMs: DAY_MS })).toMatchObject({
      refusal: { code: 'invalid_state' },
    });
  });

  test('is kept longer when its owner wants it, again and again, but not for longer at once', () => {
    const run = shelved();
    run.run(29 * DAY_MS);
    expect(run.give({ type: 'lease.keep', leaseId: A, durationMs: 31 * DAY_MS })).toMatchObject({
      refusal: { code: 'duration_too_long' },
    });
    run.give({ type: 'lease.keep', leaseId: A, durationMs: 10 * DAY_MS });
    run.run(9 * DAY_MS);
    expect(run.state(A)).toBe('shelved');
    run.give({ type: 'lease.keep', leaseId: A, durationMs: 30 * DAY_MS });
    run.run(29 * DAY_MS);
    expect(run.state(A)).toBe('shelved');
    run.run(DAY_MS);
    expect(run.state(A)).toBe('ending');
  });

  test.each<Command>([
    { type: 'service.freeze', reason: 'r' },
    { type: 'service.mode', mode: { kind: 'observe', reason: 'r' } },
    { type: 'clock.doubt', divergenceMs: HOUR_MS },
  ])('is not deleted while $type lasts', (pause) => {
    const run = shelved();
    run.give(pause);
    run.nowMs += 40 * DAY_MS;
    run.give({ type: 'tick' });
    expect(run.state(A)).toBe('shelved');
  });

  test('that waits in vain to come back is kept for as long again', () => {
    const run = shelved();
    borrow(run, 'b', { projectId: project('p2'), durationMs: 7 * DAY_MS });
    run.run(20 * DAY_MS - MINUTE_MS);
    borrow(run, 'c', { projectId: project('p2'), durationMs: 7 * DAY_MS });
    run.give({
      type: 'lease.unshelve',
      role: 'member',
      leaseId: A,
      durationMs: null,
      waitUntilMs: run.nowMs + HOUR_MS,
    });
    run.run(HOUR_MS);
    expect(run.world.leases.get(A)?.state).toMatchObject({
      kind: 'shelved',
      keepUntilMs: run.nowMs + 30 * DAY_MS,
    });
  });
});

describe('a return ticket', () => {
  test('brings the lease back in the order of the ends, behind who waited before', () => {
    const run = new PunctualRun([slotHost('s1', { V100: 2 })], [ONE]);
    borrow(run, 'a', { ticket: { kind: 'now' } });
    borrow(run, 'b', { ticket: { kind: 'now' }, durationMs: HOUR_MS + MINUTE_MS });
    borrow(run, 'c', { renew: false });
    borrow(run, 'd', { renew: false });
    run.run(10 * HOUR_MS);
    const granted = run.events.filter(({ type }) => type === 'lease.granted').map(({ id }) => id);
    expect(granted).toEqual(['a', 'b', 'c', 'd', 'a', 'b']);
    const used = run.events.filter(({ type }) => type === 'lease.ticket_used').map(({ id }) => id);
    expect(used).toEqual(['a', 'b']);
  });

  test('counts from the end on, not from when the shelving is done', () => {
    const run = running({ ticket: { kind: 'now' } });
    borrow(run, 'b', { projectId: project('p2') });
    run.runUntil(END_MS);
    expect(run.world.leases.get(A)?.state).toMatchObject({ kind: 'shelving', again: { queueSeq: 3 } });
    borrow(run, 'c');
    run.runUntil(END_MS + MINUTE_MS);
    expect(run.world.leases.get(A)?.state).toMatchObject({ kind: 'queued', queueSeq: 3, comeback: true });
    expect(run.world.queue.ofProject(project('demo')).map(({ leaseId }) => leaseId)).toEqual(['a', 'c']);
  });

  test('is good for one journey', () => {
    const run = running({ ticket: { kind: 'now' } });
    run.run(DAY_MS);
    expect(times(run, 'lease.ticket_used').length).toBe(1);
    expect(run.state(A)).toBe('shelved');
    expect(run.world.leases.get(A)?.ticket).toBeNull();
  });

  test('with a time waits for it on the shelf, whoever shelved, and no disk is deleted before', () => {
    const atMs = T0 + 5 * WEEK_MS;
    const run = running({ ticket: { kind: 'at', atMs } });
    run.give({ type: 'lease.shelve', leaseId: A });
    run.runUntil(atMs);
    expect(times(run, 'lease.ticket_used')).toEqual([atMs]);
    expect(run.state(A)).toBe('starting');
    expect(times(run, 'lease.keep_expired')).toEqual([]);
  });

  test('for as soon as possible is not used for what its owner has shelved', () => {
    const run = running({ ticket: { kind: 'now' } });
    run.give({ type: 'lease.shelve', leaseId: A });
    run.run(DAY_MS);
    expect(run.state(A)).toBe('shelved');
  });

  test('that is given while it is being shelved counts from when it is', () => {
    const run = running();
    run.runUntil(END_MS);
    run.give(ticket({ kind: 'now' }));
    run.run(MINUTE_MS);
    expect(times(run, 'lease.ticket_used')).toEqual([END_MS + MINUTE_MS]);
    expect(run.state(A)).toBe('starting');
  });

  test('can be taken away', () => {
    const run = running({ ticket: { kind: 'now' } });
    run.give(ticket(null));
    run.run(DAY_MS);
    expect(run.state(A)).toBe('shelved');
  });

  test.each<readonly [string, (run: PunctualRun) => Command, string]>([
    ['into the past', (run) => ticket({ kind: 'at', atMs: run.nowMs }), 'time_in_past'],
    ['of what is on the shelf, for now', () => ticket({ kind: 'now' }), 'invalid_state'],
    ['of what is deleted', () => create('x', 'one', { atEnd: 'delete', ticket: { kind: 'now' } }), 'invalid'],
  ])('%s is refused', (_name, command, code) => {
    const run = shelved();
    expect(run.give(command(run))).toMatchObject({ refusal: { code } });
  });
});

describe('what cannot be shelved', () => {
  const unshelvable: Command = { type: 'lease.unshelvable', leaseId: A, cause: 'no space left' };

  test('is deleted where its borrower has agreed to it', () => {
    const run = running({ atEnd: 'shelve_or_delete' });
    run.runUntil(END_MS);
    run.give(unshelvable);
    expect(run.world.leases.get(A)?.state).toMatchObject({
      kind: 'ending',
      then: { reason: 'expired', cause: 'no space left' },
    });
  });

  test.each<readonly [string, More, Command | null]>([
    ['is kept', { atEnd: 'shelve' }, null],
    [
      'is kept when its owner shelved it',
      { atEnd: 'shelve_or_delete' },
      { type: 'lease.shelve', leaseId: A },
    ],
  ])('%s otherwise', (_name, more, command) => {
    const run = running(more);
    if (command === null) run.runUntil(END_MS);
    else run.give(command);
    expect(run.state(A)).toBe('shelving');
    expect(run.give(unshelvable)).toMatchObject({ refusal: { code: 'stale' } });
  });
});

describe('a limit in the way of a return ticket', () => {
  const limit = (run: PunctualRun, limits: Parameters<typeof limited>[0]): void => {
    run.give({ type: 'project.set', projectId: project('demo'), name: 'demo', ...limited(limits) });
  };
  const voided = (run: PunctualRun) => run.events.filter(({ type }) => type === 'lease.ticket_void');

  test.each<ReturnTicket>([{ kind: 'now' }, { kind: 'at', atMs: END_MS + HOUR_MS }])(
    'leaves the disk on the shelf, and says why: $kind',
    (when) => {
      const run = running({ ticket: when, exempt: 'for its first time only' });
      limit(run, { gpuHoursPerMonth: 2 });
      run.run(DAY_MS);
      expect(run.state(A)).toBe('shelved');
      expect(voided(run)).toMatchObject([{ id: 'a', reason: expect.stringMatching(/GPU-hours/) }]);
      expect(times(run, 'lease.ticket_used')).toEqual([]);
    },
  );

  test('that is on waiting requests counts only where it has to wait', () => {
    const when: ReturnTicket = { kind: 'at', atMs: END_MS + HOUR_MS };
    const free = running({ ticket: when });
    limit(free, { queued: 0 });
    free.runUntil(END_MS + HOUR_MS);
    expect(free.state(A)).toBe('starting');
    const taken = running({ ticket: when });
    taken.runUntil(END_MS + 10 * MINUTE_MS);
    borrow(taken, 'b', { durationMs: 5 * HOUR_MS });
    limit(taken, { queued: 0 });
    taken.runUntil(END_MS + HOUR_MS);
    expect(taken.state(A)).toBe('shelved');
    expect(voided(taken)).toMatchObject([{ reason: expect.stringMatching(/waiting requests/) }]);
  });
});
