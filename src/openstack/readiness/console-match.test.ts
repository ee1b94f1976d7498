import { expect, test } from 'vitest';
import { createConsoleMatch, patternFault } from './console-match.ts';

test('finds the text at the end of a long console, and on any line', () => {
  const matches = createConsoleMatch('^Cloud-init v.* finished');
  const log = `${'[    1.0] noise\n'.repeat(20_000)}Cloud-init v. 22.4.2 finished at Sat\nlogin: `;
  expect(matches(log)).toBe(true);
  expect(matches(log.slice(0, -60))).toBe(false);
  expect(matches('')).toBe(false);
});

test('looks at the newest 64 KiB only', () => {
  expect(createConsoleMatch('old')(`old\n${'x'.repeat(64 * 1024)}`)).toBe(false);
});

test('gives up on an expression that takes for ever, and goes on afterwards', () => {
  const matches = createConsoleMatch('(a+)+$');
  expect(matches(`${'a'.repeat(50)}!`)).toBeNull();
  expect(matches('aaa')).toBe(true);
});

test('says what is wrong with an expression', () => {
  expect(patternFault('(unclosed')).toContain('(unclosed');
  expect(patternFault('fine.*')).toBeNull();
});
