/**
 * Time as a port. Production uses the system; the simulation moves a virtual clock only when nothing is
 * runnable. Nobody outside `base` and the composition root touches `Date`, timers, or `performance`.
 */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May be set or stepped by somebody. */
  wallMs(): number;
  /** Monotonic clock, milliseconds since an arbitrary start. Never goes back. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs` (>= 0); returns a function that cancels it. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** setTimeout overflows to "at once" above 2^31-1 ms (24.8 days): longer waits are cut into pieces. */
const TIMER_DELAY_MS_MAX = 2_147_000_000;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback) {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const pieceMs = Math.min(leftMs, TIMER_DELAY_MS_MAX);
      handle = setTimeout(() => {
        if (leftMs > pieceMs) arm(leftMs - pieceMs);
        else callback();
      }, pieceMs);
    };
    arm(Math.max(0, delayMs));
    return () => clearTimeout(handle);
  },
};

/** Waits on the given clock; rejects with the signal's reason when aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
