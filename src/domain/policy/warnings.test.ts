import { describe, expect, test } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../base/units.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { keepWarningAt, nextWarningAt, warningsOf } from './warnings.ts';

const CONFIGURED = [DAY_MS, HOUR_MS, 10 * MINUTE_MS];

describe('the warnings of a lease', () => {
  test.each([
    ['a week', 7 * DAY_MS, [DAY_MS, HOUR_MS, 10 * MINUTE_MS]],
    ['eight hours', 8 * HOUR_MS, [4 * HOUR_MS, 48 * MINUTE_MS, 10 * MINUTE_MS]],
    ['one hour: two of them would come together', HOUR_MS, [30 * MINUTE_MS, 6 * MINUTE_MS]],
    ['two minutes', 2 * MINUTE_MS, [MINUTE_MS, 12 * SECOND_MS]],
  ] as const)('of %s', (_name, lengthMs, expected) => {
    expect(warningsOf(CONFIGURED, lengthMs)).toEqual(expected);
  });

  test('are none where none are wanted', () => {
    expect(warningsOf([], DAY_MS)).toEqual([]);
  });
});

describe('the next warning', () => {
  const settings = { ...DEFAULT_SETTINGS, warningsMs: CONFIGURED };
  const active = {
    kind: 'active',
    sinceMs: 0,
    claim: { kind: 'slot', provisional: false } as never,
    expiresAtMs: 8 * HOUR_MS,
    connection: { host: '::1', port: 22, user: 'u' },
    warnedMs: null,
    renewedAtMs: null,
    graceUntilMs: null,
  } as const;

  test('is the longest that was not given', () => {
    expect(nextWarningAt(active, settings)).toBe(4 * HOUR_MS);
    expect(nextWarningAt({ ...active, warnedMs: 4 * HOUR_MS }, settings)).toBe(8 * HOUR_MS - 48 * MINUTE_MS);
    expect(nextWarningAt({ ...active, warnedMs: 10 * MINUTE_MS }, settings)).toBeNull();
  });

  test('is the shortest alone, once, after a renewal', () => {
    const renewed = { ...active, expiresAtMs: 9 * HOUR_MS, renewedAtMs: 8 * HOUR_MS };
    expect(nextWarningAt(renewed, settings)).toBe(9 * HOUR_MS - 10 * MINUTE_MS);
    expect(nextWarningAt({ ...renewed, warnedMs: 10 * MINUTE_MS }, settings)).toBeNull();
  });

  test('of a renewal shorter than twice that comes after half of it', () => {
    const renewed = { ...active, renewedAtMs: 8 * HOUR_MS - 4 * MINUTE_MS };
    expect(nextWarningAt(renewed, settings)).toBe(8 * HOUR_MS - 2 * MINUTE_MS);
  });

  test('of a disk on the shelf goes by the same shares', () => {
    const shelved = { kind: 'shelved', sinceMs: 0, keepUntilMs: 30 * DAY_MS, warnedMs: null } as const;
    expect(keepWarningAt(shelved, DEFAULT_SETTINGS)).toBe(23 * DAY_MS);
    expect(keepWarningAt({ ...shelved, warnedMs: 7 * DAY_MS }, DEFAULT_SETTINGS)).toBe(29 * DAY_MS);
    expect(keepWarningAt({ ...shelved, keepUntilMs: HOUR_MS }, DEFAULT_SETTINGS)).toBe(30 * MINUTE_MS);
    expect(keepWarningAt({ ...shelved, keepUntilMs: null }, DEFAULT_SETTINGS)).toBeNull();
  });
});
