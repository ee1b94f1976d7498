/** What every store must do, whatever it is made of. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import type { Claim } from '../../src/domain/model/claim.ts';
import type { Change } from '../../src/domain/model/entities.ts';
import type { LeaseState } from '../../src/domain/model/lease.ts';
import { newProject } from '../../src/domain/model/project.ts';
import type { CommitBatch, EventQuery, LoadedState, Store } from '../../src/engine/ports.ts';
import {
  active,
  batchMaker,
  ended,
  NOW_MS,
  PROVIDER,
  put,
  putHost,
  sampleDevice,
  sampleEvent,
  sampleHost,
  sampleLease,
  slotClaim,
  starting,
  unitClaim,
  unitHost,
} from './store-samples.ts';
import { describeUsage } from './store-usage.ts';
import { limited } from '../support/worlds.ts';

/** One database that can be opened several times, at once or one after the other. */
export interface StoreFixture {
  open(): Promise<Store>;
  /** Runs a statement as an operator with a shell would. */
  sql(statement: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  destroy(): Promise<void>;
}

export const ALL_EVENTS: EventQuery = {
  afterSeq: 0,
  limit: 100,
  projectId: null,
  leaseId: null,
  type: null,
  newestFirst: false,
};

export function describeStore(title: string, createFixture: () => Promise<StoreFixture>): void {
  describe(title, () => {
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

    test('a new store is empty, has a deployment id, and says that it is new', async () => {
      expect(loaded).toMatchObject({ revision: 0, eventSeq: 0, lastCommitAtMs: 0, epoch: 1, created: true });
      expect(loaded.snapshot.control).toMatchObject({ freeze: null, mode: { kind: 'act' }, queueSeq: 0 });
      const { deploymentId } = loaded.snapshot.control;
      expect(deploymentId).not.toBe('');
      await store.close();
      store = await fixture.open();
      expect((await reload()).snapshot.control.deploymentId).toBe(deploymentId);
    });

    test('every kind of entity comes back as it was written', async () => {
      const written = everyEntity();
      await store.commit(batch(written, [sampleEvent(1), sampleEvent(2)]));
      await store.close();
      store = await fixture.open();
      const after = await reload();
      expect(after).toMatchObject({ revision: 1, eventSeq: 2, lastCommitAtMs: NOW_MS + 1, created: false });
      const { control, ...lists } = after.snapshot;
      expect(control).toEqual(written.find(({ entity }) => entity === 'control')?.after);
      for (const [list, entity] of Object.entries(KINDS)) {
        const wanted = written.filter((change) => change.entity === entity).map((change) => change.after);
        expect(wanted.length, entity).toBeGreaterThan(0);
        expect(lists[list as keyof typeof lists], entity).toEqual(wanted);
      }
    });

    test('the last change of an entity counts, and null removes it', async () => {
      const project = { ...newProject(asId('p1'), 'one'), ...limited({ gpus: 1, gpuHoursPerMonth: 500 }) };
      const putProject = (name: string): Change => ({
        entity: 'project',
        id: 'p1',
        after: { ...project, name },
      });
      await commit(putProject('one'), putProject('two'));
      expect((await reload()).snapshot.projects).toEqual([{ ...project, name: 'two' }]);
      await commit(putProject('three'), { entity: 'project', id: 'p1', after: null });
      expect((await reload()).snapshot.projects).toEqual([]);
    });

    describe('constraints', () => {
      const refused = { name: 'StoreError', code: 'refused' };
      const cards = [
        sampleDevice('d1', { iommuGroup: 'g' }),
        sampleDevice('d2', { iommuGroup: 'g' }),
        sampleDevice('d3'),
      ];
      beforeEach(() => commit(putHost(sampleHost('h1')), putHost(unitHost('h2', cards))));

      test('a device is in one claim at most, and a refused batch leaves nothing', async () => {
        await commit(lease('l1', unitClaim('h2', ['d3'])));
        const twice = batch(
          [putHost(sampleHost('h9')), lease('l2', unitClaim('h2', ['d3']))],
          [sampleEvent(1)],
        );
        await expect(store.commit(twice)).rejects.toMatchObject(refused);
        expect(await store.hasBatch(twice.batchId)).toBe(false);
        expect(await store.readEvents(ALL_EVENTS)).toEqual([]);
        const after = await reload();
        expect(after.snapshot.leases.map(({ id }) => id)).toEqual(['l1']);
        expect(after.snapshot.hosts.map(({ id }) => id)).toEqual(['h1', 'h2']);
      });

      test('an IOMMU group goes to one lease', async () => {
        await commit(lease('l1', unitClaim('h2', ['d1'])));
        await expect(commit(lease('l2', unitClaim('h2', ['d2'])))).rejects.toMatchObject(refused);
        await reload();
        await commit(put(sampleLease('l1', ended(NOW_MS))), lease('l2', unitClaim('h2', ['d1', 'd2'])));
      });

      test('a device passes from one lease to another within a batch, in any order of changes', async () => {
        await commit(lease('l1', unitClaim('h2', ['d3'])));
        await commit(lease('l2', unitClaim('h2', ['d3'])), put(sampleLease('l1', ended(NOW_MS))));
        const { snapshot } = await reload();
        expect(snapshot.leases.map(({ id }) => id)).toEqual(['l2']);
      });

      test('capacity is not overdrawn by a grant', async () => {
        await commit(lease('l1', slotClaim('h1', 3)));
        await expect(commit(lease('l2', slotClaim('h1', 2)))).rejects.toMatchObject(refused);
        await reload();
        await commit(lease('l2', slotClaim('h1', 1)));
      });

      test('a grant on a host that nobody knows is refused', async () => {
        await expect(commit(lease('l1', slotClaim('nowhere', 1)))).rejects.toMatchObject(refused);
      });

      test('what instances outside use is not there for grants', async () => {
        const foreign = { ...sampleHost('h1').foreign, devices: { V100: 3 } };
        await commit(putHost(sampleHost('h1', { foreign })), lease('l1', slotClaim('h1', 1)));
        await expect(commit(lease('l2', slotClaim('h1', 1)))).rejects.toMatchObject(refused);
      });

      test('facts may overdraw: fewer devices seen, or a server where none was expected', async () => {
        await commit(lease('l1', slotClaim('h1', 4)));
        await commit(put(sampleLease('l2', active(slotClaim('h1', 1, false)))));
        await commit(putHost(sampleHost('h1', { slots: { V100: 2 } })));
        await commit(lease('l1', { ...slotClaim('h1', 4), untilMs: NOW_MS + 1 }));
        await expect(commit(lease('l3', slotClaim('h1', 1)))).rejects.toMatchObject(refused);
        await reload();
        await commit(put(sampleLease('l1', ended(NOW_MS))), lease('l3', slotClaim('h1', 1)));
        await expect(commit(lease('l4', slotClaim('h1', 1)))).rejects.toMatchObject(refused);
      });

      test('a grant counts against the capacity that it was decided on, shrunk later or not', async () => {
        const shrunk = putHost(sampleHost('h1', { slots: { V100: 1 } }));
        await commit(
          putHost(sampleHost('h1', { slots: { V100: 8 } })),
          lease('l1', slotClaim('h1', 8)),
          shrunk,
        );
        await expect(commit(lease('l2', slotClaim('h1', 1)))).rejects.toMatchObject(refused);
      });

      test('a server that is seen where a grant of the same batch went does not refuse the grant', async () => {
        await commit(putHost(sampleHost('h3')), lease('l1', slotClaim('h3', 1)));
        const located = put(sampleLease('l1', active(slotClaim('h1', 1, false))));
        await commit(lease('l2', slotClaim('h1', 4)), located);
        expect((await reload()).snapshot.leases.map(({ id }) => id)).toEqual(['l1', 'l2']);
      });

      test('a reserved window holds nothing until it starts', async () => {
        const reserved: LeaseState = { kind: 'reserved', claim: slotClaim('h1', 4) };
        await commit(put(sampleLease('l1', reserved)), lease('l2', slotClaim('h1', 4)));
        await expect(commit(lease('l1', slotClaim('h1', 4)))).rejects.toMatchObject(refused);
      });
    });

    test('a host and its cards go; a card moves to another host', async () => {
      const card = sampleDevice('d1');
      await commit(putHost(unitHost('h1', [card])), putHost(unitHost('h2', [])));
      await commit(putHost(unitHost('h2', [card])), putHost(unitHost('h1', [])));
      expect(await fixture.sql('SELECT id, host_id FROM devices')).toEqual([{ id: 'd1', host_id: 'h2' }]);
      await commit({ entity: 'host', id: 'h2', after: null });
      expect(await fixture.sql('SELECT id FROM devices')).toEqual([]);
      expect(await fixture.sql('SELECT host_id FROM host_capacity')).toEqual([]);
    });

    test('the newest load fences every earlier one', async () => {
      const old = batch([putHost(sampleHost('h1'))]);
      const other = await fixture.open();
      const theirs = await other.load();
      expect(theirs.epoch).toBe(loaded.epoch + 1);
      await expect(store.commit(old)).rejects.toMatchObject({ name: 'StoreError', code: 'fenced' });
      await other.commit(batchMaker(theirs)([putHost(sampleHost('h2'))]));
      expect((await reload()).snapshot.hosts.map(({ id }) => id)).toEqual(['h2']);
    });

    test('a batch can be looked up by its id, and is written once', async () => {
      const first = batch([]);
      expect(await store.hasBatch(first.batchId)).toBe(false);
      await store.commit(first);
      expect(await store.hasBatch(first.batchId)).toBe(true);
      await expect(store.commit(first)).rejects.toMatchObject({ code: 'refused' });
    });

    test('events are read by position, project, lease and type, both ways', async () => {
      const events = [
        sampleEvent(1),
        sampleEvent(2, { id: 'l2', type: 'lease.ended' }),
        sampleEvent(3, {
          id: 'l2',
          projectId: asId('p2'),
          reason: null,
          before: null,
          after: null,
          data: {},
        }),
        sampleEvent(4, { entity: 'host', id: 'h1', projectId: null, type: 'host.drained' }),
      ];
      await store.commit(batch([], events));
      const seqs = async (query: Partial<EventQuery>): Promise<readonly number[]> =>
        (await store.readEvents({ ...ALL_EVENTS, ...query })).map(({ seq }) => seq);
      expect(await store.readEvents(ALL_EVENTS)).toEqual(events);
      expect(await seqs({ afterSeq: 1, limit: 2 })).toEqual([2, 3]);
      expect(await seqs({ newestFirst: true, limit: 2 })).toEqual([4, 3]);
      expect(await seqs({ projectId: asId('p1') })).toEqual([1, 2, 4]);
      expect(await seqs({ leaseId: asId('l2') })).toEqual([2, 3]);
      expect(await seqs({ type: 'lease.ended', leaseId: asId('l2'), projectId: asId('p1') })).toEqual([2]);
    });

    test('events have no gaps and nobody changes or removes one', async () => {
      await store.commit(batch([], [sampleEvent(1)]));
      await expect(store.commit(batch([], [sampleEvent(3)]))).rejects.toMatchObject({ code: 'refused' });
      await expect(fixture.sql("UPDATE events SET actor = 'nobody'")).rejects.toThrow(/append-only/);
      await expect(fixture.sql('DELETE FROM events')).rejects.toThrow(/append-only/);
    });

    describeUsage({ store: () => store, commit, sql: (statement) => fixture.sql(statement) });

    test('ended leases leave the snapshot and are paged newest first', async () => {
      const leases = [1, 2, 3, 4].map((n) =>
        sampleLease(`l${n}`, ended(NOW_MS + n), { projectId: asId(n === 4 ? 'p2' : 'p1') }),
      );
      await commit(
        ...leases.map(put),
        put(sampleLease('live', { kind: 'shelved', sinceMs: NOW_MS, keepUntilMs: null, warnedMs: null })),
      );
      expect((await reload()).snapshot.leases.map(({ id }) => id)).toEqual(['live']);
      const page = async (projectId: string | null, beforeMs: number | null): Promise<readonly string[]> =>
        (
          await store.readEndedLeases({
            projectId: projectId === null ? null : asId(projectId),
            beforeMs,
            limit: 2,
          })
        ).map(({ id }) => id);
      expect(await page(null, null)).toEqual(['l4', 'l3']);
      expect(await page(null, NOW_MS + 3)).toEqual(['l2', 'l1']);
      expect(await page('p1', null)).toEqual(['l3', 'l2']);
      expect(await store.readLease(asId('l2'))).toEqual(leases[1]);
      expect(await store.readLease(asId('live'))).toMatchObject({ id: 'live' });
      expect(await store.readLease(asId('never'))).toBeNull();
      expect((await store.findLeases('l', 2)).map(({ id }) => id)).toEqual(['l1', 'l2']);
      expect(await store.findLeases('never', 2)).toEqual([]);
    });

    test('an intent is remembered after it is closed, even within the batch that opened it', async () => {
      await commit(intent('i1', 'l1'), intent('i2', 'l2'), { entity: 'intent', id: 'i2', after: null });
      expect((await reload()).snapshot.intents.map(({ id }) => id)).toEqual(['i1']);
      await commit({ entity: 'intent', id: 'i1', after: null });
      expect((await reload()).snapshot.intents).toEqual([]);
      expect(await store.hasIntent(asId('l1'))).toBe(true);
      expect(await store.hasIntent(asId('l2'))).toBe(true);
      expect(await store.hasIntent(asId('l3'))).toBe(false);
    });

    test('after a failed commit the store loads again and goes on', async () => {
      await commit(putHost(sampleHost('h1')));
      await expect(commit(put(sampleLease('l1', starting(slotClaim('h1', 9)))))).rejects.toThrow(/overdrawn/);
      const { epoch } = loaded;
      expect((await reload()).epoch).toBe(epoch + 1);
      await commit(put(sampleLease('l1', starting(slotClaim('h1', 4)))));
      expect((await reload()).snapshot.leases).toHaveLength(1);
    });

    test('a closed store says so', async () => {
      await store.close();
      await expect(store.load()).rejects.toMatchObject({ name: 'StoreError', code: 'closed' });
      await expect(commit()).rejects.toMatchObject({ code: 'closed' });
    });
  });
}

function lease(id: string, claim: Claim): Change {
  return put(sampleLease(id, starting(claim)));
}

function intent(id: string, leaseId: string): Change {
  const after = { id: asId<'intent'>(id), leaseId: asId<'lease'>(leaseId), step: 'createPort' };
  return { entity: 'intent', id, after: { ...after, openedAtMs: NOW_MS, timeoutMs: 60_000 } };
}

/** The snapshot's lists and the entity that each holds. */
const KINDS = {
  hosts: 'host',
  flavors: 'flavor',
  projects: 'project',
  leases: 'lease',
  intents: 'intent',
  tokens: 'token',
  findings: 'finding',
  idempotency: 'idempotency',
} as const;

/** At least one of each kind, and a live lease in each state, in the order in which a snapshot lists them. */
function everyEntity(): readonly Change[] {
  const claim = slotClaim('h1', 1);
  const states: readonly LeaseState[] = [
    { kind: 'reserved', claim: { ...claim, fromMs: NOW_MS + 1 } },
    { kind: 'queued', sinceMs: NOW_MS, queueSeq: 3, waitUntilMs: null, promise: null, comeback: true },
    starting(claim),
    active(claim),
    { kind: 'shelving', sinceMs: NOW_MS, claim, reason: 'asked', again: null },
    { kind: 'shelved', sinceMs: NOW_MS, keepUntilMs: null, warnedMs: null },
    {
      kind: 'ending',
      sinceMs: NOW_MS,
      claim: null,
      then: { kind: 'requeue', queueSeq: 7, waitUntilMs: null },
    },
    { kind: 'ending', sinceMs: NOW_MS, claim, then: { kind: 'end', reason: 'expired', cause: null } },
  ];
  const setback = {
    atMs: NOW_MS,
    code: 'no_valid_host',
    message: 'größer als erlaubt ✓',
    hostId: asId<'host'>('h1'),
  };
  return [
    putHost(sampleHost('h1')),
    putHost(
      unitHost('h2', [
        sampleDevice('d1'),
        sampleDevice('d2', { parentId: asId('d1'), quarantine: 'ECC errors' }),
      ]),
    ),
    ...states.map((state, index) =>
      put(sampleLease(`l${index}`, state, { setbacks: index === 0 ? [setback] : [] })),
    ),
    {
      entity: 'flavor',
      id: 'p:f1',
      after: {
        id: asId('p:f1'),
        externalId: 'f1',
        providerId: PROVIDER,
        name: 'gpu.v100',
        description: "one 'V100'",
        resources: claim.resources,
        devices: { V100: 1 },
        scratchGiB: 0,
        disabled: false,
        position: 1,
        misconfigured: null,
        reported: true,
      },
    },
    {
      entity: 'project',
      id: 'p1',
      after: { ...newProject(asId('p1'), 'one'), ...limited({ gpusByClass: { V100: 4 } }), servedSeq: 12 },
    },
    {
      entity: 'intent',
      id: 'i1',
      after: {
        id: asId('i1'),
        leaseId: asId('l2'),
        step: 'createServer',
        openedAtMs: NOW_MS,
        timeoutMs: 60_000,
      },
    },
    {
      entity: 'token',
      id: 't1',
      after: {
        id: asId('t1'),
        name: 'ci',
        secretHash: 'ab'.repeat(32),
        projectId: asId('p1'),
        role: 'member',
        createdAtMs: NOW_MS,
        createdBy: 'user:u1@p1',
        expiresAtMs: NOW_MS + 86_400_000,
      },
    },
    {
      entity: 'finding',
      id: 'x1',
      after: {
        id: asId('x1'),
        code: 'orphan',
        subject: 'server/s1',
        message: 'nobody owns it',
        sinceMs: NOW_MS,
      },
    },
    {
      entity: 'idempotency',
      id: 'p1:u1:key',
      after: {
        id: 'p1:u1:key',
        requestHash: 'cd'.repeat(32),
        reply: { leases: ['l1'] },
        expiresAtMs: NOW_MS,
      },
    },
    {
      entity: 'control',
      id: 'control',
      after: {
        deploymentId: 'dep',
        freeze: { sinceMs: NOW_MS, reason: 'power works', actor: 'user:admin@ops' },
        clockDoubt: null,
        mode: { kind: 'observe', reason: 'to try it' },
        monthFromMs: NOW_MS,
        queueSeq: 8,
        grantSeq: 12,
        eventFloor: null,
      },
    },
  ];
}
