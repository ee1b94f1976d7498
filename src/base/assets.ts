/**
 * Files that travel with the program: the texts of migrations, package.json, the sources of threads. They lie
 * beside the module that asks for them; in the one-file executable they are inside of it, under the same
 * paths. Source: https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html
 */
import { readdirSync, readFileSync } from 'node:fs';
import { getAsset, getAssetKeys, isSea } from 'node:sea';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** The text of a file, named by `new URL('./name', import.meta.url)`. Throws where there is none. */
export function readAsset(url: URL): string {
  return isSea() ? getAsset(keyOf(url), 'utf8') : readFileSync(url, 'utf8');
}

/** The names of the files in a folder, whose URL ends in a slash; folders in it are left out. */
export function listAssets(folder: URL): readonly string[] {
  if (!isSea()) {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [entry.name] : [],
    );
  }
  const prefix = keyOf(folder);
  const below = getAssetKeys().flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
  return below.filter((name) => !name.includes('/'));
}

/** Starts a thread of ours. `url` names its source without the ending: `.ts` as it runs here, else `.js`. */
export function startAssetThread(url: URL, options: WorkerOptions): Worker {
  if (isSea()) return new Worker(readAsset(new URL(`${url.href}.js`)), { ...options, eval: true });
  return new Worker(new URL(`${url.href}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`), options);
}

/** In the executable, modules have addresses below `sea:/`, and assets are named by what follows it. */
function keyOf(url: URL): string {
  return url.pathname.slice(1);
}
