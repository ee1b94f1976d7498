/** All GPUs are taken and somebody waits: from the end of one holder to the grant of the next. */
import { createClient } from '../../src/client/client.ts';
import { round, type Report } from '../bench.ts';
import { quantiles } from '../measure.ts';
import { flavorOf, type BerthServer } from './berth-server.ts';
import { medianOf, type Effort } from './rounds.ts';
import type { SlurmCluster } from './slurm-cluster.ts';
import { untilTrue } from './stage.ts';

const RELEASES_PER_ROUND = 6;
/** Slurm works by the second: releases at any moment of it. */
const PAUSE_MS_MAX = 2000;
const GRANT_MS_MAX = 60_000;
/** Requests under way while everything is taken. */
const TAKERS = 16;
const NAMED_LOG = /^\[([^\]]+)\] sched(?:\/backfill)?: (?:Allocate|_start_job: Started) JobId=(\d+) /gm;

interface Jobs {
  readonly jobs: readonly number[];
}

/** One full cloud, seen by one side; each call releases one GPU and answers how long the next one waited, ms. */
type Releases = () => Promise<number>;

export async function compareReleases(options: {
  readonly slurm: SlurmCluster;
  readonly berth: BerthServer;
  readonly effort: Effort;
  readonly gpus: number;
}): Promise<Report> {
  const { slurm, berth, effort, gpus } = options;
  const releaseSlurm = await fillSlurm(slurm, gpus);
  const releaseBerth = await fillBerth(berth, gpus);
  const pairs: { readonly slurmMs: number; readonly berthMs: number }[] = [];
  for (let pair = 0; pair < effort.rounds * RELEASES_PER_ROUND; pair++) {
    await pause(Math.random() * PAUSE_MS_MAX);
    const slurmMs = await releaseSlurm();
    pairs.push({ slurmMs, berthMs: await releaseBerth() });
  }
  const row = (name: string, tookMs: readonly number[]): readonly (string | number)[] => [
    name,
    ...quantiles(tookMs, [0.5, 0.99, 0]).map(round),
  ];
  const value = medianOf(pairs, ({ slurmMs, berthMs }) => slurmMs / berthMs);
  return {
    tables: [
      {
        title: `A GPU is given back until the next in the queue has it, ${gpus} GPUs taken, ${pairs.length} releases`,
        head: ['', 'p50 ms', 'p99 ms', 'least ms'],
        rows: [
          row(
            'Slurm, until its log says so',
            pairs.map(({ slurmMs }) => slurmMs),
          ),
          row(
            'Berth, until a client that asks all the time sees it',
            pairs.map(({ berthMs }) => berthMs),
          ),
        ],
      },
    ],
    checks:
      effort.rounds > 1
        ? [{ what: 'release to next grant, Slurm / Berth', value, unit: '×', atLeast: 50 }]
        : [],
  };
}

async function fillSlurm(slurm: SlurmCluster, gpus: number): Promise<Releases> {
  const holders = [...(await slurm.ask<Jobs>('hold', String(gpus), '0')).jobs];
  return async () => {
    const [waiter = 0] = (await slurm.ask<Jobs>('wait')).jobs;
    const { fromMs } = await slurm.ask<{ readonly fromMs: number }>('complete', String(holders.shift()));
    let grantedMs = Number.NaN;
    await untilTrue(
      () => {
        grantedMs = grantsOf(slurm.log()).get(waiter) ?? Number.NaN;
        return !Number.isNaN(grantedMs);
      },
      { what: `job ${waiter} to start`, withinMs: GRANT_MS_MAX },
    );
    holders.push(waiter);
    return grantedMs - fromMs;
  };
}

/** When each job that had waited was started, ms since 1970, by the controller's log. */
function grantsOf(log: string): ReadonlyMap<number, number> {
  const found = log.matchAll(NAMED_LOG);
  return new Map([...found].map(([, at = '', job = '']) => [Number(job), Date.parse(`${at}Z`)]));
}

async function fillBerth({ url, token }: BerthServer, gpus: number): Promise<Releases> {
  const client = createClient({ baseUrl: url, token });
  const borrow = async (): Promise<string> => {
    const { leases } = await client.createLease({ flavor: flavorOf(1), duration: '1h', at_end: 'delete' });
    return leases[0]?.id ?? '';
  };
  const holders: string[] = [];
  const take = async (): Promise<void> => {
    while (holders.length < gpus) {
      const place = holders.push('') - 1;
      holders[place] = await borrow();
    }
  };
  await Promise.all(Array.from({ length: TAKERS }, take));
  return async () => {
    const waiter = await borrow();
    const startMs = performance.now();
    const released = client.releaseLease(holders.shift() ?? '');
    while ((await client.getLease(waiter)).lease.state === 'queued') {
      if (performance.now() > startMs + GRANT_MS_MAX) throw new Error('Berth did not grant the GPU');
    }
    const tookMs = performance.now() - startMs;
    await released;
    holders.push(waiter);
    return tookMs;
  };
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}
