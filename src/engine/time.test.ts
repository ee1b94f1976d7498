import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../base/units.ts';
import { JudgedTime } from './time.ts';

const WALL_MS = Date.UTC(2026, 10, 21, 12, 0, 0);

/** Two clocks that are moved by hand. */
function clocks(lastCommitAtMs = 0): {
  readonly time: JudgedTime;
  run(durationMs: number): number | null;
  step(byMs: number): void;
  wallMs(): number;
} {
  let monotonicMs = 5000;
  let wallMs = WALL_MS;
  const time = new JudgedTime(
    { monotonicMs: () => monotonicMs, wallMs: () => wallMs, setTimer: () => () => undefined },
    lastCommitAtMs,
  );
  return {
    time,
    run(durationMs) {
      monotonicMs += durationMs;
      wallMs += durationMs;
      return time.check();
    },
    step(byMs) {
      wallMs += byMs;
    },
    wallMs: () => wallMs,
  };
}

test('follows the monotonic clock from the wall clock on', () => {
  const c = clocks();
  c.run(HOUR_MS);
  expect(c.time.nowMs()).toBe(WALL_MS + HOUR_MS);
});

test('a small step forward is followed at once, one back by running slower', () => {
  const c = clocks();
  c.step(10 * SECOND_MS);
  c.run(MINUTE_MS);
  expect(c.time.nowMs()).toBe(c.wallMs());
  c.step(-10 * SECOND_MS);
  c.run(MINUTE_MS);
  expect(c.time.nowMs()).toBe(c.wallMs() + 7 * SECOND_MS);
  for (let i = 0; i < 3; i++) c.run(MINUTE_MS);
  expect(c.time.nowMs()).toBe(c.wallMs());
});

test('never goes back by itself, whatever is done to the wall clock', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -4_000_000, max: 4_000_000 }), fc.nat(30_000)), { maxLength: 40 }),
      (moves) => {
        const c = clocks();
        let lastMs = c.time.nowMs();
        for (const [stepMs, runMs] of moves) {
          c.step(stepMs);
          c.run(runMs);
          expect(c.time.nowMs()).toBeGreaterThanOrEqual(lastMs);
          lastMs = c.time.nowMs();
        }
      },
    ),
  );
});

describe.each([HOUR_MS, -HOUR_MS])('the wall clock is set by %d ms', (stepMs) => {
  test('which is doubted, until a second source says that it is right', () => {
    const c = clocks();
    c.step(stepMs);
    expect(c.run(SECOND_MS)).toBe(stepMs);
    expect(c.time.nowMs()).toBe(WALL_MS + SECOND_MS);
    expect(c.time.hear(c.wallMs() + 2 * SECOND_MS)).toBe(true);
    expect(c.time.nowMs()).toBe(c.wallMs());
    expect(c.run(SECOND_MS)).toBeNull();
  });

  test('or that it is wrong; then its difference is known and doubted no more', () => {
    const c = clocks();
    c.step(stepMs);
    c.run(SECOND_MS);
    expect(c.time.hear(WALL_MS + 2 * SECOND_MS)).toBe(true);
    expect(c.run(HOUR_MS)).toBeNull();
    expect(c.time.nowMs()).toBe(WALL_MS + SECOND_MS + HOUR_MS);
  });

  test('a source that agrees with neither settles nothing', () => {
    const c = clocks();
    c.step(stepMs);
    c.run(SECOND_MS);
    expect(c.time.hear(WALL_MS + 3 * HOUR_MS)).toBe(false);
    expect(c.run(SECOND_MS)).toBe(stepMs);
  });

  test('set back by itself it stays in doubt: somebody has to say so', () => {
    const c = clocks();
    c.step(stepMs);
    c.run(SECOND_MS);
    c.step(-stepMs);
    expect(c.run(SECOND_MS)).toBe(stepMs);
    c.time.trustWall();
    expect([c.run(SECOND_MS), c.time.nowMs()]).toEqual([null, c.wallMs()]);
  });
});

describe('a start', () => {
  test('before the last commit is doubted, and goes on from it', () => {
    const c = clocks(WALL_MS + HOUR_MS);
    expect(c.time.nowMs()).toBe(WALL_MS + HOUR_MS);
    expect(c.run(SECOND_MS)).toBe(-HOUR_MS);
    expect(c.time.hear(c.wallMs())).toBe(true);
    expect(c.time.nowMs()).toBe(c.wallMs());
  });

  test('a moment before the last commit is not', () => {
    const c = clocks(WALL_MS + 30 * SECOND_MS);
    expect(c.time.nowMs()).toBe(WALL_MS + 30 * SECOND_MS);
    expect(c.run(SECOND_MS)).toBeNull();
  });
});

test('without a doubt a second source changes nothing', () => {
  const c = clocks();
  expect(c.time.hear(WALL_MS + 3 * HOUR_MS)).toBe(false);
  expect(c.time.nowMs()).toBe(WALL_MS);
});
