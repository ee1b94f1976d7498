import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTime } from './iso-time.ts';
import { formatTime } from './units.ts';

test('reads back what is printed', () => {
  const seconds = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) / 1000 });
  fc.assert(
    fc.property(seconds, (second) => {
      expect(parseTime(formatTime(second * 1000))).toEqual({ ok: true, value: second * 1000 });
    }),
  );
});

test('reads other zones', () => {
  expect(parseTime('2026-11-21T15:32+01:00')).toEqual(parseTime('2026-11-21T14:32:00Z'));
});

test.each(['2026-11-21', '2026-11-21T14:32:00', 'tomorrow', '2026-13-01T00:00:00Z', '', '1e9'])(
  'refuses %j',
  (text) => {
    expect(parseTime(text).ok).toBe(false);
  },
);
