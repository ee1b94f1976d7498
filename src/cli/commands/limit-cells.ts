/** Limits as lists and tables show them. */
import type { LimitsJson } from '../../api/limits.ts';
import { formatDuration } from '../../base/units.ts';
import { shownAs, type Cell } from '../format/cell.ts';

export const NO_LIMITS: LimitsJson = {
  gpus: null,
  gpus_by_class: {},
  leases: null,
  gpu_hours_per_month: null,
  max_duration_seconds: null,
  queued: null,
};

export function limitCell(limit: number | null): Cell {
  return { ...shownAs(limit, limit === null ? 'no limit' : String(limit)), align: 'right' };
}

export function durationCell(seconds: number | null): Cell {
  return shownAs(seconds, seconds === null ? '-' : formatDuration(seconds * 1000));
}
