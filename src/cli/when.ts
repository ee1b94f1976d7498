import { parseTime } from '../base/iso-time.ts';
import { err, ok, type Result } from '../base/result.ts';
import { DAY_MS, formatTime, HOUR_MS, MINUTE_MS, parseDuration, SECOND_MS, WEEK_MS } from '../base/units.ts';

export interface When {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** How it was understood, where it could be understood otherwise. */
  readonly understood: string | null;
}

/**
 * Reads `now`, `+2h`, `14:30` (the next time that the clock of this machine shows it), or ISO 8601 with a
 * zone.
 */
export function parseWhen(text: string, nowMs: number): Result<When, string> {
  if (text === 'now') return ok({ timeMs: nowMs, understood: null });
  if (text.startsWith('+')) {
    const duration = parseDuration(text.slice(1));
    return duration.ok ? ok({ timeMs: nowMs + duration.value, understood: null }) : duration;
  }
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (clock !== null) {
    const timeMs = nextLocal(nowMs, Number(clock[1]), Number(clock[2]));
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return ok({
      timeMs,
      understood: `${text} in ${zone} is ${formatTime(timeMs)}, ${relativeTime(timeMs, nowMs)}`,
    });
  }
  const time = parseTime(text);
  if (time.ok) return ok({ timeMs: time.value, understood: null });
  return err(`'${text.slice(0, 40)}' is not a time`);
}

/** `in 2h10m`, `5m ago`, `now`: two units at most, as people say it. */
export function relativeTime(timeMs: number, nowMs: number): string {
  const aboutMs = Math.abs(timeMs - nowMs);
  if (aboutMs < SECOND_MS) return 'now';
  const span = roughDuration(aboutMs);
  return timeMs > nowMs ? `in ${span}` : `${span} ago`;
}

/** A duration in its two largest units, rounded to the smaller one: 7 861 000 → `2h11m`. */
export function roughDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / SECOND_MS);
  if (seconds < 60) return `${seconds}s`;
  if (durationMs < 10 * MINUTE_MS) return pair(seconds, 60, 'm', 's');
  const minutes = Math.round(durationMs / MINUTE_MS);
  if (minutes < 60) return `${minutes}m`;
  if (durationMs < DAY_MS) return pair(minutes, 60, 'h', 'm');
  const hours = Math.round(durationMs / HOUR_MS);
  return durationMs < WEEK_MS ? pair(hours, 24, 'd', 'h') : `${Math.round(hours / 24)}d`;
}

/** `count` of the small unit as large and small units; nothing is said of zero small ones. */
function pair(count: number, perLarge: number, largeUnit: string, smallUnit: string): string {
  const small = count % perLarge;
  return `${Math.floor(count / perLarge)}${largeUnit}${small === 0 ? '' : `${small}${smallUnit}`}`;
}

/** The local calendar is asked, not the length of a day: on two days of the year it has 23 or 25 hours. */
function nextLocal(nowMs: number, hour: number, minute: number): number {
  const next = new Date(nowMs);
  next.setHours(hour, minute, 0, 0);
  if (next.getTime() <= nowMs) next.setDate(next.getDate() + 1);
  return next.getTime();
}
