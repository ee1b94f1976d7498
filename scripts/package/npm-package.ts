/** The npm package: the program without dependencies, for a Node that is there. */
import path from 'node:path';
import { copyFile, distFolder, manifest, root, run, writeFile } from './files.ts';
import { manPages } from './man/pages.ts';
import { writeProgram } from './program.ts';

/** Makes dist/berth-VERSION.tgz and returns its path. */
export async function buildNpmPackage(): Promise<string> {
  const folder = path.join(distFolder, 'npm');
  await writeProgram(folder);
  const { name, version, description, keywords, license, engines } = manifest();
  const pages = manPages();
  const own = {
    name,
    version,
    // It is installed from its file; the name on the public registry is not ours.
    private: true,
    description,
    keywords,
    license,
    type: 'module',
    bin: { berth: 'bin/berth' },
    man: [...pages.keys()].map((page) => `man/${page}`),
    engines,
  };
  writeFile(path.join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
  for (const [page, text] of pages) writeFile(path.join(folder, 'man', page), text);
  copyFile(path.join(root, 'deploy/npm/berth'), path.join(folder, 'bin/berth'), 0o755);
  for (const file of ['README.md', 'CHANGELOG.md']) copyFile(path.join(root, file), path.join(folder, file));
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', distFolder], {
    cwd: folder,
  });
  const filename = /"filename":\s*"([^"]+)"/.exec(packed)?.[1];
  if (filename === undefined) throw new Error(`npm pack did not name its file: ${packed}`);
  return path.join(distFolder, filename);
}
