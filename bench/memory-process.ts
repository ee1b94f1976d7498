/** How much memory a full cloud takes: two worlds, as the engine keeps them. Needs --expose-gc. */
import { DEFAULT_SETTINGS } from '../src/domain/settings.ts';
import { World } from '../src/domain/world.ts';
import { answer } from './child.ts';
import { Load } from './decision-load.ts';

export interface MemoryAnswer {
  readonly leases: number;
  readonly worldsMiB: number;
  readonly residentMiB: number;
}

const MIB = 1024 * 1024;

answer(async ({ hosts }: { readonly hosts: number }) => {
  const collect = globalThis.gc ?? (() => undefined);
  collect();
  const beforeMiB = process.memoryUsage().heapUsed / MIB;
  const { world } = fullLoad(hosts);
  const second = new World(
    {
      control: world.control,
      hosts: [...world.hosts.values()].map((row) => row.host),
      flavors: [...world.flavors.values()],
      projects: [...world.projects.values()],
      leases: [...world.leases.values()],
      intents: [],
      tokens: [],
      findings: [],
      idempotency: [],
    },
    DEFAULT_SETTINGS,
  );
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    leases: second.leases.size,
    worldsMiB: heapUsed / MIB - beforeMiB,
    residentMiB: rss / MIB,
  } satisfies MemoryAnswer;
});

function fullLoad(hosts: number): Load {
  const load = new Load({ hosts, claimKind: 'slot', waiting: 100, seed: 1 });
  load.fill();
  return load;
}
