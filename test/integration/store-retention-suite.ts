/** What every store must do with records that have been kept for long enough. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import type { Change } from '../../src/domain/model/entities.ts';
import type { CommitBatch, LoadedState, Store } from '../../src/engine/ports.ts';
import { batchMaker, ended, NOW_MS, put, sampleEvent, sampleLease } from './store-samples.ts';
import { ALL_EVENTS, type StoreFixture } from './store-suite.ts';

export function describeRetention(title: string, createFixture: () => Promise<StoreFixture>): void {
  describe(`${title}: records in time`, () => {
    let fixture: StoreFixture;
    let store: Store;
    let loaded: LoadedState;
    let batch: (changes: readonly Change[], events?: CommitBatch['events']) => CommitBatch;
    const commit = (...changes: readonly Change[]): Promise<void> => store.commit(batch(changes));
    const reload = async (): Promise<LoadedState> => {
      loaded = await store.load();
      batch = batchMaker(loaded);
      return loaded;
    };

    beforeEach(async () => {
      fixture = await createFixture();
      store = await fixture.open();
      await reload();
    });
    afterEach(() => fixture.destroy());

    test('what has been kept for long enough is found, the oldest first, and goes with its intents', async () => {
      const opened: Change = {
        entity: 'intent',
        id: 'i1',
        after: { id: asId('i1'), leaseId: asId('l1'), step: 'createPort', openedAtMs: NOW_MS, timeoutMs: 1 },
      };
      const closed: Change = { entity: 'intent', id: 'i1', after: null };
      await store.commit(
        batch(
          [...[1, 2, 3].map((n) => put(sampleLease(`l${n}`, ended(NOW_MS + n)))), opened, closed],
          [1, 2, 3, 4].map((seq) => sampleEvent(seq, { atMs: NOW_MS + seq })),
        ),
      );
      const before = { endedBeforeMs: NOW_MS + 3, eventsBeforeMs: NOW_MS + 3, limit: 10 };
      const expired = await store.readExpired(before);
      expect(expired).toEqual({ leaseIds: ['l1', 'l2'], eventFloor: { seq: 2, atMs: NOW_MS + 2 } });
      expect(await store.readExpired({ ...before, limit: 1 })).toEqual({
        leaseIds: ['l1'],
        eventFloor: { seq: 1, atMs: NOW_MS + 1 },
      });
      expect(await store.readExpired({ endedBeforeMs: null, eventsBeforeMs: null, limit: 10 })).toEqual({
        leaseIds: [],
        eventFloor: null,
      });
      // However old they are, the newest stays: it says how far the numbers have come.
      const all = await store.readExpired({ ...before, eventsBeforeMs: NOW_MS + 100 });
      expect(all.eventFloor?.seq).toBe(3);
      const removed = expired.leaseIds.map((id): Change => ({ entity: 'lease', id, after: null }));
      const { control } = loaded.snapshot;
      await store.commit(
        batch(
          [
            ...removed,
            { entity: 'control', id: 'control', after: { ...control, eventFloor: expired.eventFloor } },
          ],
          [sampleEvent(5)],
        ),
      );
      expect((await store.readEvents(ALL_EVENTS)).map(({ seq }) => seq)).toEqual([3, 4, 5]);
      expect(await store.readLease(asId('l1'))).toBeNull();
      expect(await store.readLease(asId('l3'))).not.toBeNull();
      expect(await store.hasIntent(asId('l1'))).toBe(false);
      expect((await reload()).snapshot.control.eventFloor).toEqual(expired.eventFloor);
    });

    test('nothing else is ever removed', async () => {
      const live = put(
        sampleLease('live', { kind: 'shelved', sinceMs: NOW_MS, keepUntilMs: null, warnedMs: null }),
      );
      const open: Change = {
        entity: 'intent',
        id: 'i1',
        after: { id: asId('i1'), leaseId: asId('live'), step: 'shelve', openedAtMs: NOW_MS, timeoutMs: 1 },
      };
      await store.commit(
        batch(
          [live, open],
          [1, 2, 3].map((seq) => sampleEvent(seq)),
        ),
      );
      const { control } = loaded.snapshot;
      const floor = (seq: number): Change => ({
        entity: 'control',
        id: 'control',
        after: { ...control, eventFloor: { seq, atMs: NOW_MS } },
      });
      const refused = { code: 'refused' };
      await expect(commit({ entity: 'lease', id: 'live', after: null })).rejects.toMatchObject(refused);
      await expect(commit(floor(3))).rejects.toMatchObject(refused);
      await commit(floor(2));
      // A floor that was raised stays where it is, whatever an older record says.
      await commit(floor(1));
      expect((await store.readEvents(ALL_EVENTS)).map(({ seq }) => seq)).toEqual([3]);
      await expect(fixture.sql('DELETE FROM events')).rejects.toThrow(/append-only/);
      await expect(fixture.sql('DELETE FROM intents')).rejects.toThrow(/without its intent/);
      await expect(fixture.sql('DELETE FROM leases')).rejects.toThrow(/has ended|without its intent/);
      await expect(fixture.sql('UPDATE event_floor SET seq = 0')).rejects.toThrow(/only rises/);
      await expect(store.commit(batch([], [sampleEvent(5)]))).rejects.toMatchObject(refused);
      await store.commit(batch([], [sampleEvent(4)]));
    });
  });
}
