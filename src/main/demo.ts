/**
 * The simulated cloud of the demo: in this process, kept in a file, so that it outlives the server as a
 * cloud would.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { createPrng } from '../base/prng.ts';
import { SECOND_MS } from '../base/units.ts';
import { SimCloud } from '../sim/cloud.ts';
import { listenSimCloud, type SimListener } from '../sim/listen.ts';
import { defaultTopology, type SimTopology } from '../sim/topology.ts';
import { REALISTIC_TIMINGS, type SimTimings } from '../sim/world.ts';

/** A tenth of what a real cloud takes: long enough to watch, short enough to wait for. */
const DEMO_TIMINGS: SimTimings = {
  ...REALISTIC_TIMINGS,
  scheduleMs: [200, 500],
  spawnMs: [1500, 4000],
  shelveMs: [2000, 5000],
  offloadMs: [300, 900],
  deleteMs: [300, 1500],
};

/** The account with which Berth works in the simulated cloud. */
export const DEMO_ACCOUNT = { user: 'cyborg', password: 'cyborg', project: 'service' } as const;

export interface DemoCloud {
  readonly listener: SimListener;
  /** Keystone's URL. */
  readonly authUrl: string;
}

/** Starts the simulated cloud on loopback; it goes on where `dir` has left it. */
export async function startDemoCloud(options: {
  readonly dir: string;
  readonly hosts: number;
  readonly port: number;
  readonly clock: Clock;
}): Promise<DemoCloud> {
  const path = join(options.dir, 'simulated-cloud.json');
  const persist = (cloud: SimCloud): void => {
    const next = `${path}.next`;
    writeFileSync(next, JSON.stringify(cloud), { mode: 0o600 });
    renameSync(next, path);
  };
  const cloud = existsSync(path)
    ? SimCloud.fromJSON(JSON.parse(readFileSync(path, 'utf8')) as unknown, { persist })
    : new SimCloud({ topology: demoTopology(options.hosts), timings: DEMO_TIMINGS, persist });
  persist(cloud);
  const prng = createPrng(options.clock.wallMs() | 0);
  const listener = await listenSimCloud(cloud, {
    host: '127.0.0.1',
    port: options.port,
    clock: options.clock,
    prng,
  });
  return { listener, authUrl: `${listener.url}/identity/v3` };
}

/** The default topology with a project of Berth's own, and more hosts of the same kind where asked for. */
export function demoTopology(hostCount: number): SimTopology {
  const gpuHosts = defaultTopology.hosts.filter((host) => host.gpus.length > 0);
  const others = defaultTopology.hosts.filter((host) => host.gpus.length === 0);
  const [pattern] = gpuHosts;
  if (pattern === undefined) return defaultTopology;
  const hosts = Array.from({ length: hostCount }, (_unused, index) => ({
    ...pattern,
    name: `gpu-v100-${String(index + 1).padStart(2, '0')}`,
  }));
  const aggregates = defaultTopology.aggregates.map((aggregate) =>
    aggregate.metadata['gpu_type'] === undefined
      ? aggregate
      : { ...aggregate, hosts: hosts.map((host) => host.name) },
  );
  const projects = [
    ...defaultTopology.projects,
    { name: DEMO_ACCOUNT.project, private_cidr: '10.30.0.0/16' },
  ];
  return { ...defaultTopology, hosts: [...hosts, ...others], aggregates, projects };
}

/** How often the demo looks at its cloud: nobody pays for those calls. */
export const DEMO_POLL_MS = 3 * SECOND_MS;
