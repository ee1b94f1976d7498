/**
 * Durable grants per second: what SQLite itself manages (the same rows, prepared statements, one thread,
 * nothing around it) against the store (planning, a message to the writer thread, checks, the answer).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../src/base/clock.ts';
import { asId } from '../src/base/ids.ts';
import { createPrng, type Prng } from '../src/base/prng.ts';
import type { Change } from '../src/domain/model/entities.ts';
import { newProject } from '../src/domain/model/project.ts';
import type { CommitBatch, StoredEvent } from '../src/engine/ports.ts';
import { openCore } from '../src/store/sqlite/core.ts';
import { planWrite, type WritePlan } from '../src/store/plan.ts';
import { openSqliteStore } from '../src/store/sqlite/store.ts';
import {
  put,
  putHost,
  NOW_MS,
  sampleDevice,
  sampleEvent,
  sampleLease,
  starting,
  unitClaim,
  unitHost,
} from '../test/integration/store-samples.ts';

export interface StoreBenchOptions {
  readonly grants: number;
  /** Grants per commit. */
  readonly groupSize: number;
  /** Added to each COMMIT of the store and of the bare loop alike, ms. */
  readonly commitDelayMs: number;
  readonly seed: number;
}

export interface StoreBenchResult {
  readonly bareGrantsPerSecond: number;
  readonly storeGrantsPerSecond: number;
  /** store / bare. */
  readonly ratio: number;
  /**
   * Of the time that the store took, what the calling thread spent before it could go on, ms per commit.
   */
  readonly callerMsPerCommit: number;
}

export const STORE_BENCH_DEFAULTS: StoreBenchOptions = {
  grants: 20_000,
  groupSize: 100,
  commitDelayMs: 0,
  seed: 1,
};

const CARDS_PER_HOST = 8;
const PROJECTS = 50;

/** Both on fresh databases in the temporary folder, one after the other, with the same batches. */
export async function benchStore(
  options: StoreBenchOptions = STORE_BENCH_DEFAULTS,
): Promise<StoreBenchResult> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-store-'));
  try {
    const bareMs = measureBare(join(dir, 'bare.sqlite'), options);
    const store = await measureStore(join(dir, 'store'), options);
    return {
      bareGrantsPerSecond: (options.grants / bareMs) * 1000,
      storeGrantsPerSecond: (options.grants / store.totalMs) * 1000,
      ratio: bareMs / store.totalMs,
      callerMsPerCommit: (store.callerMs * options.groupSize) / options.grants,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measureStore(
  dir: string,
  options: StoreBenchOptions,
): Promise<{ readonly totalMs: number; readonly callerMs: number }> {
  const prng = createPrng(options.seed);
  const store = await openSqliteStore({
    dir,
    version: 'bench',
    clock: systemClock,
    ids: { next: () => prng.uuid() },
    commitDelayMs: options.commitDelayMs,
  });
  const { epoch } = await store.load();
  const [first, ...batches] = makeBatches(options, epoch);
  if (first !== undefined) await store.commit(first);
  let callerMs = 0;
  const startMs = systemClock.monotonicMs();
  for (const batch of batches) {
    const beforeMs = systemClock.monotonicMs();
    const committed = store.commit(batch);
    callerMs += systemClock.monotonicMs() - beforeMs;
    await committed;
  }
  const totalMs = systemClock.monotonicMs() - startMs;
  await store.close();
  return { totalMs, callerMs };
}

function measureBare(path: string, options: StoreBenchOptions): number {
  const db = new DatabaseSync(path);
  const core = openCore(db, { deploymentId: 'bench' });
  const { epoch } = core.load();
  const [first, ...rest] = makeBatches(options, epoch);
  if (first !== undefined) core.commit(planWrite(first));
  const plans = rest.map(planWrite);
  const write = bareWriter(db);
  const never = new Int32Array(new SharedArrayBuffer(4));
  const startMs = systemClock.monotonicMs();
  for (const plan of plans) {
    db.exec('BEGIN IMMEDIATE');
    write(plan);
    if (options.commitDelayMs > 0) Atomics.wait(never, 0, 0, options.commitDelayMs);
    db.exec('COMMIT');
  }
  const totalMs = systemClock.monotonicMs() - startMs;
  core.close();
  return totalMs;
}

/** Nothing but the inserts that a grant needs. */
export function bareWriter(db: DatabaseSync): (plan: WritePlan) => void {
  const insert = (table: string, columns: number): ReturnType<DatabaseSync['prepare']> =>
    db.prepare(
      `INSERT OR REPLACE INTO ${table} VALUES (${Array.from({ length: columns }, () => '?').join(', ')})`,
    );
  const lease = insert('leases', 20);
  const claim = insert('claims', 11);
  const claimClass = insert('claim_classes', 6);
  const claimDevice = insert('claim_devices', 4);
  const plain = { project: insert('projects', 6), control: insert('control', 5) };
  const event = insert('events', 11);
  const batch = insert('batches', 4);
  let eventSeq = 0;
  return (plan) => {
    for (const rows of plan.leases) {
      lease.run(...rows.lease);
      if (rows.claim === null) continue;
      claim.run(...rows.claim.claim);
      for (const row of rows.claim.classes) claimClass.run(...row);
      for (const row of rows.claim.devices) claimDevice.run(...row);
    }
    for (const { entity, puts } of plan.plain) {
      if (entity !== 'project' && entity !== 'control') continue;
      for (const row of puts) plain[entity].run(...row);
    }
    for (const row of plan.events) event.run(...row);
    eventSeq += plan.events.length;
    batch.run(plan.revision, plan.batchId, eventSeq, plan.atMs);
  };
}

/** The first batch brings the hosts; each of the others grants one group, as the engine would write it. */
export function makeBatches(
  { grants, groupSize, seed }: StoreBenchOptions,
  epoch: number,
): readonly CommitBatch[] {
  const prng = createPrng(seed);
  const hosts = Array.from({ length: Math.ceil(grants / CARDS_PER_HOST) }, (_, host) =>
    unitHost(
      `host-${host}`,
      Array.from({ length: CARDS_PER_HOST }, (_card, card) =>
        sampleDevice(cardId(host * CARDS_PER_HOST + card)),
      ),
    ),
  );
  const batch = (
    revision: number,
    changes: readonly Change[],
    events: readonly StoredEvent[],
  ): CommitBatch => {
    return { batchId: prng.uuid(), epoch, revision, atMs: NOW_MS + revision, changes, events };
  };
  const batches = [batch(1, hosts.map(putHost), [])];
  for (let granted = 0; granted < grants; granted += groupSize) {
    const changes: Change[] = [];
    const events: StoredEvent[] = [];
    for (let grant = granted; grant < Math.min(grants, granted + groupSize); grant++) {
      const project = grant % PROJECTS;
      const { change, event } = makeGrant(grant, prng);
      changes.push(change, putProject(project, grant));
      events.push({ ...event, seq: 2 * grant + 1 }, { ...event, seq: 2 * grant + 2, type: 'lease.created' });
    }
    changes.push(putControl(granted));
    batches.push(batch(batches.length + 1, changes, events));
  }
  return batches;
}

function makeGrant(grant: number, prng: Prng): { readonly change: Change; readonly event: StoredEvent } {
  const id = prng.uuid();
  const claim = unitClaim(`host-${Math.floor(grant / CARDS_PER_HOST)}`, [cardId(grant)]);
  const projectId = asId<'project'>(`project-${grant % PROJECTS}`);
  const lease = sampleLease(id, starting(claim), { projectId, claimedAtMs: NOW_MS });
  return { change: put(lease), event: sampleEvent(0, { id, projectId }) };
}

function putProject(project: number, servedSeq: number): Change {
  const id = `project-${project}`;
  const after = { ...newProject(asId(id), id), servedSeq };
  return { entity: 'project', id, after };
}

function putControl(grantSeq: number): Change {
  const after = {
    deploymentId: 'bench',
    freeze: null,
    monthFromMs: null,
    clockDoubt: null,
    queueSeq: grantSeq,
    grantSeq,
    eventFloor: null,
  } as const;
  return { entity: 'control', id: 'control', after: { ...after, mode: { kind: 'act' } } };
}

function cardId(card: number): string {
  return `card-${card}`;
}
