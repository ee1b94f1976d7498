/**
 * The store without a thread, on a core that somebody else keeps: for the simulation, which closes one store
 * and opens another on the same core as a crash would. Deterministic: no timers, no clock.
 */
import { StoreError, type CommitBatch, type Store } from '../../engine/ports.ts';
import type { SqliteCore } from './core.ts';
import { parseLoaded } from '../decode.ts';
import { planWrite } from '../plan.ts';

/** Where a fault may be put in: throw a StoreError, or wait. */
export interface DirectHooks {
  /** Throwing here leaves nothing written. */
  beforeCommit?(batch: CommitBatch): void | Promise<void>;
  /** Throwing here leaves the batch written: the reply was lost. */
  afterCommit?(batch: CommitBatch): void | Promise<void>;
}

/** Closing it closes the store, not the core. */
export function createDirectStore(core: SqliteCore, hooks: DirectHooks = {}): Store {
  let closed = false;
  const checkOpen = (): void => {
    if (closed) throw new StoreError('closed', 'the store is closed');
  };
  const run = async <T>(act: () => T): Promise<T> => {
    checkOpen();
    return act();
  };
  return {
    load: () => run(() => parseLoaded(core.load())),
    commit: async (batch) => {
      checkOpen();
      await hooks.beforeCommit?.(batch);
      checkOpen();
      core.commit(planWrite(batch));
      await hooks.afterCommit?.(batch);
    },
    hasBatch: (batchId) => run(() => core.hasBatch(batchId)),
    readEvents: (query) => run(() => core.readEvents(query)),
    readLease: (leaseId) => run(() => core.readLease(leaseId)),
    findLeases: (prefix, limit) => run(() => core.findLeases(prefix, limit)),
    readEndedLeases: (query) => run(() => core.readEndedLeases(query)),
    sumUsage: (query) => run(() => core.sumUsage(query)),
    readUsed: (leaseIds) => run(() => core.readUsed(leaseIds)),
    hasIntent: (leaseId) => run(() => core.hasIntent(leaseId)),
    readExpired: (query) => run(() => core.readExpired(query)),
    close: () =>
      run(() => {
        closed = true;
      }),
  };
}
