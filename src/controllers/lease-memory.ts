import type { HostId } from '../base/ids.ts';
import type { StepFailure } from '../domain/command.ts';
import type { Intent, Lease } from '../domain/model/lease.ts';
import { MINUTE_MS } from '../base/units.ts';
import { stateKeyOf } from './lease-facts.ts';
import { LeaseSight } from './lease-sight.ts';
import type { UnansweredCall } from './unanswered-call.ts';

/** The same failure is told once in this time. */
const NEWS_AGAIN_MS = MINUTE_MS;

/**
 * What a controller remembers of a lease from turn to turn: only what makes it quieter or faster. Losing it
 * (a crash) costs a repeated look or an idempotent call.
 */
export class LeaseMemory {
  stateKey: string;
  /** Failures in a row. */
  failures = 0;
  /** Looks in a row that showed nothing new. */
  polls = 0;
  /** Looks in a row at which the machine was not usable yet. */
  checks = 0;
  /** Turns in a row without a pause. */
  turns = 0;
  unshelveSentAtMs: number | null = null;
  /** Times in this state that the cloud was told to shelve, or would not. */
  shelveTries = 0;
  /** Times in this state that the server was taken out of ERROR. */
  resets = 0;
  /** The host that was last reported, so that a report that was refused is not repeated. */
  reportedHostId: HostId | null = null;
  /** The lease's open intent, as far as it is remembered. */
  call: UnansweredCall | null = null;
  readonly sight = new LeaseSight();
  readonly #toldAtMs = new Map<string, number>();

  constructor(lease: Lease) {
    this.stateKey = stateKeyOf(lease);
  }

  /** A new state begins afresh; the unanswered call stays, because it may still act. */
  enter(lease: Lease): void {
    const key = stateKeyOf(lease);
    if (this.stateKey === key) return;
    this.stateKey = key;
    this.failures = 0;
    this.polls = 0;
    this.checks = 0;
    this.unshelveSentAtMs = null;
    this.shelveTries = 0;
    this.resets = 0;
    this.reportedHostId = null;
    this.sight.forget();
  }

  /**
   * The lease's open intent with the time from which it counts; one that is not remembered was left by a
   * crash.
   */
  unanswered(open: Intent | undefined, nowMs: number): UnansweredCall | null {
    if (open === undefined) this.call = null;
    else if (this.call?.intent.id !== open.id)
      this.call = { intent: open, sinceMs: nowMs, failure: noReply(open) };
    return this.call;
  }

  /** Whether a failure was not told a moment ago. */
  isNews(failure: StepFailure, nowMs: number): boolean {
    const toldAtMs = this.#toldAtMs.get(failure.code);
    if (toldAtMs !== undefined && nowMs - toldAtMs < NEWS_AGAIN_MS) return false;
    this.#toldAtMs.set(failure.code, nowMs);
    return true;
  }
}

function noReply(intent: Intent): StepFailure {
  return { code: 'cloud_no_reply', message: `the cloud did not answer to ${intent.step}`, next: 'again' };
}
