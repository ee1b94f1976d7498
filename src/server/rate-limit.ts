import type { Clock } from '../base/clock.ts';
import type { RateLimit } from './options.ts';

/**
 * So many callers are remembered. The least recently seen is forgotten first, which gives it a full bucket
 * again.
 */
const CALLERS_MAX = 10_000;

/** What came of asking for one token. */
export interface Taken {
  /** 0: it was given. Else after how many seconds (≥ 1) to come again. */
  readonly waitSeconds: number;
  /** Requests that may still be sent at once. */
  readonly left: number;
  /** Until the whole burst may be sent again, if nothing is sent meanwhile. */
  readonly fullInSeconds: number;
}

export interface RateLimiter {
  readonly limit: RateLimit;
  /** Takes one token of the caller. */
  take(caller: string): Taken;
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
    limit,
    take(caller) {
      const bucket = bucketOf(caller);
      const wait = waitSeconds(bucket);
      if (wait === 0) bucket.tokens -= 1;
      return {
        waitSeconds: wait,
        left: Math.floor(bucket.tokens),
        fullInSeconds: Math.ceil((limit.burst - bucket.tokens) / limit.perSecond),
      };
    },
  };
}

/**
 * How the limit stands, for programs that want to slow down before they have to. The names and members are
 * those of draft-ietf-httpapi-ratelimit-headers-09: `q` requests in `w` seconds; `r` left, all again in `t`
 * seconds.
 */
export function rateLimitHeaders(
  name: string,
  { limit }: RateLimiter,
  taken: Taken,
): Readonly<Record<string, string>> {
  const windowSeconds = Math.max(1, Math.ceil(limit.burst / limit.perSecond));
  return {
    'ratelimit-policy': `"${name}";q=${Math.floor(limit.burst)};w=${windowSeconds}`,
    ratelimit: `"${name}";r=${taken.left};t=${taken.fullInSeconds}`,
  };
}
