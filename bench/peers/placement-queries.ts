/** How many GPUs are free: Berth's flavor report against the two ways of asking Placement. */
import { round, type Report, type Row } from '../bench.ts';
import type { LoadAnswer } from './load-process.ts';
import { PlacementApi } from './placement-client.ts';
import type { Site } from './placement.ts';
import { medianOf, takeRounds, type Round } from './rounds.ts';

const CLIENTS = 8;
/** How many the exporter asks for at a time is configured; more than Placement has processes gains nothing. */
const EXPORTER_CONNECTIONS = 8;

type Side = 'placement' | 'berth' | 'berthChanging';

interface ProvidersReply {
  readonly resource_providers: readonly { readonly uuid: string }[];
}

export async function compareQueries(site: Site): Promise<Report> {
  const placement = site.placementTarget(1, site.hosts);
  const berth = site.berthTarget(1);
  const look = (target: typeof placement, claimingBeside: number) => (): Promise<LoadAnswer> =>
    site.load(target, { turn: 'look', clients: CLIENTS, claimingBeside });
  const rounds = await takeRounds<Side, LoadAnswer>(
    { placement: look(placement, 0), berth: look(berth, 0), berthChanging: look(berth, 1) },
    site.effort.rounds,
  );
  const exporterMs = await timeExporter(site);
  const ratio = (side: Side): number =>
    medianOf(rounds, (taken) => taken[side].perSecond / taken.placement.perSecond);
  const row = (name: string, side: Side): Row => [
    name,
    round(medianOf(rounds, (taken) => taken[side].perSecond)),
    rounds.map((taken: Round<Side, LoadAnswer>) => round(taken[side].perSecond)).join(' '),
  ];
  const at = `at ${site.hosts} hosts`;
  return {
    tables: [
      {
        title: `How many are free: ${site.hosts} hosts, ${CLIENTS} clients`,
        head: ['', 'queries/s', 'runs'],
        rows: [
          row('Placement, candidates of one GPU without a limit, its summaries added up', 'placement'),
          ['Placement, inventories and usages of each provider', round(1000 / exporterMs), ''],
          row('Berth, GET /gpus/flavors', 'berth'),
          row('Berth, the same while another client claims all the time', 'berthChanging'),
        ],
      },
    ],
    checks:
      site.effort.rounds > 1
        ? [{ what: `queries/s, Berth / Placement, ${at}`, value: ratio('berth'), unit: '×', atLeast: 500 }]
        : [],
  };
}

/**
 * One pass of openstack-exporter's collector (exporters/placement.go) without its look at allocations, ms;
 * with connections of its own.
 */
async function timeExporter({ placement, hosts }: Site): Promise<number> {
  const api = new PlacementApi(placement.url, EXPORTER_CONNECTIONS);
  try {
    const startMs = performance.now();
    const listed = JSON.parse(await api.must('GET', '/resource_providers')) as ProvidersReply;
    const left = listed.resource_providers.map(({ uuid }) => uuid);
    if (left.length < hosts) throw new Error('Placement lists fewer providers than were made');
    const ask = async (): Promise<void> => {
      for (let uuid = left.pop(); uuid !== undefined; uuid = left.pop()) {
        await api.must('GET', `/resource_providers/${uuid}/inventories`);
        await api.must('GET', `/resource_providers/${uuid}/usages`);
      }
    };
    await Promise.all(Array.from({ length: EXPORTER_CONNECTIONS }, ask));
    return performance.now() - startMs;
  } finally {
    await api.close();
  }
}
