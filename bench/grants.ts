/**
 * Durable grants through the whole engine (queue, decision, group commit, two worlds, answers) against bare
 * grouped commits of the very same rows on one thread.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../src/base/clock.ts';
import { createPrng } from '../src/base/prng.ts';
import { DEFAULT_SETTINGS } from '../src/domain/settings.ts';
import { Engine } from '../src/engine/engine.ts';
import type { CommitBatch, Store } from '../src/engine/ports.ts';
import { openCore } from '../src/store/sqlite/core.ts';
import { planWrite } from '../src/store/plan.ts';
import { openSqliteStore } from '../src/store/sqlite/store.ts';
import { create, flavor, project, PROVIDER, unitHost } from '../test/support/worlds.ts';
import { round, type Report } from './bench.ts';
import { interleave, median } from './measure.ts';
import { makeFolder, removeFolder } from './service.ts';
import { bareWriter } from './store.ts';

const GRANTS = 4096;
const CARDS_PER_HOST = 8;
const PROJECTS = 50;

export async function benchGrants(): Promise<Report> {
  const recorded = await runEngine();
  const pairs = await interleave(
    async () => runBare(recorded.batches),
    async () => (await runEngine()).perSecond,
  );
  const grantsPerCommit = GRANTS / (recorded.batches.length - 1);
  return {
    tables: [
      {
        title: `Grants: durable grants per second, ${round(grantsPerCommit)} per commit`,
        head: ['', 'median', 'runs'],
        rows: [
          ['bare SQLite', round(median(pairs.bare)), pairs.bare.map(round).join(' ')],
          ['engine', round(median(pairs.ours)), pairs.ours.map(round).join(' ')],
        ],
      },
    ],
    checks: [{ what: 'engine / bare SQLite', value: pairs.ratio, unit: '', atLeast: 0.35 }],
  };
}

async function runEngine(): Promise<{
  readonly perSecond: number;
  readonly batches: readonly CommitBatch[];
}> {
  const dir = makeFolder();
  const prng = createPrng(1);
  const ids = { next: () => prng.uuid() };
  const clock = systemClock;
  const batches: CommitBatch[] = [];
  const sqlite = await openSqliteStore({ dir, version: 'bench', clock, ids });
  const store: Store = {
    ...sqlite,
    commit: (batch) => {
      batches.push(batch);
      return sqlite.commit(batch);
    },
  };
  const engine = await Engine.open({ store, clock, prng, ids, settings: DEFAULT_SETTINGS });
  try {
    await engine.command('bench', {
      type: 'inventory.observed',
      providerId: PROVIDER,
      hosts: Array.from({ length: GRANTS / CARDS_PER_HOST }, (_unused, index) =>
        unitHost(
          `host-${index}`,
          Array.from({ length: CARDS_PER_HOST }, () => ['V100', null] as const),
        ),
      ),
      flavors: [flavor('one', { V100: 1 })],
    });
    const startMs = performance.now();
    const outcomes = await Promise.all(
      Array.from({ length: GRANTS }, (_unused, index) =>
        engine.command('bench', create(ids.next(), 'one', { projectId: project(`p-${index % PROJECTS}`) })),
      ),
    );
    const tookMs = performance.now() - startMs;
    if (outcomes.some((outcome) => !outcome.ok)) throw new Error('a grant was refused');
    return { perSecond: (GRANTS / tookMs) * 1000, batches };
  } finally {
    engine.stop();
    await sqlite.close();
    removeFolder(dir);
  }
}

function runBare([hosts, ...grants]: readonly CommitBatch[]): number {
  const dir = makeFolder();
  const db = new DatabaseSync(join(dir, 'bare.sqlite'));
  const core = openCore(db, { deploymentId: 'bench' });
  try {
    const { epoch } = core.load();
    if (hosts !== undefined) core.commit(planWrite({ ...hosts, epoch }));
    const plans = grants.map(planWrite);
    const write = bareWriter(db);
    const startMs = performance.now();
    for (const plan of plans) {
      db.exec('BEGIN IMMEDIATE');
      write(plan);
      db.exec('COMMIT');
    }
    return (GRANTS / (performance.now() - startMs)) * 1000;
  } finally {
    core.close();
    removeFolder(dir);
  }
}
