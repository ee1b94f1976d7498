/**
 * `--peer slurm`: grants per second, from the end of a job to the start of the next, and how late time limits
 * are, against Slurm. What is the same on both sides and what is not is in `docs/operate/comparisons.md`.
 */
import { round, type Check, type Report, type Row, type BenchOptions } from '../bench.ts';
import { startChild } from '../child.ts';
import { benchExpiry } from '../expiry.ts';
import { quantiles } from '../measure.ts';
import { CARDS_PER_HOST } from '../service.ts';
import { flavorOf, startBerth, type BerthServer } from './berth-server.ts';
import type { LoadAnswer, Target } from './load-process.ts';
import { FULL, medianOf, QUICK, takeRounds, type Effort, type Round } from './rounds.ts';
import { startSlurm, type SlurmCluster } from './slurm-cluster.ts';
import { measureTimeLimits } from './slurm-limits.ts';
import { compareReleases } from './slurm-release.ts';
import { onStage, processorMs } from './stage.ts';

const NODES = { full: [100, 1000], quick: [10] } as const;
const CLIENTS = [8, 32];
const BUDGETS: Readonly<Record<number, number>> = { 100: 10, 1000: 40 };
/** Perl needs a moment to be there; all begin together. */
const PERL_START_SECONDS = 2;

type Side = 'slurm' | 'salloc' | 'berth';

interface Rate {
  readonly perSecond: number;
  readonly tookMs: readonly number[];
  /** Of the controller alone, ms of processor time per grant and return; NaN where it is not known. */
  readonly controllerMs: number;
}

interface PerlClaims {
  readonly tookMs: readonly number[];
  readonly seconds: number;
}

export async function benchSlurm({ quick, hosts }: BenchOptions): Promise<Report> {
  const reports: Report[] = [];
  const sizes = hosts ?? NODES[quick ? 'quick' : 'full'];
  for (const nodes of sizes) {
    console.error(`slurm: ${nodes} nodes …`);
    const withQueue = nodes === Math.min(...sizes);
    reports.push(await compareAt({ nodes, withQueue, effort: quick ? QUICK : FULL }));
  }
  // It needs the machine for itself.
  if (!quick) reports.push(await benchExpiry());
  return {
    notes: reports.flatMap(({ notes = [] }) => notes).slice(0, 1),
    tables: reports.flatMap(({ tables }) => tables),
    checks: reports.flatMap(({ checks }) => checks),
  };
}

function compareAt(options: {
  readonly nodes: number;
  /** The queue and the time limits too: they do not depend on the number of nodes. */
  readonly withQueue: boolean;
  readonly effort: Effort;
}): Promise<Report> {
  const { nodes, withQueue, effort } = options;
  return onStage(async (stage) => {
    const slurm = await startSlurm(stage, nodes);
    const berth = await startBerth(stage, nodes);
    const client = startChild('./peers/load-process.ts');
    stage.onClose(() => client.stop());
    const load = (target: Target, clients: number): Promise<LoadAnswer> =>
      client.ask({ target, turn: 'claim', clients, claimingBeside: 0, forMs: effort.runMs });
    const reports: Report[] = [];
    for (const clients of CLIENTS) {
      reports.push(await compareGrants({ nodes, clients, effort, slurm, berth, load }));
    }
    if (withQueue) {
      reports.push(await compareReleases({ slurm, berth, effort, gpus: nodes * CARDS_PER_HOST }));
      if (effort.rounds > 1) reports.push(await measureTimeLimits(slurm));
    }
    return {
      notes: [`Slurm: ${slurm.versions}`],
      tables: reports.flatMap(({ tables }) => tables),
      checks: reports.flatMap(({ checks }) => checks),
    };
  });
}

async function compareGrants(options: {
  readonly nodes: number;
  readonly clients: number;
  readonly effort: Effort;
  readonly slurm: SlurmCluster;
  readonly berth: BerthServer;
  readonly load: (target: Target, clients: number) => Promise<LoadAnswer>;
}): Promise<Report> {
  const { nodes, clients, effort, slurm, berth, load } = options;
  const target: Target = { kind: 'berth', url: berth.url, token: berth.token, flavor: flavorOf(1) };
  const rounds = await takeRounds<Side, Rate>(
    {
      slurm: () => claimByLibrary(slurm, clients, effort.runMs / 1000),
      salloc: () => claimBySalloc(slurm, clients, effort.runMs),
      berth: async () => {
        const beforeMs = processorMs(berth.pid);
        const { perSecond, tookMs } = await load(target, clients);
        return { perSecond, tookMs, controllerMs: (processorMs(berth.pid) - beforeMs) / tookMs.length };
      },
    },
    effort.rounds,
  );
  return {
    tables: [
      {
        title: `Grants: ${nodes} nodes × ${CARDS_PER_HOST} GPUs, ${clients} clients, each gives back at once`,
        head: ['', 'grants/s', 'p50 ms', 'p99 ms', 'controller ms per grant', 'grants/s of the runs'],
        rows: [
          rateRow("Slurm, through Slurm's library", rounds, 'slurm'),
          rateRow('Slurm, salloc and scancel', rounds, 'salloc'),
          rateRow('Berth', rounds, 'berth'),
        ],
      },
    ],
    checks: grantChecks({ nodes, clients, rounds }),
  };
}

/** salloc gains nothing from more clients than it has cores to start on. */
function grantChecks(options: {
  readonly nodes: number;
  readonly clients: number;
  readonly rounds: readonly Round<Side, Rate>[];
}): readonly Check[] {
  const { nodes, clients, rounds } = options;
  const atLeast = BUDGETS[nodes];
  if (atLeast === undefined) return [];
  const check = (name: string, side: Side): Check => ({
    what: `grants/s, Berth / Slurm by ${name}, ${nodes} nodes, ${clients} clients`,
    value: medianOf(rounds, (taken) => taken.berth.perSecond / taken[side].perSecond),
    unit: '×',
    atLeast,
  });
  const byLibrary = check('its library', 'slurm');
  return clients === CLIENTS[0] ? [byLibrary, check('salloc', 'salloc')] : [byLibrary];
}

function rateRow(name: string, rounds: readonly Round<Side, Rate>[], side: Side): Row {
  const [p50 = 0, p99 = 0] = quantiles(
    rounds.flatMap((taken) => taken[side].tookMs),
    [0.5, 0.99],
  );
  const perSecond = medianOf(rounds, (taken) => taken[side].perSecond);
  const controllerMs = medianOf(rounds, (taken) => taken[side].controllerMs);
  const runs = rounds.map((taken) => round(taken[side].perSecond)).join(' ');
  return [name, round(perSecond), round(p50), round(p99), round(controllerMs), runs];
}

/** Clients that stay; the rate of each counts from when it begins. */
async function claimByLibrary(slurm: SlurmCluster, clients: number, seconds: number): Promise<Rate> {
  const startSeconds = Date.now() / 1000 + PERL_START_SECONDS;
  const beforeMs = processorMs(slurm.controller.pid);
  const answers = await Promise.all(
    Array.from({ length: clients }, () =>
      slurm.ask<PerlClaims>('claim', String(startSeconds), String(seconds)),
    ),
  );
  const tookMs = answers.flatMap((answer) => answer.tookMs);
  return {
    perSecond: answers.reduce((sum, answer) => sum + answer.tookMs.length / answer.seconds, 0),
    tookMs,
    controllerMs: (processorMs(slurm.controller.pid) - beforeMs) / tookMs.length,
  };
}

/** The way people do it: a program for each grant, and one for each return. */
async function claimBySalloc(slurm: SlurmCluster, clients: number, forMs: number): Promise<Rate> {
  const tookMs: number[] = [];
  const beforeMs = processorMs(slurm.controller.pid);
  const startMs = performance.now();
  const loop = async (): Promise<void> => {
    while (performance.now() < startMs + forMs) {
      const fromMs = performance.now();
      const name = `bench-${tookMs.length}-${fromMs}`;
      await slurm.command('salloc', '--quiet', '--no-shell', '--gres=gpu:1', `--job-name=${name}`);
      tookMs.push(performance.now() - fromMs);
      await slurm.command('scancel', `--name=${name}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, loop));
  const perSecond = (tookMs.length / (performance.now() - startMs)) * 1000;
  const controllerMs = (processorMs(slurm.controller.pid) - beforeMs) / tookMs.length;
  return { perSecond, tookMs, controllerMs };
}
