import { expect, test } from 'vitest';
import { filledPattern } from './surroundings.ts';

const ada = { userName: 'ada', projectName: 'lab' };

test.each([
  [null, null],
  ['private', 'private'],
  ['{user}-net', 'ada-net'],
  ['{project}-{user}', 'lab-ada'],
  ['{users}', '{users}'],
])('%s becomes %s', (pattern, wanted) => {
  expect(filledPattern(pattern, ada)).toBe(wanted);
});

test('a name is one name, whatever it looks like', () => {
  expect(filledPattern('{user}-net', { userName: '$&{project}', projectName: 'lab' })).toBe(
    '$&{project}-net',
  );
});

test('who has no name there is told what to do', () => {
  expect(() => filledPattern('{user}-net', { userName: null, projectName: 'lab' })).toThrow(
    /name of the user is not known: name the network/,
  );
});
