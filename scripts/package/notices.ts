/** What the licences of bundled packages ask for: their names, and their texts. */
import fs from 'node:fs';
import path from 'node:path';
import { root } from './files.ts';

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** Licences that allow this use with their text alone. Another one is for a person to look at. */
const LICENSES_KNOWN: ReadonlySet<string> = new Set([
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
]);

/**
 * The notices of these packages as one text. Throws where a package has a licence that nobody has looked at,
 * or no text of it.
 */
export function thirdPartyNotices(packages: readonly string[]): string {
  const parts = packages.map((folder) => {
    const manifest = readManifest(folder);
    if (!LICENSES_KNOWN.has(manifest.license)) {
      throw new Error(`${folder} is under ${manifest.license}: add it to LICENSES_KNOWN if that is fine`);
    }
    return [
      `${manifest.name} ${manifest.version} (${manifest.license})`,
      '',
      licenseText(folder, manifest),
    ].join('\n');
  });
  const introduction = 'Berth contains the following packages, each under its own licence.';
  return `${[introduction, ...parts].join(`\n\n${'-'.repeat(78)}\n\n`)}\n`;
}

function readManifest(folder: string): PackageManifest {
  return JSON.parse(fs.readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as PackageManifest;
}

function licenseText(folder: string, { name, license }: PackageManifest): string {
  const names = fs.readdirSync(path.join(root, folder));
  const file = names.find((entry) => /^(?:licen[cs]e|copying)(?:[.-].*)?$/i.test(entry));
  if (file !== undefined) return fs.readFileSync(path.join(root, folder, file), 'utf8').trim();
  const readme = names.find((entry) => /^readme/i.test(entry));
  const text = readme === undefined ? '' : fs.readFileSync(path.join(root, folder, readme), 'utf8');
  const section = /^#+ *licen[cs]e\s*\n([\s\S]*?)(?=^#|$(?![\s\S]))/im.exec(text)?.[1]?.trim();
  if (section === undefined || section === '')
    throw new Error(`${name} (${license}) has no text of its licence`);
  return section;
}
