import type { Clock } from '../base/clock.ts';
import type { RateLimit } from './options.ts';

/**
 * So many callers are remembered. The least recently seen is forgotten first, which gives it a full bucket
 * again.
 */
const CALLERS_MAX = 10_000;

export interface RateLimiter {
  /** Takes one token of the caller. Returns 0, or after how many seconds (≥ 1) to come again. */
  take(caller: string): number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Token buckets, one per caller, on the monotonic clock; memory is bounded. */
export function createRateLimiter(limit: RateLimit, clock: Clock): RateLimiter {
  const buckets = new Map<string, Bucket>();
  const bucketOf = (caller: string): Bucket => {
    const nowMs = clock.monotonicMs();
    const bucket = buckets.get(caller) ?? { tokens: limit.burst, filledAtMs: nowMs };
    const refill = ((nowMs - bucket.filledAtMs) / 1000) * limit.perSecond;
    bucket.tokens = Math.min(limit.burst, bucket.tokens + refill);
    bucket.filledAtMs = nowMs;
    buckets.delete(caller);
    buckets.set(caller, bucket);
    if (buckets.size > CALLERS_MAX) {
      for (const oldest of buckets.keys()) {
        buckets.delete(oldest);
        break;
      }
    }
    return bucket;
  };
  const waitSeconds = (bucket: Bucket): number =>
    bucket.tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - bucket.tokens) / limit.perSecond));
  return {
    take(caller) {
      const bucket = bucketOf(caller);
      const wait = waitSeconds(bucket);
      if (wait === 0) bucket.tokens -= 1;
      return wait;
    },
  };
}
