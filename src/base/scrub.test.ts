import { expect, test } from 'vitest';
import { scrub } from './scrub.ts';

test.each([
  ['postgresql://berth@db1:5432,db2:5432/berth', 'postgresql://berth@db1:5432,db2:5432/berth'],
  ['at postgres://berth@db1/berth and /data', 'at postgres://berth@db1/berth and /data'],
  ['postgresql://berth:hunter2@db1/berth', 'postgresql://[secret]@db1/berth'],
  ['postgresql://berth:an@at@db1/berth', 'postgresql://[secret]@at@db1/berth'],
  ['https://ghp_0123456789@example.org/x', 'https://[secret]@example.org/x'],
])('the user part of %s', (text, scrubbed) => {
  expect(scrub(text)).toBe(scrubbed);
});
