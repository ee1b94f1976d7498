/**
 * The data folder: private, and on a disk of this machine, because SQLite's locks and fsync mean little
 * elsewhere.
 */
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { StoreError } from '../../engine/ports.ts';

/** Numbers of network file systems, from Linux's statfs(2) and linux/magic.h. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
]);

/** May be local or not: virtual machines and containers share folders of their host this way. */
const SHARED_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
]);

/** What only a data folder has. */
const OWN_FILES: readonly string[] = ['berth.sqlite', 'secrets.key', 'lock.sqlite'];
/** A new disk has it. */
const LOST_AND_FOUND = 'lost+found';

/**
 * Makes the data folder (0700) if need be, and one that others may read private, as long as it is ours:
 * taking the rights from `/tmp` or somebody's home would break what others do there. Throws StoreError
 * `refused`.
 */
export function makePrivate(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if ((statSync(dir).mode & 0o077) === 0) return;
  const names = readdirSync(dir).filter((name) => name !== LOST_AND_FOUND);
  if (names.length > 0 && !names.some((name) => OWN_FILES.includes(name))) {
    throw new StoreError(
      'refused',
      `${dir} is open to others and has files that are not Berth's: name another folder as data (--data), ` +
        `or, if it is for Berth alone, run: chmod 700 ${dir}`,
    );
  }
  chmodSync(dir, 0o700);
}

/**
 * Makes the folder (0700) if need be. Returns what an operator should know about it; throws StoreError
 * `refused` on a network file system, and as `makePrivate` does.
 */
export function prepareFolder(dir: string): readonly string[] {
  makePrivate(dir);
  // The numbers mean something else, or nothing, on other systems.
  if (process.platform !== 'linux') return [];
  const { type } = statfsSync(dir);
  const network = NETWORK_FILE_SYSTEMS.get(type);
  if (network !== undefined) {
    throw new StoreError('refused', `${dir} is on ${network}: the SQLite store needs a disk of this machine`);
  }
  const shared = SHARED_FILE_SYSTEMS.get(type);
  return shared === undefined ? [] : [`${dir} is on ${shared}: make sure that it is a disk of this machine`];
}

/**
 * Makes an empty file (0600) unless it is there. Never opens one that is: closing it would drop SQLite's
 * locks.
 */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
