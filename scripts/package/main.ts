// `npm run package`: builds what is handed out into dist/. Without names, all that this machine can make:
//
//   npm run package                        all
//   npm run package -- npm deb             some: npm, deb, executable
//   npm run package -- deb --arch arm64    for another machine: x64 (default: this one), arm64

import fs from 'node:fs';
import path from 'node:path';
import { buildDeb } from './deb.ts';
import { buildExecutable } from './executable.ts';
import { distFolder, root } from './files.ts';
import { ARCHITECTURES } from './node-binary.ts';
import { buildNpmPackage } from './npm-package.ts';

const kinds = ['npm', 'deb', 'executable'] as const;

const words = process.argv.slice(2);
const at = words.indexOf('--arch');
const wanted = at < 0 ? process.arch : words[at + 1];
const architecture = ARCHITECTURES.find((name) => name === wanted);
const names = at < 0 ? words : words.toSpliced(at, 2);
const unknown = names.filter((name) => !kinds.some((kind) => kind === name));
if (architecture === undefined || unknown.length > 0) {
  console.error(`usage: npm run package -- [${kinds.join('] [')}] [--arch ${ARCHITECTURES.join('|')}]`);
  process.exit(2);
}

const builders = {
  npm: buildNpmPackage,
  deb: () => buildDeb(architecture),
  executable: buildExecutable,
};
fs.mkdirSync(distFolder, { recursive: true });
for (const kind of kinds) {
  if (names.length > 0 && !names.includes(kind)) continue;
  const startedMs = performance.now();
  const file = await builders[kind]();
  const megabytes = (fs.statSync(file).size / 1e6).toFixed(1);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${path.relative(root, file)}  ${megabytes} MB  ${seconds} s`);
}
