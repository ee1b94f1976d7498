import type { Prng } from './prng.ts';

export interface BackoffPolicy {
  /** Delay before the first retry, ms. */
  readonly initialMs: number;
  /** Upper limit of one delay, ms. */
  readonly maxMs: number;
}

/**
 * Exponential backoff with full jitter: uniform in [initial/2, min(max, initial * 2^attempt)].
 * `attempt` counts from 0. Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, prng: Prng): number {
  const ceilingMs = Math.min(policy.maxMs, policy.initialMs * 2 ** Math.min(attempt, 30));
  const floorMs = Math.min(policy.initialMs / 2, ceilingMs);
  return Math.round(floorMs + prng.next() * (ceilingMs - floorMs));
}
