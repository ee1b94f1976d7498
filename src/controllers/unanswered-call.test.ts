import { expect, test } from 'vitest';
import { asId } from '../base/ids.ts';
import type { StepFailure } from '../domain/command.ts';
import { floatingIpSeen, portSeen, serverSeen } from '../domain/provision/provision.fixtures.ts';
import type { Sighting, StepKind } from '../domain/provision/sighting.ts';
import { isMissed, isOver, mayActLate, mayStillWake, type UnansweredCall } from './unanswered-call.ts';

const EMPTY: Sighting = { port: null, servers: [], floatingIp: null, dateMs: null };
const FAILURE: StepFailure = { code: 'cloud_no_reply', message: 'no reply', next: 'again' };

function callOf(step: StepKind): UnansweredCall {
  const intent = {
    id: asId<'intent'>('i'),
    leaseId: asId<'lease'>('a'),
    step,
    openedAtMs: 0,
    timeoutMs: 60_000,
  };
  return { intent, sinceMs: 1000, failure: FAILURE };
}

const SHELF = serverSeen('s', 'SHELVED_OFFLOADED');
const SHOWN: readonly (readonly [StepKind, Sighting])[] = [
  ['createPort', { ...EMPTY, port: portSeen(null) }],
  ['createServer', { ...EMPTY, servers: [serverSeen('s', 'BUILD')] }],
  ['createFloatingIp', { ...EMPTY, floatingIp: floatingIpSeen('port') }],
  ['unshelve', { ...EMPTY, servers: [{ ...SHELF, taskState: 'unshelving' }] }],
];

test.each(SHOWN)('%s is over when it shows, or when its time-out has passed', (step, shown) => {
  const before = step === 'unshelve' ? { ...EMPTY, servers: [SHELF] } : EMPTY;
  const call = callOf(step);
  expect(isOver(call, before, 60_999)).toBe(false);
  expect(isOver(call, shown, 1000)).toBe(true);
  expect(isOver(call, before, 61_000)).toBe(true);
  expect([
    isMissed(call, before, 60_999),
    isMissed(call, before, 61_000),
    isMissed(call, shown, 61_000),
  ]).toEqual([false, true, false]);
  expect(mayActLate(step)).toBe(true);
});

test('a server is not on the shelf for good while an unshelve may still wake it', () => {
  const sighting = { ...EMPTY, servers: [SHELF] };
  const next = { kind: 'done' } as const;
  const call = callOf('unshelve');
  expect(mayStillWake(call, { goal: 'shelved', sighting, next, nowMs: 2000 })).toBe(true);
  expect(mayStillWake(call, { goal: 'shelved', sighting, next, nowMs: 61_000 })).toBe(false);
  expect(mayStillWake(call, { goal: 'gone', sighting, next, nowMs: 2000 })).toBe(false);
  expect(mayStillWake(callOf('shelve'), { goal: 'shelved', sighting, next, nowMs: 2000 })).toBe(false);
});
