import { expect, test } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { createRateLimiter, rateLimitHeaders, type RateLimiter } from './rate-limit.ts';

function clockAt(): Clock & { nowMs: number } {
  const clock = {
    nowMs: 0,
    wallMs: () => clock.nowMs,
    monotonicMs: () => clock.nowMs,
    setTimer: () => () => undefined,
  };
  return clock;
}

const waitOf = (limiter: RateLimiter, caller: string): number => limiter.take(caller).waitSeconds;

test('lets a burst through, then the rate, each caller for itself', () => {
  const clock = clockAt();
  const limiter = createRateLimiter({ perSecond: 2, burst: 3 }, clock);
  expect([1, 2, 3].map(() => waitOf(limiter, 'a'))).toEqual([0, 0, 0]);
  expect(waitOf(limiter, 'a')).toBe(1);
  expect(waitOf(limiter, 'b')).toBe(0);
  clock.nowMs += 500;
  expect(waitOf(limiter, 'a')).toBe(0);
  expect(waitOf(limiter, 'a')).toBe(1);
});

test('says after how many seconds a slow bucket has a token', () => {
  const limiter = createRateLimiter({ perSecond: 0.1, burst: 1 }, clockAt());
  expect(waitOf(limiter, 'a')).toBe(0);
  expect(waitOf(limiter, 'a')).toBe(10);
});

test('forgets the least recently seen caller beyond its bound', () => {
  const limiter = createRateLimiter({ perSecond: 1, burst: 1 }, clockAt());
  limiter.take('first');
  for (let index = 0; index < 10_000; index++) limiter.take(`caller ${index}`);
  expect(waitOf(limiter, 'first')).toBe(0);
  expect(waitOf(limiter, 'caller 9999')).toBe(1);
});

test('tells how the limit stands as the draft of the IETF writes it', () => {
  const clock = clockAt();
  const limiter = createRateLimiter({ perSecond: 2, burst: 5 }, clock);
  limiter.take('a');
  expect(rateLimitHeaders('caller', limiter, limiter.take('a'))).toEqual({
    'ratelimit-policy': '"caller";q=5;w=3',
    ratelimit: '"caller";r=3;t=1',
  });
});
