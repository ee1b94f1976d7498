/**
 * Time for tests and simulations: it stands still while anything is runnable, then jumps to the next timer.
 * Timers of the same moment fire in the order in which they were set, one at a time, so that equal runs are
 * equal bit for bit.
 */
import { Heap } from '../../src/base/heap.ts';
import type { Clock } from '../../src/base/clock.ts';

export interface VirtualClock extends Clock {
  /** Lets everything run that needs no time. */
  settle(): Promise<void>;
  /** Lets `durationMs` go by. */
  run(durationMs: number): Promise<void>;
  /** Lets time go by until `condition` holds; throws when it does not within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): Promise<void>;
  /** Sets the wall clock forward or back, as somebody with root rights may. */
  stepWall(byMs: number): void;
  /** When the next timer fires, on the monotonic clock; null: none is set. */
  nextTimerMs(): number | null;
  /** Timers fired so far. */
  readonly firedCount: number;
}

interface Timer {
  readonly atMs: number;
  readonly seq: number;
  callback: (() => void) | null;
}

/** Turns of the event loop until nothing is runnable any more: streams and promises of one reply take two. */
const SETTLE_TURNS = 3;

/** More timers at one moment than this are a loop that waits for no time. */
const FIRED_AT_ONCE_MAX = 100_000;

/** `startMs`: the wall clock at first, ms since the epoch. The monotonic clock starts at 0. */
export function createVirtualClock(startMs: number): VirtualClock {
  const timers = new Heap<Timer>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq));
  let nowMs = 0;
  let wallOffsetMs = startMs;
  let setCount = 0;
  let firedCount = 0;
  let firedAtOnce = 0;

  const next = (): Timer | null => {
    for (let top = timers.peek(); top !== undefined; top = timers.peek()) {
      if (top.callback !== null) return top;
      timers.pop();
    }
    return null;
  };

  const fire = (timer: Timer): void => {
    timers.pop();
    firedAtOnce = timer.atMs > nowMs ? 1 : firedAtOnce + 1;
    if (firedAtOnce > FIRED_AT_ONCE_MAX) throw new Error(`${firedAtOnce} timers fired without time going by`);
    nowMs = Math.max(nowMs, timer.atMs);
    firedCount += 1;
    timer.callback?.();
  };

  const runUntil = async (endMs: number, condition: () => boolean): Promise<boolean> => {
    for (;;) {
      await settle();
      if (condition()) return true;
      const timer = next();
      if (timer === null || timer.atMs > endMs) break;
      fire(timer);
    }
    nowMs = Math.max(nowMs, endMs);
    return condition();
  };

  return {
    wallMs: () => nowMs + wallOffsetMs,
    monotonicMs: () => nowMs,
    setTimer(delayMs, callback) {
      const timer: Timer = { atMs: nowMs + Math.max(0, delayMs), seq: setCount++, callback };
      timers.push(timer);
      return () => {
        timer.callback = null;
      };
    },
    settle,
    async run(durationMs) {
      await runUntil(nowMs + durationMs, () => false);
    },
    async runUntil(condition, limitMs) {
      if (!(await runUntil(nowMs + limitMs, condition))) {
        throw new Error(`the condition did not hold within ${limitMs} ms: ${condition.toString()}`);
      }
    },
    stepWall(byMs) {
      wallOffsetMs += byMs;
    },
    nextTimerMs: () => next()?.atMs ?? null,
    get firedCount() {
      return firedCount;
    },
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}
