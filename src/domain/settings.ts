import { DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS } from '../base/units.ts';
import type { AtEnd } from './model/lease.ts';
import type { LeaseRule } from './policy/rules.ts';

/** The operator's policy, as far as decisions depend on it. From the config file; times in ms. */
export interface Settings {
  /** Longest lease, counted from the moment that it is active, extensions and renewals included. */
  readonly leaseDurationMsMax: number;
  /** Of requests that do not say how long; null: they have to. */
  readonly leaseDurationMsDefault: number | null;
  /** Of requests that do not say what is to become of the machine. */
  readonly atEnd: AtEnd;
  /** By how much a lease that nobody waits for is renewed at its end; 0: it is not. */
  readonly renewMs: number;
  /** For some projects, GPU classes or roles instead of the four before: see `policy/rules.ts`. */
  readonly rules: readonly LeaseRule[];
  /** A start that takes longer has failed. */
  readonly startTimeoutMs: number;
  /** What a start, and what shelving or deleting, is expected to take: parts of every forecast. */
  readonly startEstimateMs: number;
  readonly endEstimateMs: number;
  /** Between the end of a lease and what is done then, for who has something to save. */
  readonly graceMs: number;
  /** How long a disk is kept on the shelf; null: until its owner returns it. */
  readonly keepShelvedMs: number | null;
  /** Warnings before it is deleted, largest first. */
  readonly keepWarningsMs: readonly number[];
  /** Warnings before the end, largest first; for short leases see `policy/warnings.ts`. */
  readonly warningsMs: readonly number[];
  /** A host that could not take a lease is not tried again for this lease for so long. */
  readonly avoidHostMs: number;
  /** Most requests that may wait at once, over all projects: the bound of the queue. */
  readonly queueMax: number;
  /** How a host is chosen among those that fit. */
  readonly placement: 'least_fragmentation' | 'best_fit' | 'spread';
  /** Whose days and months count: a name of the IANA database. */
  readonly timeZone: string;
  /** How long a request's stored answer is repeated for the same Idempotency-Key. */
  readonly idempotencyMs: number;
}

/** From the end of a lease until its capacity is expected back, ms. */
export function afterEndMs({ graceMs, endEstimateMs }: Settings): number {
  return graceMs + endEstimateMs;
}

export const DEFAULT_SETTINGS: Settings = {
  leaseDurationMsMax: 7 * DAY_MS,
  leaseDurationMsDefault: null,
  atEnd: 'shelve',
  renewMs: HOUR_MS,
  rules: [],
  startTimeoutMs: 15 * MINUTE_MS,
  startEstimateMs: 2 * MINUTE_MS,
  endEstimateMs: 2 * MINUTE_MS,
  graceMs: 0,
  keepShelvedMs: 30 * DAY_MS,
  keepWarningsMs: [WEEK_MS, DAY_MS],
  warningsMs: [DAY_MS, HOUR_MS, 10 * MINUTE_MS],
  avoidHostMs: 10 * MINUTE_MS,
  queueMax: 10_000,
  placement: 'least_fragmentation',
  timeZone: 'UTC',
  idempotencyMs: DAY_MS,
};
