import { expect, test } from 'vitest';
import { parseWhen, relativeTime, roughDuration } from './when.ts';

const nowMs = Date.parse('2026-11-21T12:00:00Z');

test.each([
  ['now', nowMs],
  ['+2h', nowMs + 7_200_000],
  ['+1h30m', nowMs + 5_400_000],
  ['2026-11-21T14:30:00Z', Date.parse('2026-11-21T14:30:00Z')],
  ['2026-11-21T15:30+01:00', Date.parse('2026-11-21T14:30:00Z')],
])('%s is understood', (text, timeMs) => {
  expect(parseWhen(text, nowMs)).toEqual({ ok: true, value: { timeMs, understood: null } });
});

test('a clock time is the next one of this machine, and is said in full', () => {
  for (const [hour, minute] of [
    [0, 0],
    [9, 5],
    [23, 59],
  ] as const) {
    const text = `${hour}:${String(minute).padStart(2, '0')}`;
    const parsed = parseWhen(text, nowMs);
    if (!parsed.ok) throw new Error(parsed.error);
    const { timeMs, understood } = parsed.value;
    expect(timeMs).toBeGreaterThan(nowMs);
    expect(timeMs).toBeLessThanOrEqual(nowMs + 25 * 3_600_000);
    expect([new Date(timeMs).getHours(), new Date(timeMs).getMinutes()]).toEqual([hour, minute]);
    expect(understood).toContain(`${new Date(timeMs).toISOString().slice(0, 19)}Z`);
  }
});

test.each(['', 'tomorrow', '24:00', '12:60', '+', '+2', '-2h', '2026-11-21', '2026-11-21T14:30:00'])(
  '%j is not a time',
  (text) => {
    expect(parseWhen(text, nowMs).ok).toBe(false);
  },
);

test.each([
  [0, 'now'],
  [999, 'now'],
  [5000, 'in 5s'],
  [-90_000, '1m30s ago'],
  [7_861_000, 'in 2h11m'],
  [-86_400_000 * 3 - 7_200_000, '3d2h ago'],
  [86_400_000 * 30, 'in 30d'],
])('%i ms from now is %s', (offsetMs, text) => {
  expect(relativeTime(nowMs + offsetMs, nowMs)).toBe(text);
});

test.each([
  [0, '0s'],
  [59_400, '59s'],
  [59_999, '1m'],
  [599_999, '10m'],
  [3_599_000, '1h'],
  [86_399_000, '24h'],
  [86_400_000 * 6.999, '7d'],
  [60_000, '1m'],
  [660_500, '11m'],
  [3_600_000, '1h'],
])('%i ms is roughly %s', (durationMs, text) => {
  expect(roughDuration(durationMs)).toBe(text);
});
