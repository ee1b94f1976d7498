import { DAY_MS, HOUR_MS, MINUTE_MS } from '../base/units.ts';

/** The operator's policy, as far as decisions depend on it. From the config file; times in ms. */
export interface Settings {
  /** Longest lease that may be asked for, and furthest end that an extension may reach. */
  readonly leaseDurationMsMax: number;
  /** A start that takes longer has failed. */
  readonly startTimeoutMs: number;
  /** What a start, and what shelving or deleting, is expected to take: parts of every forecast. */
  readonly startEstimateMs: number;
  readonly endEstimateMs: number;
  /** Warnings before the end, largest first. */
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

export const DEFAULT_SETTINGS: Settings = {
  leaseDurationMsMax: 7 * DAY_MS,
  startTimeoutMs: 15 * MINUTE_MS,
  startEstimateMs: 2 * MINUTE_MS,
  endEstimateMs: 2 * MINUTE_MS,
  warningsMs: [DAY_MS, HOUR_MS],
  avoidHostMs: 10 * MINUTE_MS,
  queueMax: 10_000,
  placement: 'least_fragmentation',
  timeZone: 'UTC',
  idempotencyMs: DAY_MS,
};
