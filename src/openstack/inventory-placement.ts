/** Hosts as Placement counts them: what one has of a device class, and of vCPUs, memory and disk. Pure. */
import type { Resources } from '../domain/model/host.ts';
import type { PlacementClass } from './gpu-flavor-needs.ts';
import type { ProviderSummary } from './placement/summaries.ts';
import type { Tree } from './placement/trees.ts';

export interface Count {
  readonly total: number;
  readonly used: number;
}

/**
 * Devices of a class on a host. Where several have to come from one provider, those count that make whole
 * sets, so that the count divided by the set is the number of sets.
 */
export function devicesInTree(tree: Tree, wanted: PlacementClass): Count {
  let [total, free] = [0, 0];
  for (const provider of tree.providers) {
    const amount = provider.resources[wanted.resourceClass];
    if (amount === undefined || !hasTraits(provider, tree.root, wanted)) continue;
    total += wholeSets(amount.capacity, wanted.together);
    free += wholeSets(amount.capacity - amount.used, wanted.together);
  }
  return { total, used: total - free };
}

/**
 * What a compute node may hand out (allocation ratios applied, reserved amounts taken off), and what is used
 * of it. `fallback` for what it does not count itself, as its disk where the storage is shared.
 */
export function resourcesInTree(
  { root }: Tree,
  fallback: { readonly capacity: Resources; readonly used: Resources },
): { readonly capacity: Resources; readonly used: Resources } {
  const { VCPU: vcpus, MEMORY_MB: memory, DISK_GB: disk } = root.resources;
  return {
    capacity: {
      vcpus: vcpus?.capacity ?? fallback.capacity.vcpus,
      memoryMiB: memory?.capacity ?? fallback.capacity.memoryMiB,
      diskGiB: disk?.capacity ?? fallback.capacity.diskGiB,
    },
    used: {
      vcpus: vcpus?.used ?? fallback.used.vcpus,
      memoryMiB: memory?.used ?? fallback.used.memoryMiB,
      diskGiB: disk?.used ?? fallback.used.diskGiB,
    },
  };
}

function wholeSets(count: number, together: number): number {
  return Math.max(0, Math.floor(count / together)) * together;
}

function hasTraits(provider: ProviderSummary, root: ProviderSummary, wanted: PlacementClass): boolean {
  const has = (trait: string): boolean =>
    provider.traits.has(trait) || (wanted.traitsOfTree && root.traits.has(trait));
  return wanted.required.every(has) && !wanted.forbidden.some(has);
}
