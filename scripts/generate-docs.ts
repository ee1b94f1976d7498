/**
 * Writes the pages that follow from the sources: the references of the API, of the command line, of errors
 * and of logs, the page of the configuration, and that of the doctor's findings. With `--check` it writes
 * nothing and fails where a page differs.
 */
import fs from 'node:fs';
import path from 'node:path';
import { cliReference } from '../src/cli/reference.ts';
import { doctorPage } from '../src/doctor/page.ts';
import { apiPage } from './docs/api-page.ts';
import { configurationPage } from './docs/configuration-page.ts';
import { errorsPage } from './docs/errors-page.ts';
import { logsPage } from './docs/logs-page.ts';

const folder = path.join(import.meta.dirname, '..', 'docs');

const pages: Readonly<Record<string, string>> = {
  'operate/configuration.md': configurationPage(),
  'operate/doctor.md': doctorPage(),
  'reference/api.md': apiPage(),
  'reference/cli.md': cliReference(),
  'reference/errors.md': errorsPage(),
  'reference/logs.md': logsPage(),
};

const check = process.argv.includes('--check');
const different = Object.entries(pages).filter(([name, text]) => {
  const file = path.join(folder, name);
  return !fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text;
});

for (const [name, text] of different) {
  if (check) console.error(`docs/${name} is not what the sources say: run scripts/generate-docs.ts`);
  else fs.writeFileSync(path.join(folder, name), text);
}
if (check && different.length > 0) process.exitCode = 1;
