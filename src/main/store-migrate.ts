/** `berth store migrate`: a store moves from SQLite to PostgreSQL, with the server stopped. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { StoreMigrateOptions, StoreMigrateReport } from '../cli/io.ts';
import { thisProcess } from '../store/holder.ts';
import { openBare } from '../store/postgres/bare.ts';
import { printAddress } from '../store/postgres/url.ts';
import { checkStore, copyStore } from '../store/sqlite/copy.ts';
import { lockFolder } from '../store/sqlite/lock.ts';
import { markMoved } from '../store/sqlite/moved.ts';
import { transfer } from '../store/transfer/to-postgres.ts';
import { randomIds } from './bootstrap.ts';
import { ServeFailure } from './options.ts';
import { databaseOf } from './store.ts';
import { VERSION } from './version.ts';

/**
 * Works on a copy, so that the source stays as it is but for the mark that no server may start on it any
 * more. Rejects with ServeFailure, StoreLockedError, SchemaError, StoreError.
 */
export async function migrateStore(options: StoreMigrateOptions, clock: Clock): Promise<StoreMigrateReport> {
  const { from, to, passwordPath, say } = options;
  const database = databaseOf({ url: to, password_file: passwordPath }, '--to');
  const path = join(from, 'berth.sqlite');
  // Before anything is written there: it may be any folder, or none.
  if (!existsSync(path))
    throw new ServeFailure(`--from ${from} has no store: there is no berth.sqlite in it`);
  const lock = lockFolder(from, thisProcess(VERSION, clock));
  const stage = mkdtempSync(join(from, '.migrate-'));
  try {
    say('copying the source', 0);
    copyStore(path, join(stage, 'berth.sqlite'));
    // To the newest schema, as the database has.
    checkStore(join(stage, 'berth.sqlite'));
    const source = new DatabaseSync(join(stage, 'berth.sqlite'), { readOnly: true });
    try {
      const ports = { clock, ids: randomIds(clock), version: VERSION };
      const target = await openBare({ ...database, ...ports });
      try {
        const tables = await transfer(source, target, say);
        const place = printAddress(database.address);
        markMoved(path, place);
        return { from, to: place, tables };
      } finally {
        await target.end();
      }
    } finally {
      source.close();
    }
  } finally {
    rmSync(stage, { recursive: true, force: true });
    lock.release();
  }
}
