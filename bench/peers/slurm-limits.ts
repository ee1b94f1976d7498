/** How late Slurm ends jobs whose time is over, at the shortest limit that it knows: a minute. */
import { round, type Report } from '../bench.ts';
import { quantiles } from '../measure.ts';
import type { SlurmCluster } from './slurm-cluster.ts';
import { untilTrue } from './stage.ts';

const LIMIT_MS = 60_000;
const GROUPS = 8;
const JOBS_PER_GROUP = 10;
/** Slurm looks at the limits every half minute; groups at all moments of it. */
const GROUP_EVERY_MS = 4000;
/** The limit, and twice the interval at which Slurm looks. */
const ALL_MS_MAX = LIMIT_MS + 90_000;

export async function measureTimeLimits(slurm: SlurmCluster): Promise<Report> {
  await slurm.command('scancel', '--user=root');
  await untilTrue(async () => (await slurm.command('squeue', '-h')) === '', {
    what: 'the jobs to be gone',
    withinMs: ALL_MS_MAX,
  });
  const jobs: number[] = [];
  for (let group = 0; group < GROUPS; group++) {
    if (group > 0) await new Promise((resolve) => setTimeout(resolve, GROUP_EVERY_MS));
    jobs.push(...(await slurm.ask<{ readonly jobs: number[] }>('hold', String(JOBS_PER_GROUP), '1')).jobs);
  }
  let lateMs: readonly number[] = [];
  await untilTrue(
    () => {
      lateMs = latenessOf(slurm.log(), jobs);
      return lateMs.length === jobs.length;
    },
    { what: 'all time limits', withinMs: ALL_MS_MAX },
  );
  const [p50 = 0, p95 = 0, max = 0] = quantiles(lateMs, [0.5, 0.95, 1]);
  return {
    tables: [
      {
        title: 'Time limits of Slurm: from the end of a minute to the order to end the job',
        head: ['jobs', 'p50 ms', 'p95 ms', 'max ms'],
        rows: [[jobs.length, round(p50), round(p95), round(max)]],
      },
    ],
    checks: [],
  };
}

/** Of those that were ended already, by the controller's log, ms. */
function latenessOf(log: string, jobs: readonly number[]): readonly number[] {
  const times = (pattern: RegExp): ReadonlyMap<number, number> =>
    new Map([...log.matchAll(pattern)].map(([, at = '', job = '']) => [Number(job), Date.parse(`${at}Z`)]));
  const started = times(/^\[([^\]]+)\] sched: _slurm_rpc_allocate_resources JobId=(\d+) NodeList=n/gm);
  const ended = times(/^\[([^\]]+)\] .*Time limit exhausted for JobId=(\d+)/gm);
  return jobs.flatMap((job) => {
    const endedMs = ended.get(job);
    const startedMs = started.get(job);
    return endedMs === undefined || startedMs === undefined ? [] : [endedMs - startedMs - LIMIT_MS];
  });
}
