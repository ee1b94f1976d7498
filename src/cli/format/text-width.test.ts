import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clip, pad, printable, textWidth, wrap } from './text-width.ts';

test.each([
  ['gpu-01', 6],
  ['', 0],
  ['数据', 4],
  ['ＧＰＵ', 6],
  ['Zürich', 6],
  ['Zu\u0308rich', 6],
  ['🚀', 2],
  ['👩‍🔬', 2],
  ['→', 1],
])('%s takes %i columns', (text, width) => {
  expect(textWidth(text)).toBe(width);
});

test('padding fills to the width on the terminal, not to a number of characters', () => {
  expect(pad('数据', 6, 'left')).toBe('数据  ');
  expect(pad('12', 4, 'right')).toBe('  12');
  expect(pad('too long', 3, 'left')).toBe('too long');
});

test('clipping shows that something is missing', () => {
  expect(clip('building the machine', 9)).toBe('building…');
  expect(clip('ready', 5)).toBe('ready');
});

test('lines break between words, and inside a word only where it alone is too long', () => {
  expect(wrap('de.NBI 2 GPU V100 large', 8)).toEqual(['de.NBI 2', 'GPU V100', 'large']);
  expect(wrap('203.0.113.10 up', 8)).toEqual(['203.0.11', '3.10 up']);
  expect(wrap('a\nb', 8)).toEqual(['a', 'b']);
});

test('no line is wider than asked, and no letter is lost', () => {
  const text = fc.stringMatching(/^[a-z数🚀 \n]{0,60}$/u);
  fc.assert(
    fc.property(text, fc.integer({ min: 2, max: 30 }), (given, width) => {
      const lines = wrap(given, width);
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
      expect(lines.join('').replaceAll(/\s/g, '')).toBe(given.replaceAll(/\s/g, ''));
    }),
  );
});

test('what would steer the terminal is spelled out', () => {
  expect(printable('a\u001B[2Jb\r\u009Bc\u202Ed')).toBe('a\\x1b[2Jb\\x0d\\x9bc\\u202ed');
  expect(printable('two\nlines, Zürich')).toBe('two\nlines, Zürich');
});
