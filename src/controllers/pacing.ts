import { backoffMs } from '../base/backoff.ts';
import type { Prng } from '../base/prng.ts';
import { MINUTE_MS, SECOND_MS } from '../base/units.ts';

/**
 * Calls at once to one provider: enough to start a full rack within minutes, too few to trip a cloud's rate
 * limit.
 */
export const OUTSIDE_CALLS_MAX = 16;

/** After a failure. */
const RETRY = { initialMs: SECOND_MS, maxMs: MINUTE_MS };

/** A cloud that asks for a longer pause is asked again after this, in case it meant something else. */
const RETRY_AFTER_MS_MAX = 5 * MINUTE_MS;

/**
 * Between two looks at something that the cloud is working on: most builds take seconds, the others minutes.
 * Looks are shared, so that many leases cost the cloud no more than one.
 */
const POLL = { initialMs: SECOND_MS, maxMs: 10 * SECOND_MS, growth: 1.5 };

/** Between two looks whether a machine is usable: a few seconds after it runs most are. */
const CHECK = { initialMs: SECOND_MS, maxMs: 5 * SECOND_MS, growth: 1.3 };

/** Between two looks at what could be done, while nothing may be done. */
export const IDLE_LOOK_MS = 15 * SECOND_MS;

/** `attempt` counts from 0; `retryAfterMs`: what the cloud asked for, or null. */
export function retryPauseMs(attempt: number, retryAfterMs: number | null, prng: Prng): number {
  if (retryAfterMs !== null)
    return withJitter(Math.min(Math.max(retryAfterMs, RETRY.initialMs), RETRY_AFTER_MS_MAX), prng);
  return backoffMs(RETRY, attempt, prng);
}

/** `polls` counts the looks without news so far. */
export function pollPauseMs(polls: number, prng: Prng): number {
  return withJitter(Math.min(POLL.maxMs, POLL.initialMs * POLL.growth ** Math.min(polls, 20)), prng);
}

/** `checks` counts the looks so far at which the machine was not usable, from 1. */
export function checkPauseMs(checks: number, prng: Prng): number {
  return withJitter(Math.min(CHECK.maxMs, CHECK.initialMs * CHECK.growth ** Math.min(checks - 1, 20)), prng);
}

/** ±10 %, so that what began together does not stay together. */
export function withJitter(pauseMs: number, prng: Prng): number {
  return Math.round(pauseMs * (0.9 + 0.2 * prng.next()));
}
