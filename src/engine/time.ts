/**
 * The judged time. Leases are judged on the monotonic clock, anchored to the wall clock; when the two drift
 * apart by more than a minute somebody has set a clock (or the machine slept), and nothing ends until a
 * second source (the cloud's HTTP Date) says which one is right.
 */
import type { Clock } from '../base/clock.ts';
import { MINUTE_MS } from '../base/units.ts';

/** Differences up to this are followed; larger ones are doubted. */
const DIVERGENCE_MS_MAX = MINUTE_MS;
/**
 * A wall clock that is behind is followed by running slower, never by going back: at most this part of real
 * time.
 */
const SLEW_BACK = 0.05;

export class JudgedTime {
  readonly #clock: Clock;
  /** Judged time minus monotonic time. */
  #offsetMs: number;
  /** Added to the wall clock while a second source has found it wrong. */
  #correctionMs = 0;
  #checkedMonotonicMs: number;
  #doubt: number | null = null;

  /** `lastCommitAtMs`: when the store was last written; a wall clock before that is doubted at once. */
  constructor(clock: Clock, lastCommitAtMs: number) {
    this.#clock = clock;
    this.#checkedMonotonicMs = clock.monotonicMs();
    const wallMs = clock.wallMs();
    const startMs = Math.max(wallMs, lastCommitAtMs);
    this.#offsetMs = startMs - this.#checkedMonotonicMs;
    if (startMs - wallMs > DIVERGENCE_MS_MAX) this.#doubt = wallMs - startMs;
  }

  nowMs(): number {
    return Math.floor(this.#clock.monotonicMs() + this.#offsetMs);
  }

  /** Compares the clocks; returns by how much the wall clock diverges if that is doubted, else null. */
  check(): number | null {
    const monotonicMs = this.#clock.monotonicMs();
    const elapsedMs = monotonicMs - this.#checkedMonotonicMs;
    this.#checkedMonotonicMs = monotonicMs;
    const divergenceMs = this.#divergenceMs(monotonicMs);
    if (Math.abs(divergenceMs) > DIVERGENCE_MS_MAX) this.#doubt = divergenceMs;
    else if (this.#doubt === null) this.#offsetMs += Math.max(divergenceMs, -SLEW_BACK * elapsedMs);
    return this.#doubt;
  }

  /** A second source has answered. Returns true if that settles a doubt. */
  hear(dateMs: number): boolean {
    if (this.check() === null) return false;
    const monotonicMs = this.#clock.monotonicMs();
    const judgedMs = monotonicMs + this.#offsetMs;
    const wallMs = this.#clock.wallMs() + this.#correctionMs;
    if (Math.abs(dateMs - wallMs) <= DIVERGENCE_MS_MAX) this.#offsetMs = wallMs - monotonicMs;
    else if (Math.abs(dateMs - judgedMs) <= DIVERGENCE_MS_MAX) this.#correctionMs += judgedMs - wallMs;
    else return false;
    this.#doubt = null;
    return true;
  }

  /** An operator says that the wall clock is right. */
  trustWall(): void {
    this.#correctionMs = 0;
    this.#offsetMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    this.#doubt = null;
  }

  #divergenceMs(monotonicMs: number): number {
    return this.#clock.wallMs() + this.#correctionMs - (monotonicMs + this.#offsetMs);
  }
}
