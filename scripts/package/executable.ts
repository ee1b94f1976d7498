/**
 * The one-file executable: the pinned Node with the whole program in it, by Node's support for single
 * executables. Source: https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html
 */
import fs from 'node:fs';
import path from 'node:path';
import { inject } from 'postject';
import type { Plugin } from 'rolldown';
import { assetFiles, bundleOneFile, scriptOf, threadSources } from './bundle.ts';
import { distFolder, emptyFolder, root, run, writeFile } from './files.ts';
import { pinnedNode } from './node-binary.ts';

/** Marks a Node whose program is in it; postject turns its `:0` into `:1`. From the documentation. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Makes dist/berth-linux-x64, for the machine that it is made on, and returns its path. */
export async function buildExecutable(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`made on Linux on x64 only: the code cache is made by the Node that it is for`);
  }
  const folder = emptyFolder(path.join(distFolder, 'executable'));
  const main = path.join(folder, 'main.cjs');
  writeFile(main, await bundleOneFile('src/main.ts', [staticFromAssets]));
  const assets = new Map([...assetFiles()].map(([name, file]) => [name, path.join(root, file)]));
  for (const source of threadSources()) {
    const file = path.join(folder, scriptOf(source));
    writeFile(file, await bundleOneFile(source, []));
    assets.set(scriptOf(source), file);
  }
  const blob = path.join(folder, 'berth.blob');
  const config = {
    main,
    output: blob,
    disableExperimentalSEAWarning: true,
    // Compiled here, once, not at each start.
    useCodeCache: true,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // Options of Node are not for those who run Berth.
    execArgvExtension: 'none',
    assets: Object.fromEntries(assets),
  };
  const configFile = path.join(folder, 'config.json');
  writeFile(configFile, JSON.stringify(config));
  const node = pinnedNode('x64').program;
  run(node, ['--experimental-sea-config', configFile]);
  const executable = path.join(distFolder, 'berth-linux-x64');
  fs.rmSync(executable, { force: true });
  fs.copyFileSync(node, executable);
  await inject(executable, 'NODE_SEA_BLOB', fs.readFileSync(blob), { sentinelFuse: FUSE });
  fs.chmodSync(executable, 0o755);
  return executable;
}

/** A module that only the bundler knows. */
const STATIC_MODULE = '\0static-files';

/** There is no folder to serve the API's page from. */
const staticFromAssets: Plugin = {
  name: 'berth-static-from-assets',
  resolveId: (id) => (id === '@fastify/static' ? STATIC_MODULE : null),
  load(id) {
    if (id !== STATIC_MODULE) return null;
    const file = path.join(root, 'scripts/package/executable/static-files.ts');
    return `export { staticFiles as "default" } from ${JSON.stringify(file)};`;
  },
};
