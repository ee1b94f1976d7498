import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EVENTS, STATE_KINDS } from './lease.fixtures.ts';
import { TRANSITIONS } from './transitions.fixtures.ts';

const spec = readFileSync(new URL('SPEC.md', import.meta.url), 'utf8');
const root = new URL('../../../', import.meta.url);

/** The cells of the rows of a table under a heading, without its head. */
function tableUnder(heading: string): readonly (readonly string[])[] {
  const section = spec.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

test('every state is described', () => {
  expect(
    tableUnder('States')
      .slice(2)
      .map(([kind]) => kind),
  ).toEqual(STATE_KINDS);
});

test('the table of transitions is the one of the code', () => {
  const [head, , ...rows] = tableUnder('Transitions');
  expect(head).toEqual(['event', ...STATE_KINDS]);
  const expected = Object.values(EVENTS).map(({ type }) => [
    type,
    ...STATE_KINDS.map((kind) => TRANSITIONS[type][kind] ?? '·'),
  ]);
  expect(rows).toEqual(expected);
});

test('the invariants are those that are checked', () => {
  const numbers = (text: string, pattern: RegExp): readonly string[] =>
    [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''))].toSorted();
  const code = readFileSync(new URL('src/domain/invariants.ts', root), 'utf8');
  const specified = numbers(spec, /\*\*(I\d)\*\*/g);
  expect(specified).toEqual(['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7']);
  expect(numbers(code, /`(I\d): /g)).toEqual(specified);
});

test('every test that is named exists, and each of the rows has one', () => {
  const named = new Set(
    [...spec.matchAll(/`((?:src|test)\/[^`]*\.test\.ts)`/g)].map((match) => match[1] ?? ''),
  );
  expect(named.size).toBeGreaterThan(20);
  for (const path of named) expect(existsSync(new URL(path, root)), path).toBe(true);
  for (const heading of ['Always true', 'Constraints', 'Assumptions about Nova']) {
    for (const [number, ...cells] of tableUnder(heading).slice(2)) {
      expect(cells.at(-1), `${heading} ${number}`).toContain('.test.ts');
    }
  }
});
