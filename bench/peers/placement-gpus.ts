/**
 * Several GPUs in one request. Where each GPU is a resource provider of its own, as Nova's PCI devices are,
 * Placement makes all combinations before it applies any limit (Launchpad 2126751).
 */
import { round, type Report, type Row } from '../bench.ts';
import { median } from '../measure.ts';
import { CARDS_PER_HOST } from '../service.ts';
import { ANSWER_MS_MAX, CLAIM, HOST_CAPACITY, NOVA_LIMIT, PlacementApi } from './placement-client.ts';
import { inventoriesOf } from './placement-server.ts';
import type { Site } from './placement.ts';
import { medianOf, takeRounds } from './rounds.ts';

/** Of a request that Nova's operators are warned of; eight are not answered at all. */
const BUDGET_GPUS = 5;
/** Six are 200,000 combinations. */
const LADDER_MAX = 6;
/** A standard class, so that the hosts of the other comparisons are not looked at. */
const CLASS = 'PGPU';
const ROOT = '00000000-0000-4000-9000-000000000000';

export async function compareSeveralGpus(site: Site): Promise<Report> {
  const api = new PlacementApi(site.placement.url, 1);
  try {
    await addWideHost(api);
    const rows: Row[] = [];
    for (let gpus = 1; gpus < BUDGET_GPUS; gpus++) {
      rows.push(ladderRow(gpus, await timeCandidates(api, gpus)));
    }
    const berthMs = async (): Promise<number> =>
      median((await site.load(site.berthTarget(CARDS_PER_HOST), { turn: 'claim' })).tookMs);
    const rounds = await takeRounds(
      { placement: () => timeCandidates(api, BUDGET_GPUS), berth: berthMs },
      site.effort.rounds,
    );
    const fiveMs = medianOf(rounds, ({ placement }) => placement);
    rows.push(ladderRow(BUDGET_GPUS, fiveMs));
    if (site.effort.rounds > 1) rows.push(ladderRow(LADDER_MAX, await timeCandidates(api, LADDER_MAX)));
    const ownMs = medianOf(rounds, ({ berth }) => berth);
    rows.push([`Berth, ${site.hosts} hosts: ${CARDS_PER_HOST} GPUs, committed`, round(ownMs)]);
    const runs = rounds.map(({ placement, berth }) => `${round(placement)} / ${round(berth)}`).join(', ');
    rows.push([`runs of Placement's ${BUDGET_GPUS} / Berth's ${CARDS_PER_HOST}: ${runs}`, '']);
    const value = medianOf(rounds, ({ placement, berth }) => placement / berth);
    const what = `Placement's ${BUDGET_GPUS} GPUs on one host / Berth's ${CARDS_PER_HOST} at ${site.hosts} hosts`;
    return {
      tables: [{ title: 'Several GPUs in one request, one client', head: ['', 'ms'], rows }],
      checks: site.effort.rounds > 1 ? [{ what, value, unit: '×', atLeast: 100 }] : [],
    };
  } finally {
    await api.close();
  }
}

function ladderRow(gpus: number, tookMs: number): Row {
  const name = `Placement, one host, one provider per GPU: candidates of ${gpus}`;
  return [name, tookMs >= ANSWER_MS_MAX ? `none in ${ANSWER_MS_MAX / 1000} s` : round(tookMs)];
}

/** A host with 8 children of one GPU each, as Nova reports PCI devices. */
async function addWideHost(api: PlacementApi): Promise<void> {
  await api.must('POST', '/resource_providers', { name: 'wide', uuid: ROOT });
  await setInventories(api, ROOT, HOST_CAPACITY);
  for (let gpu = 1; gpu <= CARDS_PER_HOST; gpu++) {
    const uuid = ROOT.slice(0, -1) + gpu;
    await api.must('POST', '/resource_providers', {
      name: `wide_0000:${gpu}B:00.0`,
      uuid,
      parent_provider_uuid: ROOT,
    });
    await setInventories(api, uuid, { [CLASS]: 1 });
  }
}

async function setInventories(
  api: PlacementApi,
  uuid: string,
  totals: Readonly<Record<string, number>>,
): Promise<void> {
  await api.must('PUT', `/resource_providers/${uuid}/inventories`, {
    resource_provider_generation: 0,
    inventories: inventoriesOf(totals),
  });
}

/** As Nova asks: one group per device, and the rest of the flavor; ms, or the limit where there was no answer. */
async function timeCandidates(api: PlacementApi, gpus: number): Promise<number> {
  const rest = Object.entries(CLAIM).map(([name, amount]) => `${name}:${amount}`);
  const groups = Array.from({ length: gpus }, (_unused, index) => `resources_GPU${index}=${CLASS}:1`);
  const query = [`resources=${rest.join(',')}`, ...groups, 'group_policy=none', `limit=${NOVA_LIMIT}`];
  const startMs = performance.now();
  try {
    const { allocation_requests: requests } = await api.candidates(query.join('&'));
    if (requests.length === 0) throw new Error(`Placement has no candidate for ${gpus} GPUs`);
  } catch (error) {
    if ((error as { readonly code?: string }).code !== 'UND_ERR_HEADERS_TIMEOUT') throw error;
    return ANSWER_MS_MAX;
  }
  return performance.now() - startMs;
}
