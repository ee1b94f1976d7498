import { describe, expect, test } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import { NO_REFS, SETBACKS_MAX, type Lease } from '../model/lease.ts';
import {
  BEGAN_MS,
  CLAIM,
  DURATION_MS,
  END_ESTIMATE_MS,
  EVENTS,
  KEEP_UNTIL_MS,
  leaseIn,
  leaseWith,
  NOW_MS,
  OTHER_CLAIM,
  SERVER_REFS,
  STATE_KINDS,
  WAIT_UNTIL_MS,
} from './lease.fixtures.ts';
import { step, type LeaseEvent } from './machine.ts';
import { TRANSITIONS } from './transitions.fixtures.ts';

const events = Object.values(EVENTS);

/** The lease after an event that must mean something. */
function after(lease: Lease, event: LeaseEvent): Lease {
  const next = step(lease, event, NOW_MS);
  if (next === null) throw new Error(`${event.type} means nothing in ${lease.state.kind}`);
  return next;
}

test('the table has a cell for each of 8 states and 29 events', () => {
  expect([STATE_KINDS.length, events.length]).toEqual([8, 29]);
});

describe.each(STATE_KINDS)('%s', (kind) => {
  test.each(events.map((event) => [event.type, event] as const))('%s', (type, event) => {
    const lease = leaseIn(kind);
    const frozen = JSON.stringify(lease);
    const next = step(lease, event, NOW_MS);
    expect(next?.state.kind ?? null).toBe(TRANSITIONS[type][kind]);
    expect(JSON.stringify(lease)).toBe(frozen);
    if (next !== null) expect(next.generation).toBe(lease.generation + 1);
  });
});

describe('the books of what is held', () => {
  const heldMs = NOW_MS - BEGAN_MS;

  test('a claim is counted from the grant on', () => {
    expect(after(leaseIn('queued'), EVENTS.grant)).toMatchObject({ claimedAtMs: NOW_MS, usedDeviceMs: 1000 });
  });

  test.each([
    ['offloaded', leaseIn('shelving'), EVENTS.offloaded],
    ['gone', leaseIn('ending'), EVENTS.gone],
    ['put back on the shelf by the cloud', leaseWith('starting', { comeback: true }), EVENTS.offloaded],
  ] as const)('%s: time × devices is added once and nothing is held', (_name, lease, event) => {
    expect(after(lease, event)).toMatchObject({ claimedAtMs: null, usedDeviceMs: 1000 + 2 * heldMs });
  });

  test.each([
    ['ready', leaseIn('starting'), EVENTS.ready],
    ['shelve', leaseIn('active'), EVENTS.shelve],
    ['expire', leaseIn('active'), EVENTS.expire],
    ['release', leaseIn('active'), EVENTS.release],
    ['lost', leaseIn('active'), EVENTS.lost],
    ['relocate', leaseIn('active'), EVENTS.relocate],
    ['extend', leaseIn('active'), EVENTS.extend],
  ] as const)('%s: the holding goes on unbroken', (_name, lease, event) => {
    expect(after(lease, event)).toMatchObject({ claimedAtMs: BEGAN_MS, usedDeviceMs: 1000 });
  });

  test('a window that has not begun and a lease on the shelf hold nothing', () => {
    expect(after(leaseIn('reserved'), EVENTS.windowBegins)).toMatchObject({
      claimedAtMs: null,
      usedDeviceMs: 1000,
    });
    expect(after(leaseIn('shelved'), EVENTS.release)).toMatchObject({
      claimedAtMs: null,
      usedDeviceMs: 1000,
      state: { kind: 'ending', claim: null },
    });
  });

  test('a clock that went back takes nothing from what was used', () => {
    const next = step(leaseIn('shelving'), EVENTS.offloaded, BEGAN_MS - HOUR_MS);
    expect(next).toMatchObject({ usedDeviceMs: 1000, claimedAtMs: null });
  });
});

describe('what exists outside', () => {
  test('is forgotten when it is gone, and only then', () => {
    expect(after(leaseIn('ending'), EVENTS.gone).refs).toEqual(NO_REFS);
    for (const event of [EVENTS.release, EVENTS.lost, EVENTS.shelve, EVENTS.expire]) {
      expect(after(leaseIn('active'), event).refs, event.type).toEqual(SERVER_REFS);
    }
  });

  test('is added field by field', () => {
    expect(after(leaseIn('starting'), EVENTS.refs).refs).toEqual({ ...SERVER_REFS, floatingIpId: 'fip-1' });
  });

  test.each([
    ['release', EVENTS.release, 'released'],
    ['fail', EVENTS.fail, 'failed'],
    ['waitedOut', EVENTS.waitedOut, 'wait_timed_out'],
  ] as const)('%s of a waiting lease with remains clears them first', (_name, event, reason) => {
    const lease = leaseIn('queued', { refs: { ...NO_REFS, portId: 'port-1' } });
    expect(after(lease, event).state).toMatchObject({
      kind: 'ending',
      claim: null,
      then: { kind: 'end', reason },
    });
  });

  test('a reserved lease with remains clears them first', () => {
    const lease = leaseIn('reserved', { refs: { ...NO_REFS, serverId: 'server-1' } });
    expect(after(lease, EVENTS.release).state).toMatchObject({ kind: 'ending', claim: null });
  });
});

describe('the start', () => {
  test('keeps the place in the queue, and the limit, through grant, failure and return', () => {
    const started = after(leaseIn('queued'), EVENTS.grant);
    expect(started.state).toMatchObject({
      kind: 'starting',
      queueSeq: 7,
      comeback: false,
      progress: 'waiting',
    });
    const cleared = after(started, EVENTS.retryElsewhere);
    expect(cleared.state).toMatchObject({
      kind: 'ending',
      claim: CLAIM,
      then: { kind: 'requeue', queueSeq: 7, waitUntilMs: WAIT_UNTIL_MS },
    });
    expect(after(cleared, EVENTS.gone).state).toEqual({
      kind: 'queued',
      sinceMs: NOW_MS,
      queueSeq: 7,
      waitUntilMs: WAIT_UNTIL_MS,
      promise: null,
      comeback: false,
    });
  });

  test('a vanished server of a start is a failed try, not the end', () => {
    expect(after(leaseIn('starting'), EVENTS.lost).state).toMatchObject({
      then: { kind: 'requeue', queueSeq: 7, waitUntilMs: WAIT_UNTIL_MS },
    });
  });

  test('counts the time from ready and books the claim to its end', () => {
    expect(after(leaseIn('starting'), EVENTS.ready).state).toMatchObject({
      kind: 'active',
      sinceMs: NOW_MS,
      expiresAtMs: NOW_MS + DURATION_MS,
      warnedMs: null,
      claim: { untilMs: NOW_MS + DURATION_MS + END_ESTIMATE_MS },
    });
  });

  test('the same progress twice is no event', () => {
    const next = after(leaseIn('starting'), EVENTS.progress);
    expect(step(next, EVENTS.progress, NOW_MS)).toBeNull();
    expect(after(next, { ...EVENTS.progress, obstacle: 'no route to it' }).state).toMatchObject({
      progress: 'building',
      obstacle: 'no route to it',
    });
  });

  test('the machine calls once, and the next start waits for a call of its own', () => {
    const called = after(leaseIn('starting'), EVENTS.calledHome);
    expect(called.state).toMatchObject({ calledHome: true });
    expect(step(called, EVENTS.calledHome, NOW_MS)).toBeNull();
    const again = [EVENTS.retryElsewhere, EVENTS.gone, EVENTS.grant].reduce(after, called);
    expect(again.state).toMatchObject({ kind: 'starting', calledHome: false, obstacle: null });
  });
});

describe('while the remains of a failed try are cleared', () => {
  const clearing = leaseWith('ending', { then: { kind: 'requeue', queueSeq: 7, waitUntilMs: null } });

  test.each([
    ['release', EVENTS.release, 'cancelled', null],
    ['fail', EVENTS.fail, 'failed', 'image not found'],
  ] as const)('%s makes it end instead of waiting again', (_name, event, reason, cause) => {
    const next = after(clearing, event);
    expect(next.state).toEqual({
      kind: 'ending',
      sinceMs: BEGAN_MS,
      claim: CLAIM,
      then: { kind: 'end', reason, cause },
    });
    expect(after(next, EVENTS.gone).state).toEqual({ kind: 'ended', atMs: NOW_MS, reason, cause });
  });
});

describe('a lease that comes back from the shelf', () => {
  const waiting = leaseWith('queued', { comeback: true }, { refs: SERVER_REFS });
  const starting = leaseWith('starting', { comeback: true });

  test('waits with its server and its new duration', () => {
    const next = after(leaseIn('shelved'), EVENTS.unshelve);
    expect(next.request.durationMs).toBe(2 * HOUR_MS);
    expect(next.refs).toEqual(SERVER_REFS);
    expect(next.state).toMatchObject({ kind: 'queued', queueSeq: 11, comeback: true });
  });

  test('goes back to the shelf when it has waited in vain', () => {
    expect(after(waiting, EVENTS.waitedOut).state).toEqual({
      kind: 'shelved',
      sinceMs: NOW_MS,
      keepUntilMs: KEEP_UNTIL_MS,
      warnedMs: null,
    });
  });

  test('is shelved again when a try fails, and then waits in its old place', () => {
    const shelving = after(starting, EVENTS.retryElsewhere);
    const again = { queueSeq: 7, waitUntilMs: WAIT_UNTIL_MS };
    expect(shelving.state).toEqual({
      kind: 'shelving',
      sinceMs: NOW_MS,
      claim: CLAIM,
      reason: 'start_failed',
      again,
    });
    expect(after(shelving, EVENTS.offloaded).state).toMatchObject({
      kind: 'queued',
      comeback: true,
      ...again,
    });
  });

  test('stays on the shelf when no try will succeed', () => {
    const shelving = after(starting, EVENTS.fail);
    expect(shelving.state).toMatchObject({ kind: 'shelving', reason: 'start_failed', again: null });
    expect(after(shelving, EVENTS.offloaded).state).toMatchObject({ kind: 'shelved' });
  });

  test('waits on in its old place when the cloud puts it back without a word', () => {
    expect(after(starting, EVENTS.offloaded).state).toMatchObject({
      kind: 'queued',
      queueSeq: 7,
      comeback: true,
    });
  });

  test.each([
    ['waiting', waiting],
    ['starting', starting],
  ] as const)('ends when its server is lost while %s: there is nothing to come back to', (_name, lease) => {
    expect(after(lease, EVENTS.lost).state).toMatchObject({
      kind: 'ending',
      then: { kind: 'end', reason: 'host_lost', cause: 'host h1 is down' },
    });
  });

  test('given back while it waits, its disk is cleared away', () => {
    expect(after(waiting, EVENTS.release).state).toMatchObject({
      kind: 'ending',
      then: { reason: 'released' },
    });
  });
});

describe('the end', () => {
  test('deletes where the lease says so, and where there is no disk to keep', () => {
    const { request } = leaseIn('active');
    const deleted = leaseIn('active', { request: { ...request, atEnd: 'delete' } });
    const diskless = leaseIn('active', { refs: NO_REFS });
    for (const lease of [deleted, diskless]) {
      expect(after(lease, EVENTS.expire).state).toMatchObject({
        kind: 'ending',
        claim: CLAIM,
        then: { reason: 'expired' },
      });
    }
  });

  test('shelves otherwise', () => {
    expect(after(leaseIn('active'), EVENTS.expire).state).toMatchObject({
      kind: 'shelving',
      reason: 'expired',
    });
    expect(after(leaseIn('active'), EVENTS.shelve).state).toMatchObject({
      kind: 'shelving',
      reason: 'asked',
    });
    expect(step(leaseIn('active', { refs: NO_REFS }), EVENTS.shelve, NOW_MS)).toBeNull();
  });

  test('moves with an extension, and the warnings that lie before the new one are given anew', () => {
    const warned = after(leaseIn('active'), EVENTS.warn);
    expect(warned.state).toMatchObject({ warnedMs: HOUR_MS });
    expect(after(warned, EVENTS.extend).state).toMatchObject({
      expiresAtMs: NOW_MS + 2 * HOUR_MS,
      claim: { untilMs: NOW_MS + 2 * HOUR_MS + END_ESTIMATE_MS },
      warnedMs: 2 * HOUR_MS,
    });
  });

  test('moves with a renewal, which an extension makes one that was asked for', () => {
    const renewed = after(leaseIn('active'), EVENTS.renew);
    expect(renewed.state).toMatchObject({ expiresAtMs: NOW_MS + 2 * HOUR_MS, renewedAtMs: NOW_MS });
    expect(after(renewed, EVENTS.extend).state).toMatchObject({ renewedAtMs: null });
  });

  test('may have a grace, which an extension ends', () => {
    const graced = after(leaseIn('active'), EVENTS.grace);
    expect(graced.state).toMatchObject({ kind: 'active', graceUntilMs: NOW_MS + MINUTE_MS });
    expect(after(graced, EVENTS.extend).state).toMatchObject({ graceUntilMs: null });
  });

  test('with a place in the queue leads through the shelf into it, and uses the ticket up', () => {
    const ticketed = leaseIn('active', { ticket: { kind: 'now' } });
    const again = { queueSeq: 9, waitUntilMs: null };
    const shelving = after(ticketed, { type: 'expire', again });
    expect(shelving).toMatchObject({ state: { kind: 'shelving', reason: 'expired', again }, ticket: null });
    expect(after(shelving, EVENTS.offloaded).state).toMatchObject({
      kind: 'queued',
      ...again,
      comeback: true,
    });
    expect(after(ticketed, EVENTS.expire)).toMatchObject({ ticket: { kind: 'now' } });
  });

  test.each([
    ['shelve_or_delete', 'expired', 'ending'],
    ['shelve_or_delete', 'start_failed', 'ending'],
    ['shelve_or_delete', 'asked', null],
    ['shelve', 'expired', null],
  ] as const)('%s, %s: what cannot be shelved goes to %s', (atEnd, reason, expected) => {
    const { request } = leaseIn('shelving');
    const shelving = leaseWith('shelving', { reason }, { request: { ...request, atEnd } });
    expect(step(shelving, EVENTS.unshelvable, NOW_MS)?.state.kind ?? null).toBe(expected);
  });
});

describe('beside the state', () => {
  test('reachability is noted once, with its time, and forgotten in the next state', () => {
    const away = after(leaseIn('active'), EVENTS.reach);
    expect(away.unreachableSinceMs).toBe(NOW_MS);
    expect(step(away, EVENTS.reach, NOW_MS + MINUTE_MS)).toBeNull();
    expect(after(away, EVENTS.extend).unreachableSinceMs).toBe(NOW_MS);
    expect(after(away, EVENTS.release).unreachableSinceMs).toBeNull();
    expect(after(away, { type: 'reach', reachable: true }).unreachableSinceMs).toBeNull();
  });

  test('only the newest setbacks are kept', () => {
    let lease = leaseIn('starting');
    for (let i = 0; i < SETBACKS_MAX + 3; i++) {
      lease = after(lease, {
        type: 'setback',
        setback: { atMs: NOW_MS + i, code: `${i}`, message: '', hostId: null },
      });
    }
    expect(lease.setbacks.map(({ code }) => code)).toEqual(['3', '4', '5', '6', '7', '8', '9', '10']);
  });

  test('a host is forgiven once, and what it said stays', () => {
    const forgiven = after(leaseIn('queued'), EVENTS.forgive);
    expect(forgiven.setbacks).toMatchObject([{ code: 'no_valid_host', hostId: null }]);
    expect(step(forgiven, EVENTS.forgive, NOW_MS)).toBeNull();
    expect(step(leaseIn('queued'), { type: 'forgive', beforeMs: BEGAN_MS - 1 }, NOW_MS)).toBeNull();
  });

  test('a claim moves only where there is one', () => {
    expect(after(leaseIn('shelving'), EVENTS.relocate).state).toMatchObject({ claim: OTHER_CLAIM });
    expect(step(leaseWith('ending', { claim: null }), EVENTS.relocate, NOW_MS)).toBeNull();
  });
});
