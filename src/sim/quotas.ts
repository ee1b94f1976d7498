/** Quotas and what counts against them. Defaults are those of the test cloud. */
import type { SimQuota } from './model.ts';
import type { SimWorld } from './world.ts';

const DEFAULT_QUOTA: Readonly<SimQuota> = {
  instances: 1000,
  cores: 10_000,
  ram: 100_000_000,
  ports: 1000,
  floatingIps: 200,
};

/** Every server counts, whatever its state: Nova does not give cores back to a shelved one. */
export function novaUsage(
  world: SimWorld,
  projectId: string,
): { readonly instances: number; readonly cores: number; readonly ram: number } {
  const used = { instances: 0, cores: 0, ram: 0 };
  for (const server of world.serversByProject.get(projectId) ?? []) {
    used.instances += 1;
    used.cores += server.flavor.vcpus;
    used.ram += server.flavor.ram;
  }
  return used;
}

export function countOf(items: Iterable<{ readonly projectId: string }>, projectId: string): number {
  let count = 0;
  for (const item of items) if (item.projectId === projectId) count += 1;
  return count;
}

export function quotaOf(world: SimWorld, projectId: string): Readonly<SimQuota> {
  return world.quotas.get(projectId) ?? DEFAULT_QUOTA;
}
