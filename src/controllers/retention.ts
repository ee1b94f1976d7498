/**
 * Removes ended leases and events once they have been kept for as long as the operator wants: the oldest
 * first, a few at a time, so that no commit of a borrower waits long behind one of these. Usage has its own
 * records, which stay.
 */
import { sleep } from '../base/clock.ts';
import { HOUR_MS, MINUTE_MS } from '../base/units.ts';
import { EngineError } from '../engine/engine-types.ts';
import { StoreError } from '../engine/ports.ts';
import { give, type Context } from './context.ts';
import { withJitter } from './pacing.ts';

/** null: for ever. */
export interface RetentionOptions {
  /** Counted from the end of a lease, ms. */
  readonly leasesMs: number | null;
  readonly eventsMs: number | null;
}

const NAME = 'retention';
/** Not while everything else begins. */
const FIRST_MS = MINUTE_MS;
const INTERVAL_MS = HOUR_MS;
/** About ten milliseconds of the writer. */
const CHUNK_SIZE = 250;
/** The writer belongs to borrowers for most of the time. */
const PAUSE_MS = 100;
/** Per turn: what is beyond waits for the next. */
const CHUNKS_MAX = 2000;

export class Retention {
  readonly #context: Context;
  readonly #options: RetentionOptions;
  #cancelTimer: (() => void) | null = null;
  #isStopped = false;

  constructor(context: Context, options: RetentionOptions) {
    this.#context = context;
    this.#options = options;
  }

  start(): void {
    const { leasesMs, eventsMs } = this.#options;
    if (leasesMs !== null || eventsMs !== null) this.#runIn(FIRST_MS);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #runIn(pauseMs: number): void {
    if (this.#isStopped) return;
    const { core, prng, onBug } = this.#context;
    this.#cancelTimer = core.clock.setTimer(withJitter(pauseMs, prng), () => {
      this.#run()
        // What the store refuses now is tried again in the next turn.
        .catch((error: unknown) => {
          if (!(error instanceof EngineError) && !(error instanceof StoreError)) onBug(error);
        })
        .finally(() => this.#runIn(INTERVAL_MS));
    });
  }

  async #run(): Promise<void> {
    const { core } = this.#context;
    for (let chunk = 0; chunk < CHUNKS_MAX && !this.#isStopped; chunk++) {
      // Whoever froze it, or doubts the clock, has not yet seen what is to be kept.
      const { freeze, clockDoubt } = core.world.control;
      if (freeze !== null || clockDoubt !== null) return;
      const expired = await core.readExpired(this.#query(core.nowMs()));
      if (expired.leaseIds.length === 0 && expired.eventFloor === null) return;
      await give(this.#context, NAME, { type: 'records.remove', ...expired });
      await sleep(core.clock, PAUSE_MS);
    }
  }

  #query(nowMs: number): Parameters<Context['core']['readExpired']>[0] {
    const { leasesMs, eventsMs } = this.#options;
    return {
      endedBeforeMs: leasesMs === null ? null : nowMs - leasesMs,
      eventsBeforeMs: eventsMs === null ? null : nowMs - eventsMs,
      limit: CHUNK_SIZE,
    };
  }
}
