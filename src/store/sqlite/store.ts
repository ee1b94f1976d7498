/**
 * The SQLite store as the engine uses it: the writer runs in a thread of its own, so that a slow disk never
 * blocks the event loop. Owns the data folder and its lock, time-outs, the bound on waiting calls, and what
 * the death of the thread means; decides nothing about the data.
 */
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Ids } from '../../base/ids.ts';
import { StoreError, type Store } from '../../engine/ports.ts';
import { newDeploymentId } from '../control.ts';
import { parseLoaded } from '../decode.ts';
import { thisProcess } from '../holder.ts';
import { planWrite } from '../plan.ts';
import { createPrivateFile, prepareFolder } from './folder.ts';
import { lockFolder } from './lock.ts';
import type { Answers, Call } from './protocol.ts';
import { startThread, type Thread } from './thread.ts';

export interface SqliteStoreOptions {
  /** The data folder: made if it is not there, used by this process alone. */
  readonly dir: string;
  /** Berth's version, to name the holder of the folder. */
  readonly version: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** How long one call may take, ms. Default 30 s: longer than any disk that still works. */
  readonly callTimeoutMs?: number;
  /** Waits so long before each COMMIT: for benchmarks. Default 0. */
  readonly commitDelayMs?: number;
}

export interface SqliteStore extends Store {
  /** What an operator should know about the data folder. */
  readonly warnings: readonly string[];
  /**
   * Ends the writer thread at once, whatever it does: outstanding commits are in doubt. `load` starts
   * another. For a shutdown that is out of time, and to try what the death of the thread does.
   */
  abort(): Promise<void>;
}

const CALL_TIMEOUT_MS = 30_000;

/**
 * Opens (or makes) the store. Rejects with StoreLockedError while another process has the folder, SchemaError
 * where the database is of another version, StoreError where it cannot be opened.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { dir, clock, callTimeoutMs = CALL_TIMEOUT_MS, commitDelayMs = 0 } = options;
  const warnings = prepareFolder(dir);
  const lock = lockFolder(dir, thisProcess(options.version, clock));
  const path = join(dir, 'berth.sqlite');
  createPrivateFile(path);
  const deploymentId = newDeploymentId(options.ids.next());
  const start = async (): Promise<Thread> => {
    const started = startThread({ path, deploymentId, commitDelayMs }, { clock, callTimeoutMs });
    try {
      await started.call({ op: 'open' });
      return started;
    } catch (error) {
      await started.kill();
      throw error;
    }
  };
  let thread: Thread;
  try {
    thread = await start();
  } catch (error) {
    lock.release();
    throw error;
  }
  let closed = false;
  /** One at a time: two threads on one file would wait for each other. */
  let restart: Promise<Thread> | null = null;
  const call = async <C extends Call>(request: C): Promise<Answers[C['op']]> => {
    if (closed) throw new StoreError('closed', 'the store is closed');
    return thread.call(request);
  };
  return {
    warnings,
    load: async () => {
      if (!closed && !thread.alive()) {
        restart ??= start().finally(() => {
          restart = null;
        });
        thread = await restart;
      }
      return parseLoaded(await call({ op: 'load' }));
    },
    commit: async (batch) => {
      await call({ op: 'commit', plan: planWrite(batch) });
    },
    hasBatch: (batchId) => call({ op: 'hasBatch', batchId }),
    readEvents: (query) => call({ op: 'readEvents', query }),
    readLease: (leaseId) => call({ op: 'readLease', leaseId }),
    findLeases: (prefix, limit) => call({ op: 'findLeases', prefix, limit }),
    readEndedLeases: (query) => call({ op: 'readEndedLeases', query }),
    sumUsage: (query) => call({ op: 'sumUsage', query }),
    readUsed: (leaseIds) => call({ op: 'readUsed', leaseIds }),
    hasIntent: (leaseId) => call({ op: 'hasIntent', leaseId }),
    readExpired: (query) => call({ op: 'readExpired', query }),
    abort: () => thread.kill(),
    close: async () => {
      if (closed) return;
      closed = true;
      try {
        if (thread.alive()) await thread.call({ op: 'close' });
      } finally {
        await thread.kill();
        lock.release();
      }
    },
  };
}
