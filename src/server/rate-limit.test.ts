import { expect, test } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { createRateLimiter } from './rate-limit.ts';

function clockAt(): Clock & { nowMs: number } {
  const clock = {
    nowMs: 0,
    wallMs: () => clock.nowMs,
    monotonicMs: () => clock.nowMs,
    setTimer: () => () => undefined,
  };
  return clock;
}

test('lets a burst through, then the rate, each caller for itself', () => {
  const clock = clockAt();
  const limiter = createRateLimiter({ perSecond: 2, burst: 3 }, clock);
  expect([1, 2, 3].map(() => limiter.take('a'))).toEqual([0, 0, 0]);
  expect(limiter.take('a')).toBe(1);
  expect(limiter.take('b')).toBe(0);
  clock.nowMs += 500;
  expect(limiter.take('a')).toBe(0);
  expect(limiter.take('a')).toBe(1);
});

test('says after how many seconds a slow bucket has a token', () => {
  const limiter = createRateLimiter({ perSecond: 0.1, burst: 1 }, clockAt());
  expect(limiter.take('a')).toBe(0);
  expect(limiter.take('a')).toBe(10);
});

test('forgets the least recently seen caller beyond its bound', () => {
  const limiter = createRateLimiter({ perSecond: 1, burst: 1 }, clockAt());
  limiter.take('first');
  for (let index = 0; index < 10_000; index++) limiter.take(`caller ${index}`);
  expect(limiter.take('first')).toBe(0);
  expect(limiter.take('caller 9999')).toBe(1);
});
