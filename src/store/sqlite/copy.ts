/**
 * A copy of a store that may be in use. VACUUM INTO reads in one transaction: the copy is whole, as of one
 * commit, and in WAL mode no writer waits for it. SQLite's backup API would start again at each commit of
 * the server, and keep in its free pages what was removed (ADR 0008).
 */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../engine/ports.ts';
import { storeErrorOf } from './failure.ts';
import { createPrivateFile } from './folder.ts';
import { migrate, readMigrations } from './migrations.ts';
import { movedMark } from './moved.ts';
import { numberAt, textAt, theRow } from '../row.ts';

/** What a store says of itself. */
export interface StoreFacts {
  readonly deploymentId: string;
  /** Name of the newest migration. */
  readonly schema: string;
  readonly revision: number;
  readonly eventSeq: number;
  /** Milliseconds since the Unix epoch; null: nothing was ever committed. */
  readonly committedAtMs: number | null;
  readonly epoch: number;
}

/** Copies the store at `from` to `to` (0600). Throws StoreError; `refused` where it has moved to a database. */
export function copyStore(from: string, to: string): StoreFacts {
  if (!existsSync(from)) throw new StoreError('refused', `there is no store at ${from}`);
  createPrivateFile(to);
  return translated(() => {
    const source = new DatabaseSync(from, { readOnly: true, timeout: BUSY_MS });
    try {
      refuseMoved(source, from);
      source.prepare('VACUUM INTO ?').run(to);
    } finally {
      source.close();
    }
    return examine(to, readFacts);
  });
}

/** A copy would be of the past, and no Berth would start on it. */
function refuseMoved(db: DatabaseSync, path: string): void {
  const mark = movedMark(db);
  if (mark === null) return;
  throw new StoreError(
    'refused',
    `the store has ${mark}, ${path} is what it was before: name that in store.url of the configuration, ` +
      'and see docs/operate/backup.md for its backup',
  );
}

/**
 * Whether the file at `path`, which nobody else uses, is a whole store that this program can run on: it is
 * brought to the newest schema. Throws SchemaError, StoreError `corrupt`.
 */
export function checkStore(path: string): StoreFacts {
  return translated(() =>
    examine(path, (db) => {
      const facts = readFacts(db);
      migrate(db, readMigrations());
      return facts;
    }),
  );
}

/** A checkpoint of the server holds the file for moments. */
const BUSY_MS = 5000;

/** Opens a copy, has SQLite check every page, and closes it as one file. */
export function examine<T>(path: string, act: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path);
  try {
    const found = db.prepare('PRAGMA integrity_check(1)').all();
    const fault = found.map((row) => textAt(row, 'integrity_check')).find((text) => text !== 'ok');
    if (fault !== undefined) throw new StoreError('corrupt', `the store is damaged: ${fault}`);
    const result = act(db);
    // One file, without a log beside it.
    db.exec('PRAGMA journal_mode = DELETE');
    return result;
  } finally {
    db.close();
  }
}

export function readFacts(db: DatabaseSync): StoreFacts {
  const control = theRow(db.prepare("SELECT deployment_id FROM control WHERE id = 'control'").get());
  const schema = theRow(db.prepare('SELECT name FROM schema_migrations ORDER BY id DESC LIMIT 1').get());
  const epoch = theRow(db.prepare('SELECT epoch FROM epoch').get());
  const last = db
    .prepare('SELECT revision, event_seq, at_ms FROM batches ORDER BY revision DESC LIMIT 1')
    .get();
  return {
    deploymentId: textAt(control, 'deployment_id'),
    schema: textAt(schema, 'name'),
    revision: last === undefined ? 0 : numberAt(last, 'revision'),
    eventSeq: last === undefined ? 0 : numberAt(last, 'event_seq'),
    committedAtMs: last === undefined ? null : numberAt(last, 'at_ms'),
    epoch: numberAt(epoch, 'epoch'),
  };
}

function translated<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof Error && error.name === 'SchemaError' ? error : storeErrorOf(error, 'statement');
  }
}
