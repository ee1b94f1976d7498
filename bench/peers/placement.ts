/**
 * `--peer placement`: claims, queries and a request of several GPUs, against OpenStack Placement over HTTP.
 * What is the same on both sides and what is not is in `docs/operate/comparisons.md`.
 */
import { round, type Check, type Report, type Row, type BenchOptions } from '../bench.ts';
import { startChild, type Child } from '../child.ts';
import { quantiles } from '../measure.ts';
import { CARDS_PER_HOST } from '../service.ts';
import { flavorOf, startBerth, type BerthServer } from './berth-server.ts';
import type { LoadAnswer, LoadQuestion, Target } from './load-process.ts';
import { NOVA_LIMIT } from './placement-client.ts';
import { compareSeveralGpus } from './placement-gpus.ts';
import { compareQueries } from './placement-queries.ts';
import { startPlacement, type PlacementServer } from './placement-server.ts';
import { FULL, medianOf, QUICK, takeRounds, type Effort, type Round } from './rounds.ts';
import { onStage, processorMs, type Stage } from './stage.ts';

/** Of the comparison that the budgets are about. */
const BUDGET_HOSTS = 1000;
const HOSTS = { full: [100, BUDGET_HOSTS, 5000], quick: [100] } as const;
const CLIENTS = [1, 8];
/** A client that knows better than Nova asks for no more than it can use. */
const SMALL_LIMIT = 10;

/** Both servers with the same number of hosts, and the client in front of either. */
export interface Site {
  readonly hosts: number;
  readonly effort: Effort;
  readonly placement: PlacementServer;
  readonly berth: BerthServer;
  load(target: Target, options: Partial<LoadQuestion> & Pick<LoadQuestion, 'turn'>): Promise<LoadAnswer>;
  berthTarget(gpus: number): Target;
  placementTarget(gpus: number, limit: number): Target;
}

type Side = 'nova' | 'small' | 'berth';

interface Claims extends LoadAnswer {
  /** Processor time of the server and its database, ms for one claim and its return. */
  readonly serverMs: number;
}

export function benchPlacement(options: BenchOptions): Promise<Report> {
  return onStage(async (stage) => {
    const placement = await startPlacement(stage);
    const client = startChild('./peers/load-process.ts');
    stage.onClose(() => client.stop());
    const reports: Report[] = [];
    const rates = new Map<number, number>();
    const effort = options.quick ? QUICK : FULL;
    const sizes = options.hosts ?? HOSTS[options.quick ? 'quick' : 'full'];
    for (const hosts of sizes.toSorted((one, other) => one - other)) {
      console.error(`placement: ${hosts} hosts …`);
      const site = await openSite(stage, { hosts, effort, placement, client });
      for (const clients of CLIENTS) {
        const { report, berthPerSecond } = await compareClaims(site, clients);
        reports.push(report);
        if (clients > 1) rates.set(hosts, berthPerSecond);
      }
      if (hosts === BUDGET_HOSTS || sizes.length === 1) {
        reports.push(await compareQueries(site));
        reports.push(await compareSeveralGpus(site));
      }
      await site.berth.stop();
    }
    return {
      notes: [`Placement: ${placement.versions}`],
      tables: reports.flatMap(({ tables }) => tables),
      checks: [...reports.flatMap(({ checks }) => checks), ...growthCheck(rates)],
    };
  });
}

async function openSite(
  stage: Stage,
  options: {
    readonly hosts: number;
    readonly effort: Effort;
    readonly placement: PlacementServer;
    readonly client: Child;
  },
): Promise<Site> {
  const { hosts, effort, placement, client } = options;
  await placement.grow(hosts);
  const berth = await startBerth(stage, hosts);
  return {
    hosts,
    effort,
    placement,
    berth,
    load: (target, more) =>
      client.ask<LoadAnswer>({ target, clients: 1, claimingBeside: 0, forMs: effort.runMs, ...more }),
    berthTarget: (gpus) => ({ kind: 'berth', url: berth.url, token: berth.token, flavor: flavorOf(gpus) }),
    placementTarget: (gpus, limit) => ({ kind: 'placement', url: placement.url, gpus, limit }),
  };
}

/** One GPU is claimed and given back, again and again. */
async function compareClaims(
  site: Site,
  clients: number,
): Promise<{ readonly report: Report; readonly berthPerSecond: number }> {
  const claim = (target: Target) => async (): Promise<Claims> => {
    const pids = target.kind === 'berth' ? [site.berth.pid] : site.placement.pids;
    const usedMs = (): number => pids.reduce((sum, pid) => sum + processorMs(pid), 0);
    const beforeMs = usedMs();
    const answer = await site.load(target, { turn: 'claim', clients });
    return { ...answer, serverMs: (usedMs() - beforeMs) / answer.tookMs.length };
  };
  const rounds = await takeRounds<Side, Claims>(
    {
      nova: claim(site.placementTarget(1, NOVA_LIMIT)),
      small: claim(site.placementTarget(1, SMALL_LIMIT)),
      berth: claim(site.berthTarget(1)),
    },
    site.effort.rounds,
  );
  const rows = [
    rowOf(`Placement, limit ${NOVA_LIMIT}`, rounds, 'nova'),
    rowOf(`Placement, limit ${SMALL_LIMIT}`, rounds, 'small'),
    rowOf('Berth', rounds, 'berth'),
  ];
  return {
    berthPerSecond: medianOf(rounds, ({ berth }) => berth.perSecond),
    report: {
      tables: [
        {
          title: `Claims: ${site.hosts} hosts × ${CARDS_PER_HOST} GPUs, ${named(clients)}`,
          head: [
            '',
            'claims/s',
            'p50 ms',
            'p99 ms',
            'refused',
            'server ms per claim',
            'claims/s of the runs',
          ],
          rows,
        },
      ],
      checks: site.hosts === BUDGET_HOSTS ? claimChecks(clients, rounds) : [],
    },
  };
}

function rowOf(name: string, rounds: readonly Round<Side, Claims>[], side: Side): Row {
  const [p50 = 0, p99 = 0] = quantiles(
    rounds.flatMap((taken) => taken[side].tookMs),
    [0.5, 0.99],
  );
  const conflicts = rounds.reduce((sum, taken) => sum + taken[side].conflicts, 0);
  const perSecond = medianOf(rounds, (taken) => taken[side].perSecond);
  const runs = rounds.map((taken) => round(taken[side].perSecond)).join(' ');
  const serverMs = medianOf(rounds, (taken) => taken[side].serverMs);
  return [name, round(perSecond), round(p50), round(p99), conflicts, round(serverMs), runs];
}

function claimChecks(clients: number, rounds: readonly Round<Side, Claims>[]): readonly Check[] {
  const at = `at ${BUDGET_HOSTS} hosts, ${named(clients)}`;
  if (clients > 1) {
    const value = medianOf(rounds, ({ nova, berth }) => berth.perSecond / nova.perSecond);
    return [{ what: `claims/s, Berth / Placement, ${at}`, value, unit: '×', atLeast: 100 }];
  }
  const p50 = ({ tookMs }: LoadAnswer): number => quantiles(tookMs, [0.5])[0] ?? Number.NaN;
  const value = medianOf(rounds, ({ nova, berth }) => p50(nova) / p50(berth));
  return [{ what: `p50 of a claim, Placement / Berth, ${at}`, value, unit: '×', atLeast: 50 }];
}

/** Berth's own rate must not fall with the size of the cloud. */
function growthCheck(rates: ReadonlyMap<number, number>): readonly Check[] {
  const [first, ...rest] = [...rates];
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return [];
  const what = `Berth's claims/s at ${last[0]} hosts / at ${first[0]}`;
  return [{ what, value: last[1] / first[1], unit: '×', atLeast: 0.5 }];
}

function named(clients: number): string {
  return clients === 1 ? 'one client' : `${clients} clients`;
}
