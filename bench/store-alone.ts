/**
 * The store by itself: planning, a message to the writer thread, checks, the answer; against bare commits.
 */
import { round, type Report } from './bench.ts';
import { median, PAIRS } from './measure.ts';
import { benchStore, STORE_BENCH_DEFAULTS, type StoreBenchResult } from './store.ts';

/** Of each run; short, so that the pairs are close together. */
const GRANTS = 5000;

export async function benchStoreAlone(): Promise<Report> {
  const runs: StoreBenchResult[] = [];
  for (let pair = 0; pair <= PAIRS; pair++) {
    const run = await benchStore({ ...STORE_BENCH_DEFAULTS, grants: GRANTS });
    // The first pair only warms up.
    if (pair > 0) runs.push(run);
  }
  const bare = runs.map((run) => run.bareGrantsPerSecond);
  const ours = runs.map((run) => run.storeGrantsPerSecond);
  const callerMs = median(runs.map((run) => run.callerMsPerCommit));
  return {
    tables: [
      {
        title: `Store: durable grants per second, ${STORE_BENCH_DEFAULTS.groupSize} per commit`,
        head: ['', 'median', 'runs'],
        rows: [
          ['bare SQLite', round(median(bare)), bare.map(round).join(' ')],
          ['store', round(median(ours)), ours.map(round).join(' ')],
          ['on the calling thread, ms per commit', round(callerMs), ''],
        ],
      },
    ],
    checks: [{ what: 'store / bare SQLite', value: median(ours) / median(bare), unit: '', atLeast: 0.5 }],
  };
}
