/** Who has a store: one server at a time, whatever the store is made of. */
import { hostname } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { formatTime } from '../base/units.ts';

/** The process that holds a store. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly version: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
}

/** Another process has the store. `holder` is null where it could not be read. */
export class StoreLockedError extends Error {
  override readonly name = 'StoreLockedError';
  readonly holder: Holder | null;
  /** `place`: the folder or the database; `kind`: what it is one of. */
  constructor(place: string, kind: 'data folder' | 'database', holder: Holder | null) {
    const who =
      holder === null
        ? 'another process'
        : `process ${holder.pid} on ${holder.host} (Berth ${holder.version}, ` +
          `since ${formatTime(holder.startedAtMs)})`;
    super(`${place} is in use by ${who}: one server per ${kind}`);
    this.holder = holder;
  }
}

export function thisProcess(version: string, clock: Clock): Holder {
  return { pid: process.pid, host: hostname(), version, startedAtMs: clock.wallMs() };
}

/** null where `value` is not what a holder writes of itself. */
export function parseHolder(value: unknown): Holder | null {
  return isHolder(value) ? value : null;
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, host, version, startedAtMs }: Partial<Record<keyof Holder, unknown>> = value;
  return (
    typeof pid === 'number' &&
    typeof host === 'string' &&
    typeof version === 'string' &&
    typeof startedAtMs === 'number'
  );
}
