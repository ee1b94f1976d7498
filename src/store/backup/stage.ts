/**
 * Folders for work in progress, which may hold secrets in clear: private, with a name that nobody can
 * foresee, and removed afterwards, also where a signal ends the process. What a kill or a power cut leaves is
 * swept by the next one that works there.
 */
import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HOUR_MS } from '../../base/units.ts';

/** Nothing that is still at work is as old: the largest stores take minutes. */
const STALE_MS = 6 * HOUR_MS;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const open = new Set<string>();

/** Gives a new folder (0700), whose path starts with `prefix`, to `act`, and removes it afterwards. */
export async function staged<T>(prefix: string, act: (stage: string) => Promise<T>): Promise<T> {
  await sweep(prefix);
  if (open.size === 0) for (const signal of SIGNALS) process.on(signal, endAtSignal);
  const stage = await mkdtemp(prefix);
  open.add(stage);
  try {
    return await act(stage);
  } finally {
    await rm(stage, { recursive: true, force: true });
    open.delete(stage);
    if (open.size === 0) for (const signal of SIGNALS) process.off(signal, endAtSignal);
  }
}

/** Ends the process as the signal does where nobody listens, but cleaned up. */
function endAtSignal(signal: NodeJS.Signals): void {
  for (const stage of open) rmSync(stage, { recursive: true, force: true });
  for (const each of SIGNALS) process.removeAllListeners(each);
  process.kill(process.pid, signal);
}

/** In a folder like /tmp anybody may make such a name: only our own are touched. */
async function sweep(prefix: string): Promise<void> {
  const dir = dirname(prefix);
  const names = await readdir(dir);
  for (const name of names.filter((each) => isStageName(each, basename(prefix)))) {
    const path = join(dir, name);
    // null: another process was quicker.
    const found = await lstat(path).catch(() => null);
    if (found === null || !found.isDirectory() || found.uid !== process.getuid?.()) continue;
    if (Date.now() - found.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true });
  }
}

/** As mkdtemp(3) names them. */
function isStageName(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && /^[A-Za-z0-9]{6}$/.test(name.slice(prefix.length));
}
