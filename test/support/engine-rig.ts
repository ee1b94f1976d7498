/** An engine on SQLite in memory and a virtual clock, with a place to put faults between it and its store. */
import { DatabaseSync } from 'node:sqlite';
import { createPrng } from '../../src/base/prng.ts';
import type { ObservedHost } from '../../src/domain/command.ts';
import type { Flavor } from '../../src/domain/model/flavor.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/domain/settings.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { CommitBatch, Store } from '../../src/engine/ports.ts';
import { openCore, type SqliteCore } from '../../src/store/sqlite/core.ts';
import { createDirectStore, type DirectHooks } from '../../src/store/sqlite/direct.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';
import { PROVIDER, T0 } from './worlds.ts';

export interface RigOptions {
  readonly hosts?: readonly ObservedHost[];
  readonly flavors?: readonly Flavor[];
  readonly settings?: Partial<Settings>;
  /** The store of an earlier rig: as after a restart. */
  readonly core?: SqliteCore;
  readonly clock?: VirtualClock;
}

export interface Rig {
  readonly engine: Engine;
  readonly store: Store;
  readonly core: SqliteCore;
  readonly clock: VirtualClock;
  /** What the engine reported to the operator. */
  readonly errors: Error[];
  /** May be replaced at any time. */
  readonly faults: {
    beforeCommit: Required<DirectHooks>['beforeCommit'];
    afterCommit: Required<DirectHooks>['afterCommit'];
  };
  /** All batches that were given to the store. */
  readonly batches: CommitBatch[];
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const clock = options.clock ?? createVirtualClock(T0);
  const core = options.core ?? openCore(new DatabaseSync(':memory:'), { deploymentId: 'test00000000' });
  const errors: Error[] = [];
  const batches: CommitBatch[] = [];
  const faults: Rig['faults'] = { beforeCommit: () => undefined, afterCommit: () => undefined };
  const store = createDirectStore(core, {
    beforeCommit: (batch) => {
      batches.push(batch);
      return faults.beforeCommit(batch);
    },
    afterCommit: (batch) => faults.afterCommit(batch),
  });
  const prng = createPrng(options.core === undefined ? 1 : 2);
  const engine = await Engine.open({
    store,
    clock,
    prng,
    ids: { next: () => prng.uuid() },
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    hooks: { onError: (error) => errors.push(error) },
  });
  if (options.hosts !== undefined) {
    const { hosts, flavors = [] } = options;
    await engine.command('test', { type: 'inventory.observed', providerId: PROVIDER, hosts, flavors });
  }
  return { engine, store, core, clock, errors, faults, batches };
}
