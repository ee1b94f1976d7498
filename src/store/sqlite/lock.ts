/**
 * One process per data folder. SQLite takes a second process on the same file without a word, so an exclusive
 * transaction on a file of its own says who may open it. The kernel drops it with the process, however that
 * ends: there is no stale lock. `holder.json` beside it only names the holder for the message.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseHolder, StoreLockedError, type Holder } from '../holder.ts';
import { isBusy } from './failure.ts';
import { createPrivateFile } from './folder.ts';

export interface FolderLock {
  release(): void;
}

/** Takes the lock or throws StoreLockedError at once. */
export function lockFolder(dir: string, holder: Holder): FolderLock {
  const path = join(dir, 'lock.sqlite');
  createPrivateFile(path);
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    // The transaction stays open as long as the process has the folder.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    throw isBusy(error) ? new StoreLockedError(dir, 'data folder', readHolder(dir)) : error;
  }
  const draft = join(dir, 'holder.json.new');
  writeFileSync(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  renameSync(draft, join(dir, 'holder.json'));
  return {
    release: () => {
      if (db.isOpen) db.close();
    },
  };
}

function readHolder(dir: string): Holder | null {
  try {
    const value: unknown = JSON.parse(readFileSync(join(dir, 'holder.json'), 'utf8'));
    return parseHolder(value);
  } catch {
    // The holder may be between taking the lock and writing its name; the lock counts, the name is a
    // courtesy.
    return null;
  }
}
