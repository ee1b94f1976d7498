/** Events around a COMMIT whose answer was lost: numbered without gap, and told once each. */
import { expect, test } from 'vitest';
import { startRig, type Rig } from '../../test/support/engine-rig.ts';
import { create, flavor, slotHost } from '../../test/support/worlds.ts';
import { StoreError, type StoredEvent } from './ports.ts';

const ALL = { afterSeq: 0, limit: 1000, projectId: null, leaseId: null, type: null, newestFirst: false };

const FATES = ['answered', 'there, in doubt', 'not there, in doubt', 'refused'] as const;

/** Gives the next batch its fate. */
function doom({ faults }: Rig, fate: (typeof FATES)[number]): void {
  const once = (point: 'beforeCommit' | 'afterCommit', code: 'in_doubt' | 'refused'): void => {
    faults[point] = () => {
      faults[point] = () => undefined;
      throw new StoreError(code, fate);
    };
  };
  if (fate === 'there, in doubt') once('afterCommit', 'in_doubt');
  if (fate === 'not there, in doubt') once('beforeCommit', 'in_doubt');
  if (fate === 'refused') once('beforeCommit', 'refused');
}

test('whatever becomes of each batch, subscribers are told what the store has, each event once', async () => {
  const rig = await startRig({ hosts: [slotHost('s1', { V100: 4 })], flavors: [flavor('one', { V100: 1 })] });
  const { engine, store } = rig;
  const startSeq = (await store.readEvents(ALL)).at(-1)?.seq ?? 0;
  const told: StoredEvent[] = [];
  engine.subscribe((_changes, events) => told.push(...events));
  const answered: string[] = [];
  // Each fate after each other one.
  for (const [round, before] of FATES.entries()) {
    for (const [turn, after] of FATES.entries()) {
      for (const [index, fate] of [before, after].entries()) {
        const id = `l${round}-${turn}-${index}`;
        doom(rig, fate);
        const [outcome] = await Promise.allSettled([
          engine.command('test', create(id, 'one')),
          engine.command('test', create(`${id}b`, 'one')),
        ]);
        if (outcome?.status === 'fulfilled' && outcome.value.ok) answered.push(id);
      }
    }
  }
  const stored = await store.readEvents(ALL);
  expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_event, index) => index + 1));
  expect(told).toEqual(stored.filter(({ seq }) => seq > startSeq));
  const requested = stored.filter(({ type }) => type === 'lease.requested').map(({ id }) => id);
  expect(requested).toEqual(answered.flatMap((id) => [id, `${id}b`]));
  expect(answered).toHaveLength(FATES.length * FATES.length);
  expect(engine.stats.reloads).toBe(FATES.length * 6);
});
