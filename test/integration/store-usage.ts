/** What any store must do with records of usage: a part of the suite. */
import { describe, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import type { Change } from '../../src/domain/model/entities.ts';
import { newProject } from '../../src/domain/model/project.ts';
import { usageId, type UsageRecord } from '../../src/domain/model/usage.ts';
import { newControl } from '../../src/store/control.ts';
import type { Store, UsageQuery, UsageSum } from '../../src/engine/ports.ts';
import { limited } from '../support/worlds.ts';
import { active, ended, NOW_MS, put, putHost, sampleHost, sampleLease, slotClaim } from './store-samples.ts';

const HOUR_MS = 3_600_000;

interface Opened {
  store(): Store;
  commit(...changes: readonly Change[]): Promise<void>;
  sql(statement: string): Promise<unknown>;
}

function record(leaseId: string, more: Partial<UsageRecord> = {}): Change {
  const after: UsageRecord = {
    leaseId: asId(leaseId),
    holding: 4,
    leaseName: 'training',
    projectId: asId('p1'),
    projectName: 'one',
    ownerId: 'ada',
    flavorId: asId('f1'),
    flavorName: 'gpu.v100',
    purpose: 'interactive',
    devices: { V100: 2 },
    fromMs: NOW_MS,
    untilMs: NOW_MS + HOUR_MS,
    ...more,
  };
  return { entity: 'usage', id: usageId(after), after };
}

const ALL: UsageQuery = {
  fromMs: NOW_MS - 1000 * HOUR_MS,
  untilMs: NOW_MS + 1000 * HOUR_MS,
  projectId: null,
  ownerId: null,
  by: [],
  withRunning: false,
  limit: 1000,
};

export function describeUsage(opened: Opened): void {
  const sums = async (query: Partial<UsageQuery>): Promise<readonly UsageSum[]> => {
    const found = await opened.store().sumUsage({ ...ALL, ...query });
    return found.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  };
  const total = async (query: Partial<UsageQuery>): Promise<number> => (await sums(query))[0]?.deviceMs ?? 0;

  describe('usage', () => {
    test('is summed by what is asked for, and told with names', async () => {
      await opened.commit(
        record('l1'),
        record('l1', { holding: 9, fromMs: NOW_MS + HOUR_MS, untilMs: NOW_MS + 2 * HOUR_MS }),
        record('l2', { ownerId: 'bob', purpose: 'ci', devices: { A100: 1, V100: 1 } }),
        record('l3', { projectId: asId('p2'), projectName: 'two', untilMs: NOW_MS + 1 }),
      );
      expect(await total({})).toBe(6 * HOUR_MS + 2);
      const nothing = { projectName: null, ownerId: null, flavorId: null, flavorName: null, purpose: null };
      expect(await sums({ by: ['class'] })).toEqual([
        { projectId: null, ...nothing, deviceClass: 'A100', deviceMs: HOUR_MS },
        { projectId: null, ...nothing, deviceClass: 'V100', deviceMs: 5 * HOUR_MS + 2 },
      ]);
      expect(await sums({ by: ['project', 'user', 'flavor', 'purpose'] })).toMatchObject([
        {
          projectId: 'p1',
          projectName: 'one',
          ownerId: 'ada',
          purpose: 'interactive',
          deviceMs: 4 * HOUR_MS,
        },
        { projectId: 'p1', ownerId: 'bob', flavorName: 'gpu.v100', purpose: 'ci', deviceMs: 2 * HOUR_MS },
        { projectId: 'p2', projectName: 'two', ownerId: 'ada', deviceMs: 2 },
      ]);
      expect(await total({ projectId: asId('p2') })).toBe(2);
      expect(await total({ projectId: asId('p1'), ownerId: 'bob' })).toBe(2 * HOUR_MS);
      const ids = ['l1', 'l3', 'none'].map((id) => asId<'lease'>(id));
      expect(await opened.store().readUsed(ids)).toEqual(
        new Map([
          ['l1', 4 * HOUR_MS],
          ['l3', 2],
        ]),
      );
      expect(await sums({ by: ['user'], limit: 1 })).toHaveLength(1);
    });

    test('is cut at the edges of the interval, to the millisecond, however long before it began', async () => {
      await opened.commit(
        record('long', {
          fromMs: NOW_MS - 500 * HOUR_MS,
          untilMs: NOW_MS + 500 * HOUR_MS,
          devices: { V100: 1 },
        }),
        record('short', { fromMs: NOW_MS + 7, untilMs: NOW_MS + 9, devices: { V100: 1 } }),
      );
      expect(await total({ fromMs: NOW_MS + 8, untilMs: NOW_MS + 1000 })).toBe(992 + 1);
      expect(await total({ fromMs: NOW_MS + 9, untilMs: NOW_MS + 10 })).toBe(1);
      expect(await total({ fromMs: NOW_MS + 500 * HOUR_MS })).toBe(0);
      expect(await sums({ untilMs: NOW_MS - 500 * HOUR_MS })).toEqual([]);
    });

    test('counts what is held still as if it was given back at the end of the interval', async () => {
      const held = sampleLease('l1', active(slotClaim('h1', 2)), { claimedAtMs: NOW_MS });
      await opened.commit(
        putHost(sampleHost('h1')),
        { entity: 'project', id: 'p1', after: newProject(asId('p1'), 'one') },
        put(held),
      );
      const by: UsageQuery['by'] = ['project', 'class', 'purpose'];
      expect(await sums({ by, withRunning: true, untilMs: NOW_MS + 1000 })).toMatchObject([
        { projectName: 'one', deviceClass: 'V100', purpose: 'ci', deviceMs: 2000 },
      ]);
      expect(await total({ fromMs: NOW_MS + 400, untilMs: NOW_MS + 1000, withRunning: true })).toBe(1200);
      expect(await total({})).toBe(0);
      expect(await sums({ untilMs: NOW_MS, withRunning: true })).toEqual([]);
      await opened.commit(
        put({ ...held, state: ended(NOW_MS + 700), claimedAtMs: null, usedDeviceMs: 1400 }),
        record('l1', { untilMs: NOW_MS + 700 }),
      );
      expect(await total({ withRunning: true })).toBe(1400);
    });

    test('is never changed, nor taken away', async () => {
      await opened.commit(record('l1'));
      await expect(opened.sql('UPDATE usage SET count = 1')).rejects.toThrow(/append-only/);
      await expect(opened.sql('DELETE FROM usage')).rejects.toThrow(/append-only/);
      await expect(opened.commit(record('l1'))).rejects.toMatchObject({ code: 'refused' });
    });
  });
}

/** Statements that fill a store of the first schema: a lease with two times of holding, and one that runs. */
export function oldRows(): readonly string[] {
  const rows: string[] = [];
  const text = (value: unknown): string => `'${JSON.stringify(value)}'`;
  const addLease = (id: string, state: string, usedMs: number, claimedAtMs: number | null): void => {
    const body = { id, request: { demand: { devices: { V100: 2 } }, atEnd: 'shelve' }, usedDeviceMs: usedMs };
    rows.push(
      'INSERT INTO leases (id, project_id, owner_id, name, state, flavor_id, flavor_name, provider_id, ' +
        'generation, created_at_ms, claimed_at_ms, ended_at_ms, used_device_ms, body) VALUES ' +
        `('${id}', 'p1', 'ada', 'old', '${state}', 'f1', 'gpu.v100', 'cloud', 9, 1000, ` +
        `${claimedAtMs ?? 'NULL'}, ${state === 'ended' ? 9000 : 'NULL'}, ${usedMs}, ${text(body)})`,
    );
  };
  let seq = 0;
  const addEvent = (id: string, type: string, atMs: number, after: string): void => {
    rows.push(
      'INSERT INTO events (seq, at_ms, actor, type, entity, entity_id, data, state_after) VALUES ' +
        `(${++seq}, ${atMs}, 'system:timer', '${type}', 'lease', '${id}', '{}', '${after}')`,
    );
  };
  const { monthFromMs: _later, ...control } = newControl('old');
  rows.push(
    "INSERT INTO control (id, deployment_id, mode, frozen, body) VALUES ('control', 'old', 'act', 0, " +
      `${text(control)})`,
  );
  const project = { id: 'p1', name: 'one', quota: { gpus: 4, leases: null }, servedSeq: 3 };
  rows.push(
    `INSERT INTO projects (id, name, quota_gpus, served_seq, body) VALUES ('p1', 'one', 4, 3, ${text(project)})`,
  );
  addLease('l1', 'ended', 2 * (1500 + 2000), null);
  addLease('l2', 'active', 0, 4000);
  addEvent('l1', 'lease.requested', 1000, 'queued');
  addEvent('l1', 'lease.granted', 1500, 'starting');
  addEvent('l1', 'lease.activated', 2000, 'active');
  addEvent('l1', 'lease.shelving', 2500, 'shelving');
  addEvent('l1', 'lease.shelved', 3000, 'shelved');
  addEvent('l1', 'lease.unshelve_requested', 3500, 'queued');
  addEvent('l2', 'lease.granted', 4000, 'starting');
  addEvent('l1', 'lease.granted', 5000, 'starting');
  addEvent('l1', 'lease.released', 6000, 'ending');
  addEvent('l2', 'lease.activated', 6500, 'active');
  addEvent('l1', 'lease.ended', 7000, 'ended');
  return rows;
}

/** What the migrations make of `oldRows`. */
export async function checkMigrated(store: Store): Promise<void> {
  const { snapshot } = await store.load();
  expect(snapshot.projects).toEqual([
    { ...newProject(asId('p1'), 'one'), ...limited({ gpus: 4 }), servedSeq: 3 },
  ]);
  expect(snapshot.leases).toMatchObject([
    {
      id: 'l2',
      ticket: null,
      request: {
        purpose: 'interactive',
        exempt: null,
        demand: { devices: { V100: 2 } },
        renew: false,
        role: 'member',
        scratchGiB: 0,
      },
    },
  ]);
  expect(snapshot.control.monthFromMs).toBeNull();
  const ended1 = await store.readLease(asId('l1'));
  expect(await store.readUsed([asId('l1'), asId('l2')])).toEqual(new Map([['l1', ended1?.usedDeviceMs]]));
  const query: UsageQuery = {
    ...ALL,
    fromMs: 2000,
    untilMs: 6000,
    by: ['project', 'user', 'class', 'flavor'],
  };
  expect(await store.sumUsage(query)).toMatchObject([
    { projectName: 'one', ownerId: 'ada', deviceClass: 'V100', flavorName: 'gpu.v100', deviceMs: 4000 },
  ]);
}
