/**
 * Days and months as the calendar of a time zone has them. Intl (the ICU data of Node) knows how far a zone
 * is from UTC at any moment; everything else is arithmetic. A day begins with the first moment that bears its
 * date, so that days follow each other without gap or overlap, also where a clock change skips midnight.
 */
import { assertDefined } from './assert.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from './units.ts';

/** A date without a zone. `month` counts from 1. */
export interface LocalDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Formatters are costly to make; a service uses its own zone and those that its callers name. */
const FORMATS_MAX = 64;
const formats = new Map<string, Intl.DateTimeFormat>();

/** True for names of the IANA database, such as `Europe/Berlin`, and for `UTC`. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** `2026-11-01` → its parts; null: no such date, or written otherwise. */
export function parseDate(text: string): LocalDate | null {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  const date = { year: Number(year), month: Number(month), day: Number(day) };
  return year !== '' && formatDate(normal(date)) === text ? date : null;
}

/** `2026-11-01`. */
export function formatDate(date: LocalDate): string {
  return `${formatMonth(date)}-${String(date.day).padStart(2, '0')}`;
}

/** `2026-11`. */
export function formatMonth({ year, month }: Pick<LocalDate, 'year' | 'month'>): string {
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}`;
}

/** The date that a calendar on the wall of the zone shows at `timeMs` (ms since the epoch). */
export function dateAt(timeMs: number, zone: string): LocalDate {
  return dateOf(timeMs + offsetMs(timeMs, zone));
}

/**
 * The date to whose day the moment belongs. Another than `dateAt` only where clocks were put back over a
 * midnight that had passed: the hour before it, when it comes again, belongs to the day that had begun.
 */
export function dayAt(timeMs: number, zone: string): LocalDate {
  const date = dateAt(timeMs, zone);
  const next = addDays(date, 1);
  return startOfDay(next, zone) <= timeMs ? next : date;
}

/** `days` later (or earlier) by the calendar. */
export function addDays({ year, month, day }: LocalDate, days: number): LocalDate {
  return normal({ year, month, day: day + days });
}

/** The first of the month, `months` later (or earlier). */
export function firstOfMonth({ year, month }: LocalDate, months = 0): LocalDate {
  return normal({ year, month: month + months, day: 1 });
}

/** The first moment of the date in the zone, ms since the epoch. */
export function startOfDay(date: LocalDate, zone: string): number {
  const asUtcMs = Date.UTC(date.year, date.month - 1, date.day);
  // No zone is further than a day from UTC, so that its changes around midnight lie between these two.
  const beforeMs = offsetMs(asUtcMs - DAY_MS, zone);
  const afterMs = offsetMs(asUtcMs + DAY_MS, zone);
  const candidates = [asUtcMs - beforeMs, asUtcMs - afterMs].toSorted((a, b) => a - b);
  const exact = candidates.find((timeMs) => timeMs + offsetMs(timeMs, zone) === asUtcMs);
  if (exact !== undefined) return exact;
  // Clocks were put forward over midnight: the day begins when they were.
  let [low = 0, high = 0] = candidates;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (middle + offsetMs(middle, zone) < asUtcMs) low = middle;
    else high = middle;
  }
  return high;
}

/** How far the clocks of the zone are ahead of UTC at `timeMs`, ms; west of Greenwich negative. */
function offsetMs(timeMs: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const parts = formatOf(zone).formatToParts(timeMs);
  const text = assertDefined(
    parts.find(({ type }) => type === 'timeZoneName'),
    'the format names the offset',
  ).value;
  // `GMT`, `GMT+05:30`, and for times before zones were invented `GMT+00:53:28`.
  const [, sign = '+', hours = '0', minutes = '0', seconds = '0'] =
    /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text) ?? [];
  const aheadMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS + Number(seconds) * SECOND_MS;
  return sign === '-' ? -aheadMs : aheadMs;
}

/** Throws RangeError where there is no such zone. */
function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  if (formats.size >= FORMATS_MAX) formats.clear();
  formats.set(zone, format);
  return format;
}

function normal({ year, month, day }: LocalDate): LocalDate {
  return dateOf(Date.UTC(year, month - 1, day));
}

function dateOf(utcMs: number): LocalDate {
  const date = new Date(utcMs);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}
