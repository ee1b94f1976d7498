/**
 * The SQLite store, synchronous, on one open database: what the worker thread runs, and the simulation
 * directly. Owns transactions and what is in them; knows nothing of threads, time-outs, or who may open the
 * file.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { LeaseId } from '../../base/ids.ts';
import type { Lease } from '../../domain/model/lease.ts';
import {
  StoreError,
  type EventQuery,
  type Expired,
  type ExpiredQuery,
  type StoredEvent,
  type UsageQuery,
  type UsageSum,
} from '../../engine/ports.ts';
import { newControl } from '../control.ts';
import type { LoadedText } from '../decode.ts';
import type { Migration } from '../migrations.ts';
import type { WritePlan } from '../plan.ts';
import type { EndedQuery } from '../queries.ts';
import { numberAt, theRow } from '../row.ts';
import { controlTable } from '../tables.ts';
import { storeErrorOf } from './failure.ts';
import { migrate, readMigrations } from './migrations.ts';
import { createReader } from './reader.ts';
import { putSql } from './sql.ts';
import { createUsageReader } from './usage-reader.ts';
import { createWriter } from './writer.ts';

/** Every method throws StoreError. */
export interface SqliteCore {
  load(): LoadedText;
  /** All or nothing. */
  commit(plan: WritePlan): void;
  hasBatch(batchId: string): boolean;
  readEvents(query: EventQuery): readonly StoredEvent[];
  readLease(leaseId: LeaseId): Lease | null;
  findLeases(prefix: string, limit: number): readonly Lease[];
  readEndedLeases(query: EndedQuery): readonly Lease[];
  sumUsage(query: UsageQuery): readonly UsageSum[];
  readUsed(leaseIds: readonly LeaseId[]): ReadonlyMap<LeaseId, number>;
  hasIntent(leaseId: LeaseId): boolean;
  readExpired(query: ExpiredQuery): Expired;
  close(): void;
}

export interface CoreOptions {
  /** For a new store: the id that will mark everything it makes outside. */
  readonly deploymentId: string;
  /** Waits so long before each COMMIT of a batch, as a slower disk would: for benchmarks. Default 0. */
  readonly commitDelayMs?: number;
  /** Default: those of this program. */
  readonly migrations?: readonly Migration[];
}

/**
 * 16 MiB of write-ahead log before it is copied into the file: fewer fsyncs between commits, and still read
 * back in well under a second after a crash.
 */
const WAL_PAGES = 4096;

/**
 * Takes over an open database (a file or `:memory:`): migrates it and prepares the statements. Throws
 * SchemaError where the database is not ours to write, StoreError where it cannot be read.
 */
export function openCore(db: DatabaseSync, options: CoreOptions): SqliteCore {
  const { created, writer, reader, usage } = opening(() => {
    db.exec('PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;');
    const isNew = migrate(db, options.migrations ?? readMigrations());
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${WAL_PAGES}; ` +
        'PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;',
    );
    const usageReader = createUsageReader(db);
    return { created: isNew, writer: createWriter(db), reader: createReader(db), usage: usageReader };
  });
  const transaction = createTransaction(db);
  const wait = createWait(options.commitDelayMs ?? 0);
  const takeEpoch = db.prepare('UPDATE epoch SET epoch = epoch + 1 RETURNING epoch');
  const readEpoch = db.prepare('SELECT epoch FROM epoch');
  const putControl = db.prepare(putSql(controlTable));
  if (created) transaction(() => putControl.run(...controlTable.row(newControl(options.deploymentId))));
  return {
    load: () =>
      transaction(() => {
        const epoch = numberAt(theRow(takeEpoch.get()), 'epoch');
        const last = reader.lastBatch();
        return {
          ...last,
          epoch,
          created: created && last.revision === 0,
          snapshotJson: reader.snapshotJson(),
        };
      }),
    commit: (plan) => {
      transaction(() => {
        const epoch = numberAt(theRow(readEpoch.get()), 'epoch');
        if (plan.epoch !== epoch) {
          throw new StoreError(
            'fenced',
            `another server has taken over: epoch ${epoch} is newer than ${plan.epoch}`,
          );
        }
        writer.write(plan);
        wait();
      });
    },
    hasBatch: (batchId) => reading(() => reader.hasBatch(batchId)),
    readEvents: (query) => reading(() => reader.events(query)),
    readLease: (leaseId) => reading(() => reader.lease(leaseId)),
    findLeases: (prefix, limit) => reading(() => reader.leasesLike(prefix, limit)),
    readEndedLeases: (query) => reading(() => reader.endedLeases(query)),
    sumUsage: (query) => reading(() => usage.sum(query)),
    readUsed: (leaseIds) => reading(() => usage.used(leaseIds)),
    hasIntent: (leaseId) => reading(() => reader.hasIntent(leaseId)),
    readExpired: (query) => reading(() => reader.expired(query)),
    close: () => {
      if (db.isOpen) reading(() => db.close());
    },
  };
}

function opening<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof Error && error.name === 'SchemaError' ? error : storeErrorOf(error, 'statement');
  }
}

function reading<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw storeErrorOf(error, 'statement');
  }
}

/** All or nothing: rolls back on any error, and says what is known of a COMMIT that failed. */
function createTransaction(db: DatabaseSync): <T>(run: () => T) => T {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  return (run) => {
    let phase: 'statement' | 'committing' = 'statement';
    try {
      begin.run();
      const result = run();
      phase = 'committing';
      commit.run();
      return result;
    } catch (error) {
      if (db.isOpen && db.isTransaction) rollback.run();
      throw storeErrorOf(error, phase);
    }
  };
}

function createWait(delayMs: number): () => void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  return () => {
    if (delayMs > 0) Atomics.wait(never, 0, 0, delayMs);
  };
}
