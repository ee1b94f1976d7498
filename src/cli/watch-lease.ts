import type { LeaseJson } from '../api/leases.ts';
import { sleep } from '../base/clock.ts';
import { MINUTE_MS } from '../base/units.ts';
import { ConnectionError } from '../client/errors.ts';
import type { CliContext } from './context.ts';

export interface Watch {
  /** Called with the lease at first and after each change; true: that is what was waited for. */
  readonly until: (lease: LeaseJson) => boolean;
  /** Called when the server does not answer for the moment. */
  readonly onAbsence: () => void;
  readonly signal: AbortSignal;
}

/** Events tell of a change at once; this is for what no event of the lease tells: its place and forecast. */
const POLL_MS = 5000;
/** When events cannot be followed (too many followers, an old proxy). */
const POLL_MS_WITHOUT_EVENTS = 2000;
/** A server that restarts is back sooner; the lease goes on meanwhile. */
const ABSENCE_MS_MAX = 3 * MINUTE_MS;

/**
 * Follows a lease until `until` says so and resolves with it as it is then. Rejects with what the server
 * refuses, with ConnectionError after three minutes without the server, and with the reason of the signal.
 */
export async function watchLease(context: CliContext, id: string, watch: Watch): Promise<LeaseJson> {
  const { client, io } = context;
  const stop = new AbortController();
  const bell = createBell();
  let pollMs = POLL_MS;
  const ringOnEvents = async (): Promise<void> => {
    // From the first event on, so that none falls between a read and the start of the stream.
    const events = client.events({
      after: 0,
      lease: id,
      signal: AbortSignal.any([watch.signal, stop.signal]),
    });
    for await (const _ of events) bell.ring();
  };
  const following = ringOnEvents().catch(() => {
    pollMs = POLL_MS_WITHOUT_EVENTS;
  });
  let absentSinceMs: number | null = null;
  try {
    for (;;) {
      watch.signal.throwIfAborted();
      try {
        const { lease } = await client.getLease(id);
        absentSinceMs = null;
        if (watch.until(lease)) return lease;
      } catch (error) {
        const nowMs = io.clock.monotonicMs();
        absentSinceMs ??= nowMs;
        if (!(error instanceof ConnectionError) || nowMs - absentSinceMs > ABSENCE_MS_MAX) throw error;
        watch.onAbsence();
      }
      await bell.wait((signal) => sleep(io.clock, pollMs, AbortSignal.any([signal, watch.signal])));
    }
  } finally {
    stop.abort();
    await following;
  }
}

/** Lets a loop sleep until something happened; what happened while it was awake is not forgotten. */
function createBell(): {
  ring(): void;
  /** Rejects as `sleeping` does, except when the bell woke it. */
  wait(sleeping: (signal: AbortSignal) => Promise<void>): Promise<void>;
} {
  let rung = false;
  let wake: AbortController | null = null;
  return {
    ring() {
      rung = true;
      wake?.abort(new Error('rung'));
    },
    async wait(sleeping) {
      wake = new AbortController();
      const { signal } = wake;
      if (!rung) {
        await sleeping(signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
      wake = null;
      rung = false;
    },
  };
}
