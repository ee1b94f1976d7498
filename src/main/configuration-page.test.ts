import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationPage } from '../../scripts/docs/configuration-page.ts';

test('the page of the configuration is what the schema says', () => {
  const page = readFileSync(new URL('../../docs/operate/configuration.md', import.meta.url), 'utf8');
  expect(page).toBe(configurationPage());
});
