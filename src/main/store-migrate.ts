/** `berth store migrate`: a store moves from SQLite to PostgreSQL, with the server stopped. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { StoreMigrateOptions, StoreMigrateReport } from '../cli/io.ts';
import { StoreError } from '../engine/ports.ts';
import { staged } from '../store/backup/stage.ts';
import { thisProcess } from '../store/holder.ts';
import { MOVED_ID } from '../store/migrations.ts';
import { openBare } from '../store/postgres/bare.ts';
import { storeErrorOf } from '../store/postgres/failure.ts';
import { parseAddress, printAddress, type Address } from '../store/postgres/url.ts';
import { checkStore, copyStore } from '../store/sqlite/copy.ts';
import { lockFolder } from '../store/sqlite/lock.ts';
import { markMoved, unmarkMoved } from '../store/sqlite/moved.ts';
import { transfer } from '../store/transfer/to-postgres.ts';
import { randomIds } from './bootstrap.ts';
import { ServeFailure } from './options.ts';
import { VERSION } from './version.ts';

/**
 * Works on a copy, so that the source stays as it is but for the mark that no server may start on it any
 * more. Rejects with ServeFailure, StoreLockedError, SchemaError, StoreError; `in_doubt` where nobody knows
 * whether the database has everything or nothing.
 */
export async function migrateStore(options: StoreMigrateOptions, clock: Clock): Promise<StoreMigrateReport> {
  const { from, to } = options;
  const path = join(from, 'berth.sqlite');
  // Before the lock, which leaves files of its own.
  if (!existsSync(path)) throw new ServeFailure(`--from: there is no store at ${path}`);
  const address = parseAddress(to);
  if (!address.ok) throw new ServeFailure(`--to ${address.error}`);
  const lock = lockFolder(from, thisProcess(VERSION, clock));
  try {
    return await staged(join(from, '.migrate-'), async (stage) => {
      const copy = join(stage, 'berth.sqlite');
      options.say('copying the source', 0);
      copyStore(path, copy);
      // To the newest schema, as the database has.
      checkStore(copy);
      const source = new DatabaseSync(copy, { readOnly: true });
      try {
        return await moveTo(address.value, source, options, clock);
      } finally {
        source.close();
      }
    });
  } finally {
    lock.release();
  }
}

async function moveTo(
  address: Address,
  source: DatabaseSync,
  { from, passwordPath, say }: StoreMigrateOptions,
  clock: Clock,
): Promise<StoreMigrateReport> {
  const passwords = { file: passwordPath, env: process.env };
  const target = await openBare({ address, passwords, clock, ids: randomIds(clock), version: VERSION });
  const [path, place] = [join(from, 'berth.sqlite'), printAddress(address)];
  let isMarked = false;
  try {
    const tables = await transfer(source, target, {
      say,
      // Marked afterwards, a source that cannot be written would leave two stores that both work.
      beforeCommit: () => {
        markMoved(path, place);
        isMarked = true;
      },
    });
    return { from, to: place, tables };
  } catch (error) {
    if (!isMarked) throw error;
    const failure = storeErrorOf(error, 'committing');
    if (failure.code !== 'in_doubt') {
      unmarkMoved(path);
      throw failure;
    }
    throw new StoreError('in_doubt', doubt(path, place, failure), { cause: failure });
  } finally {
    await target.end();
  }
}

/** The source stays marked: two stores that both work would be worse than none. */
function doubt(path: string, place: string, { message }: StoreError): string {
  return (
    `${message}. ${place} has everything or nothing; look with: SELECT count(*) FROM batches. If there are rows, ` +
    `the store has moved: name it in store.url. If there are none, it has not, and before a server or this ` +
    `command uses the source again: sqlite3 ${path} 'DELETE FROM schema_migrations WHERE id = ${MOVED_ID}'`
  );
}
