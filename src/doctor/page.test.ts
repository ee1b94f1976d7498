import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { doctorPage } from './page.ts';

test('the page of the findings is what the catalogue says', () => {
  const page = readFileSync(new URL('../../docs/operate/doctor.md', import.meta.url), 'utf8');
  expect(page).toBe(doctorPage());
});
