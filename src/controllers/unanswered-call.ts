/** What is known of a call whose answer is out. Pure. */
import type { StepFailure } from '../domain/command.ts';
import type { Intent } from '../domain/model/lease.ts';
import { keeperOf } from '../domain/provision/keeper.ts';
import type { Plan } from '../domain/provision/plan.ts';
import type { Goal, Sighting, StepKind } from '../domain/provision/sighting.ts';

export interface UnansweredCall {
  readonly intent: Intent;
  /** From when its time-out counts: since it was sent, or since a new process found it. */
  readonly sinceMs: number;
  readonly failure: StepFailure;
}

/**
 * Steps whose late effect would be wrong later: a second server, or a server that comes back after it was
 * shelved again. All others name what they take away or put to sleep, and repeating them does no harm.
 */
export function mayActLate(step: string): boolean {
  const late: readonly string[] = [
    'createPort',
    'createServer',
    'createFloatingIp',
    'unshelve',
  ] satisfies StepKind[];
  return late.includes(step);
}

/** True when it can have no effect any more that is not seen: it shows, or its time-out has passed. */
export function isOver(call: UnansweredCall, sighting: Sighting, nowMs: number): boolean {
  return isTimedOut(call, nowMs) || showsEffect(call.intent.step, sighting);
}

/** True when it had no effect, and will have none. */
export function isMissed(call: UnansweredCall, sighting: Sighting, nowMs: number): boolean {
  return isTimedOut(call, nowMs) && !showsEffect(call.intent.step, sighting);
}

/** A server is on the shelf for good only when no unshelve can wake it any more. */
export function mayStillWake(call: UnansweredCall, { goal, sighting, next, nowMs }: WakeInput): boolean {
  const isUnshelve = call.intent.step === ('unshelve' satisfies StepKind);
  return isUnshelve && goal === 'shelved' && next.kind === 'done' && !isOver(call, sighting, nowMs);
}

interface WakeInput {
  readonly goal: Goal;
  readonly sighting: Sighting;
  readonly next: Plan;
  readonly nowMs: number;
}

function isTimedOut({ sinceMs, intent }: UnansweredCall, nowMs: number): boolean {
  return nowMs >= sinceMs + intent.timeoutMs;
}

function showsEffect(step: string, sighting: Sighting): boolean {
  switch (step) {
    case 'createPort' satisfies StepKind:
      return sighting.port !== null;
    case 'createServer' satisfies StepKind:
      return keeperOf(sighting) !== null;
    case 'createFloatingIp' satisfies StepKind:
      return sighting.floatingIp !== null;
    case 'unshelve' satisfies StepKind: {
      const keeper = keeperOf(sighting);
      return keeper !== null && (keeper.status !== 'SHELVED_OFFLOADED' || keeper.taskState !== null);
    }
    default:
      return false;
  }
}
