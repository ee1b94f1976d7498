import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDays,
  dateAt,
  dayAt,
  firstOfMonth,
  formatDate,
  formatMonth,
  isTimeZone,
  parseDate,
  startOfDay,
  type LocalDate,
} from './time-zone.ts';
import { DAY_MS, HOUR_MS } from './units.ts';

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'Asia/Kolkata',
  'Asia/Beirut',
  'Africa/Cairo',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'America/St_Johns',
];

function hoursOf(text: string, zone: string): number {
  const date = parseDate(text);
  if (date === null) throw new Error(`${text} is a date`);
  return (startOfDay(addDays(date, 1), zone) - startOfDay(date, zone)) / HOUR_MS;
}

const starts = (text: string, zone: string): string =>
  new Date(startOfDay(parseDate(text) as LocalDate, zone)).toISOString();

describe('days of a zone', () => {
  test('begin at its midnight', () => {
    expect(starts('2026-11-01', 'UTC')).toBe('2026-11-01T00:00:00.000Z');
    expect(starts('2026-11-01', 'Europe/Berlin')).toBe('2026-10-31T23:00:00.000Z');
    expect(starts('2026-07-01', 'Asia/Kolkata')).toBe('2026-06-30T18:30:00.000Z');
  });

  test('have 23 or 25 hours when clocks are changed, and half an hour less on Lord Howe', () => {
    expect(hoursOf('2026-03-29', 'Europe/Berlin')).toBe(23);
    expect(hoursOf('2026-10-25', 'Europe/Berlin')).toBe(25);
    expect(hoursOf('2026-10-26', 'Europe/Berlin')).toBe(24);
    expect(hoursOf('2026-10-04', 'Australia/Lord_Howe')).toBe(23.5);
  });

  test('begin later where a clock change skips midnight, and never come where a whole day was skipped', () => {
    expect(starts('2018-11-04', 'America/Sao_Paulo')).toBe('2018-11-04T03:00:00.000Z');
    expect(
      formatDate(dateAt(startOfDay({ year: 2018, month: 11, day: 4 }, 'America/Sao_Paulo'), 'UTC')),
    ).toBe('2018-11-04');
    // Samoa went over the date line: 2011-12-30 was no day.
    expect(hoursOf('2011-12-30', 'Pacific/Apia')).toBe(0);
  });

  test('follow each other without gap or overlap, and contain the moments that bear their date', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.integer({ min: Date.UTC(1995, 0, 1), max: Date.UTC(2040, 0, 1) }),
        (zone, timeMs) => {
          const date = dayAt(timeMs, zone);
          const startMs = startOfDay(date, zone);
          expect(startMs).toBeLessThanOrEqual(timeMs);
          expect(formatDate(dateAt(startMs, zone))).toBe(formatDate(date));
          const nextMs = startOfDay(addDays(date, 1), zone);
          expect(nextMs).toBeGreaterThan(timeMs);
          expect(nextMs - startMs).toBeLessThanOrEqual(DAY_MS + HOUR_MS);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test('an hour before midnight that comes again belongs to the day that had begun', () => {
  // Newfoundland put its clocks back at 00:01, to 23:01 of the day before.
  const againMs = Date.UTC(2010, 10, 7, 3, 0);
  expect(formatDate(dateAt(againMs, 'America/St_Johns'))).toBe('2010-11-06');
  expect(formatDate(dayAt(againMs, 'America/St_Johns'))).toBe('2010-11-07');
});

test('months follow each other over the end of the year', () => {
  const date = { year: 2026, month: 12, day: 31 };
  expect(formatDate(firstOfMonth(date))).toBe('2026-12-01');
  expect(formatMonth(firstOfMonth(date, 1))).toBe('2027-01');
  expect(formatDate(addDays(date, 1))).toBe('2027-01-01');
});

test('only dates that exist are read', () => {
  expect(parseDate('2028-02-29')).toEqual({ year: 2028, month: 2, day: 29 });
  for (const text of ['2026-02-29', '2026-13-01', '2026-1-1', '2026-11-01T00:00Z', '']) {
    expect(parseDate(text)).toBe(null);
  }
});

test('zones are known by name', () => {
  expect(ZONES.every(isTimeZone)).toBe(true);
  expect(isTimeZone('Europe/Bonn')).toBe(false);
  expect(isTimeZone('')).toBe(false);
});
