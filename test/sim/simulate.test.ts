/**
 * A taste of the simulation with every test run; the twentieth that CI runs is in test/full, the rest is
 * `npm run sim`.
 */
import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

test.each([1, 2, 3])(
  'history %i keeps every invariant, and comes out the same twice',
  { timeout: 60_000 },
  async (seed) => {
    const first = await simulate(seed, 1500);
    expect(first.violations).toEqual([]);
    expect(first.steps).toBeGreaterThanOrEqual(1500);
    expect(first.events).toBeGreaterThan(50);
    expect((await simulate(seed, 1500)).hash).toBe(first.hash);
  },
);
