import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test.each([
  ['flavour', ['flavor', 'duration'], 'flavor'],
  ['Duration', ['flavor', 'duration'], 'duration'],
  ['wiat', ['wait', 'name'], 'wait'],
  ['keypair', ['flavor', 'duration'], null],
  ['x', ['y', 'z'], null],
  ['', ['a'], null],
  ['a'.repeat(1000), ['a'.repeat(999)], null],
])('%s is near to one of %j: %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
