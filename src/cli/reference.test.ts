import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cliReference } from './reference.ts';

test('the reference page of the command line is what the commands say', () => {
  const page = readFileSync(new URL('../../docs/reference/cli.md', import.meta.url), 'utf8');
  expect(page).toBe(cliReference());
});
