import { err, ok, type Result } from './result.ts';

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const WEEK_MS = 7 * DAY_MS;

const UNIT_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
  w: WEEK_MS,
};

/** Longest duration that we parse: 366 days. Longer ones are typing errors more often than wishes. */
export const DURATION_MS_MAX = 366 * DAY_MS;

/**
 * Parses durations such as `90s`, `30m`, `8h`, `2d`, `1w`, `1h30m`. Returns milliseconds (a positive
 * multiple of
 * 1000) or a sentence that says what is expected.
 */
export function parseDuration(text: string, maxMs = DURATION_MS_MAX): Result<number, string> {
  const expected = 'expected a duration such as 90s, 30m, 8h, 2d, 1w or 1h30m';
  if (!/^(\d{1,9}[smhdw])+$/.test(text)) return err(`'${text.slice(0, 40)}' is not a duration: ${expected}`);
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g))
    totalMs += Number(count) * (UNIT_MS[unit ?? ''] ?? 0);
  if (totalMs <= 0) return err(`'${text}' is no time at all: ${expected}`);
  if (totalMs > maxMs) return err(`'${text}' is longer than the limit of ${Math.floor(maxMs / DAY_MS)} days`);
  return ok(totalMs);
}

/** The shortest text that `parseDuration` reads back to the same number of seconds: 5400000 → `1h30m`. */
export function formatDuration(durationMs: number): string {
  let seconds = Math.max(0, Math.round(durationMs / SECOND_MS));
  if (seconds === 0) return '0s';
  const parts: string[] = [];
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(seconds / size);
    if (count > 0) parts.push(`${count}${unit}`);
    seconds -= count * size;
  }
  return parts.join('');
}

/** ISO 8601 in UTC with seconds, as OpenStack prints times: `2026-11-21T14:32:00Z`. */
export function formatTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
