/** What each seed draws: how large its cloud is, and which faults it has how often. */
import type { Prng } from '../../src/base/prng.ts';
import { FAULT_KINDS, NO_FAULTS, type FaultPolicy } from '../../src/sim/faults.ts';
import { defaultTopology, type SimTopology } from '../../src/sim/topology.ts';

/** How the API shows that it is away. */
export const OUTAGES: readonly FaultPolicy['rates'][] = [
  { badGateway: 1 },
  { gatewayTimeout: 1 },
  { requestLost: 1 },
];

/** The test cloud's topology with so many GPU hosts. */
export function topologyOf(gpuHosts: number): SimTopology {
  const [pattern] = defaultTopology.hosts;
  if (pattern === undefined) return defaultTopology;
  const hosts = Array.from({ length: gpuHosts }, (_unused, index) => ({
    ...pattern,
    name: `gpu-${index + 1}`,
  }));
  const aggregates = defaultTopology.aggregates.map((aggregate) =>
    aggregate.metadata['gpu_type'] === undefined
      ? { ...aggregate, hosts: [] }
      : { ...aggregate, hosts: hosts.map(({ name }) => name) },
  );
  return { ...defaultTopology, hosts, aggregates };
}

/**
 * Each seed has its own mixture of faults; one in eight has none, so that the plain course is tried as
 * well.
 */
export function drawPolicy(prng: Prng): FaultPolicy {
  if (prng.chance(0.125)) return NO_FAULTS;
  const rates: Record<string, number> = {};
  for (const kind of FAULT_KINDS) {
    // Task faults are drawn per task, the others per request, of which there are many more.
    const most = MOST[kind] ?? (TASK_LIKE.has(kind) ? 0.4 : 0.01);
    if (prng.chance(0.6)) rates[kind] = prng.next() * most;
  }
  return { ...NO_FAULTS, rates };
}

/**
 * Highest rates that differ: what is drawn with every request but must stay rare, and what finds its moment
 * seldom.
 */
const MOST: Readonly<Record<string, number>> = {
  serverDeletedElsewhere: 0.003,
  serverStoppedElsewhere: 0.003,
  serverUnshelvedElsewhere: 0.003,
  acceptedLate: 0.15,
  errorAfterEffect: 0.15,
  conflict: 0.15,
  deleteStalls: 0.95,
  buildHangs: 0.25,
  forbidden: 0.02,
  unshelveIgnored: 0.9,
  unshelveInterrupted: 0.5,
  shelveImageDeleted: 0.003,
  floatingIpTakenOff: 0.006,
};

const TASK_LIKE: ReadonlySet<string> = new Set([
  'noValidHost',
  'buildHangs',
  'buildError',
  'unshelveIgnored',
  'unshelveInterrupted',
  'shelveFails',
  'shelveNotOffloaded',
  'deleteStalls',
]);
