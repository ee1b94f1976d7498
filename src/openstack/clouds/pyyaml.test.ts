import { expect, test } from 'vitest';
import { parseLikePython } from './pyyaml.ts';

// Each as PyYAML 6.0 reads it; whole numbers are bigint here.
test.each<[string, unknown]>([
  ['a', 'a'],
  ['', null],
  ['~', null],
  ['no', false],
  ['On', true],
  ['y', 'y'],
  ['tRue', 'tRue'],
  ['010', 8n],
  ['08', '08'],
  ['0o17', '0o17'],
  ['0x1F', 31n],
  ['-0b11', -3n],
  ['1_000', 1000n],
  ['12:30', 750n],
  ['12345678901234567890', 12345678901234567890n],
  ['2.10', 2.1],
  ['-1.5e+3', -1500],
  ['1e3', '1e3'],
  ['1:30.5', 90.5],
  ['.inf', Infinity],
  ['-.inf', -Infinity],
  ['.nan', Number.NaN],
  ['2024-01-01', '2024-01-01'],
  ['10.0.0.1', '10.0.0.1'],
  ['"no"', 'no'],
  ["'010'", '010'],
])('%s', (text, value) => {
  expect(parseLikePython(`key: ${text}`, 'yaml')).toEqual({ ok: true, value: { key: value } });
});

test('anchors, merge keys, and keys that are there twice', () => {
  const text = 'a: &a { x: 1, y: 2 }\nb:\n  <<: *a\n  y: 3\nc: first\nc: last';
  expect(parseLikePython(text, 'yaml')).toMatchObject({
    value: { b: { x: 1n, y: 3n }, c: 'last' },
  });
});

test('JSON has no words but its own', () => {
  expect(parseLikePython('{"a": 2.0, "b": 7, "c": true, "d": null, "e": "no"}', 'json')).toEqual({
    ok: true,
    value: { a: 2, b: 7n, c: true, d: null, e: 'no' },
  });
});

test.each([
  ['auth:\n  password: "hunter2', /^line \d+: this is no YAML/],
  ['password: *hunter2', /an alias/],
  ['auth: {\n  password: hunter2', /^line \d+: this is no YAML/],
  ['password: hunter2\n\tuser: x', /no YAML/],
  ['a: hunter2\n---\nb: 2', /no YAML/],
])('an error names the line and quotes nothing: %j', (text, message) => {
  const parsed = parseLikePython(text, 'yaml');
  expect(parsed).toEqual({ ok: false, error: expect.stringMatching(message) });
  expect(JSON.stringify(parsed)).not.toContain('hunter2');
});

test('nor in JSON', () => {
  const parsed = parseLikePython('{"password": "hunter2" oops}', 'json');
  expect(parsed).toEqual({ ok: false, error: expect.stringMatching(/no JSON/) });
  expect(JSON.stringify(parsed)).not.toContain('hunter2');
});
