/** A store that comes back older than what was acknowledged, as after a failover to a standby that lagged. */
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { createPrng } from '../base/prng.ts';
import { DEFAULT_SETTINGS } from '../domain/settings.ts';
import { openCore } from '../store/sqlite/core.ts';
import { createDirectStore } from '../store/sqlite/direct.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { create, flavor, PROVIDER, slotHost, T0 } from '../../test/support/worlds.ts';
import { Engine } from './engine.ts';
import { StoreError, type Store } from './ports.ts';

/** Two stores: what is committed to the first reaches the second too, until `lag`; `failOver` swaps them. */
function pair(): { readonly store: Store; readonly lag: () => void; readonly failOver: () => void } {
  const [primary, standby] = ['primary', 'standby'].map(() =>
    createDirectStore(openCore(new DatabaseSync(':memory:'), { deploymentId: 'test00000000' })),
  ) as [Store, Store];
  let state: 'followed' | 'lagging' | 'dead' | 'over' = 'followed';
  const current = (): Store => (state === 'over' ? standby : primary);
  const store: Store = {
    ...primary,
    load: async () => {
      if (state === 'dead') state = 'over';
      else await standby.load();
      return current().load();
    },
    commit: async (batch) => {
      if (state === 'dead') throw new StoreError('in_doubt', 'the primary is gone');
      await current().commit(batch);
      if (state === 'followed') await standby.commit(batch);
    },
    hasBatch: (batchId) => current().hasBatch(batchId),
    readEvents: (query) => current().readEvents(query),
  };
  return { store, lag: () => void (state = 'lagging'), failOver: () => void (state = 'dead') };
}

interface Opened {
  readonly engine: Engine;
  readonly told: string[];
  readonly borrow: (id: string) => Promise<boolean>;
}

async function open(store: Store): Promise<Opened> {
  const prng = createPrng(1);
  const told: string[] = [];
  const engine = await Engine.open({
    store,
    clock: createVirtualClock(T0),
    prng,
    ids: { next: () => prng.uuid() },
    settings: DEFAULT_SETTINGS,
    hooks: { onRolledBack: (reason) => told.push(reason) },
  });
  const hosts = [slotHost('s1', { V100: 4 })];
  const flavors = [flavor('one', { V100: 1 })];
  await engine.command('test', { type: 'inventory.observed', providerId: PROVIDER, hosts, flavors });
  const borrow = (id: string): Promise<boolean> =>
    engine.command('test', create(id, 'one')).then(
      ({ ok }) => ok,
      () => false,
    );
  return { engine, told, borrow };
}

test('acknowledged commits that are missing after a reload freeze the service before anybody sees it', async () => {
  const { store, lag, failOver } = pair();
  const { engine, told, borrow } = await open(store);
  expect(await borrow('kept')).toBe(true);
  const followedRevision = engine.revision;
  lag();
  expect(await borrow('lost')).toBe(true);
  const acknowledgedRevision = engine.revision;
  failOver();
  const seen: (string | undefined)[] = [];
  engine.onCommit(() => void seen.push(engine.world.control.freeze?.reason));
  expect(await borrow('unanswered')).toBe(false);

  const [reason] = told;
  expect(reason).toContain(`revision ${followedRevision} `);
  expect(reason).toContain(`but ${acknowledgedRevision} and`);
  expect(told).toHaveLength(1);
  // The first look after the reload is at a frozen world already.
  expect(seen).toEqual([reason]);
  expect([...engine.world.leases.keys()]).toEqual(['kept']);
  const query = { afterSeq: 0, limit: 1, projectId: null, leaseId: null, type: null, newestFirst: true };
  expect(await engine.store.readEvents(query)).toMatchObject([
    { type: 'service.frozen', actor: 'system:engine', reason },
  ]);

  expect((await engine.command('test', { type: 'service.thaw' })).ok).toBe(true);
  expect(await borrow('later')).toBe(true);
});

test('a reload that brings all that was acknowledged freezes nothing', async () => {
  const { store, failOver } = pair();
  const { engine, told, borrow } = await open(store);
  expect(await borrow('kept')).toBe(true);
  failOver();
  expect(await borrow('unanswered')).toBe(false);
  expect(told).toEqual([]);
  expect(engine.world.control.freeze).toBeNull();
  expect([...engine.world.leases.keys()]).toEqual(['kept']);
});
