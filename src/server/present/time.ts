import { formatTime } from '../../base/units.ts';

/** ISO 8601 UTC, or null for null. */
export function timeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : formatTime(timeMs);
}
