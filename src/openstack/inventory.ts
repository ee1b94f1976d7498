/**
 * Nova's lists as hosts and flavors of ours: pure, from one poll. Owns the join of aggregates, hypervisors,
 * servers and flavors, and what counts as used by others. It counts what is there; how often a flavor fits is
 * the scheduler's.
 *
 * Numbers are estimates from above where a host's NUMA nodes or IOMMU groups restrict what Nova can really
 * place.
 */
import { asId, type HostId, type ProviderId } from '../base/ids.ts';
import type { ObservedHost } from '../domain/command.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceClass, DeviceCounts, HostStatus, Resources } from '../domain/model/host.ts';
import type { SeenServer } from '../engine/ports.ts';
import {
  ALIAS_KEY,
  asksPlacementForDevices,
  gpuFlavor,
  parseAliasSpec,
  resourcesOf,
  type Aliases,
} from './gpu-flavor.ts';
import { gpusByHost, hostFinder } from './gpu-hosts.ts';
import { markOf } from './marks.ts';
import type { Aggregate } from './nova/aggregates.ts';
import type { NovaFlavor } from './nova/flavors.ts';
import type { Hypervisor } from './nova/hypervisors.ts';
import type { Server } from './nova/servers.ts';

export interface InventoryInput {
  readonly providerId: ProviderId;
  readonly deploymentId: string;
  readonly aggregates: readonly Aggregate[];
  readonly hypervisors: readonly Hypervisor[];
  readonly flavors: readonly NovaFlavor[];
  /** Of all projects. */
  readonly servers: readonly Server[];
  readonly aliases: Aliases;
  /** vCPUs that may be handed out per physical one; memory and disk are never overcommitted. */
  readonly vcpuRatio: number;
  /** Since when a service host has been down without a break, ms. */
  readonly downSinceMs: (host: string) => number;
  /** A claim of ours stands for what the server uses. */
  readonly isCounted: (server: SeenServer) => boolean;
}

export interface Inventory {
  /** Hosts with GPUs, in Nova's order. */
  readonly hosts: readonly ObservedHost[];
  /** Flavors with GPUs, in Nova's order. */
  readonly flavors: readonly Flavor[];
  readonly warnings: readonly string[];
}

/** Upstream deNBI counts four vCPUs per core, and Nova's own default in Zed is the same. */
export const DEFAULT_VCPU_RATIO = 4;

export function takeInventory(input: InventoryInput): Inventory {
  const warnings: string[] = [];
  const findHost = hostFinder(input.hypervisors);
  const gpus = gpusByHost(input.aggregates, findHost, input.aliases, warnings);
  const serversByHost = Map.groupBy(
    input.servers.filter(holdsHost),
    ({ host }) => findHost(host ?? '') ?? '',
  );
  for (const server of input.servers) warnOfResize(server, warnings);
  const hosts = input.hypervisors.flatMap((node) => {
    const counts = gpus.get(node.host);
    return counts === undefined ? [] : [hostOf(input, node, counts, serversByHost.get(node.host) ?? [])];
  });
  return { hosts, flavors: flavorsOf(input, gpus, warnings), warnings };
}

export function hostIdOf(providerId: ProviderId, host: string): HostId {
  return asId(`${providerId}:${host}`);
}

/**
 * Devices that a server was booted with; an unreadable alias holds none, as Nova would not have booted it.
 */
export function devicesOf(server: Server, aliases: Aliases): DeviceCounts {
  const spec = server.flavor?.extraSpecs[ALIAS_KEY];
  if (spec === undefined) return {};
  const parsed = parseAliasSpec(spec, aliases);
  return parsed.ok ? parsed.value : {};
}

/**
 * Everything that has a host holds its resources there, whatever its status; offloaded and failed builds have
 * none.
 */
function holdsHost(server: Server): boolean {
  return server.host !== null && server.status !== 'DELETED' && server.status !== 'SHELVED_OFFLOADED';
}

function hostOf(
  input: InventoryInput,
  node: Hypervisor,
  gpus: ReadonlyMap<DeviceClass, number>,
  servers: readonly Server[],
): ObservedHost {
  const capacity = {
    vcpus: Math.floor(node.vcpus * input.vcpuRatio),
    memoryMiB: node.memoryMiB,
    diskGiB: node.diskGiB,
  };
  return {
    id: hostIdOf(input.providerId, node.host),
    providerId: input.providerId,
    name: node.host,
    claimKind: 'slot',
    capacity,
    devices: [],
    slots: Object.fromEntries(gpus),
    foreign: foreignUse(input, node, servers),
    status: statusOf(node, input.downSinceMs),
  };
}

function statusOf(node: Hypervisor, downSinceMs: (host: string) => number): HostStatus {
  if (node.down)
    return { kind: 'down', sinceMs: downSinceMs(node.host), reason: 'nova-compute does not report' };
  if (node.disabled) return { kind: 'disabled', reason: node.disabledReason ?? 'disabled in Nova' };
  return { kind: 'up' };
}

/**
 * What others use: their servers, and what Nova counts as used that no server explains (memory reserved for
 * the host, a pinned image cache). A server that a claim stands for is left to it; our mark alone is no
 * claim.
 */
function foreignUse(
  input: InventoryInput,
  node: Hypervisor,
  servers: readonly Server[],
): ObservedHost['foreign'] {
  const foreign = servers.filter((server) => {
    const mark = markOf(server);
    const leaseId = mark?.deploymentId === input.deploymentId ? mark.leaseId : null;
    return !input.isCounted({ id: server.id, leaseId });
  });
  const devices: Record<DeviceClass, number> = {};
  for (const server of foreign) {
    for (const [deviceClass, count] of Object.entries(devicesOf(server, input.aliases))) {
      devices[deviceClass] = (devices[deviceClass] ?? 0) + count;
    }
  }
  const theirs = sum(foreign);
  const all = sum(servers);
  const used = usedOf(node);
  return {
    resources: {
      vcpus: theirs.vcpus + Math.max(0, used.vcpus - all.vcpus),
      memoryMiB: theirs.memoryMiB + Math.max(0, used.memoryMiB - all.memoryMiB),
      diskGiB: theirs.diskGiB + Math.max(0, used.diskGiB - all.diskGiB),
    },
    devices,
  };
}

/** Disk counts as used as if every image had grown to its size, where the driver tells. */
function usedOf(node: Hypervisor): Resources {
  const least = node.diskAvailableLeastGiB;
  const diskGiB =
    least === null ? node.diskUsedGiB : Math.min(node.diskGiB, Math.max(0, node.diskGiB - least));
  return { vcpus: node.vcpusUsed, memoryMiB: node.memoryUsedMiB, diskGiB };
}

function sum(servers: readonly Server[]): Resources {
  let [vcpus, memoryMiB, diskGiB] = [0, 0, 0];
  for (const { flavor } of servers) {
    if (flavor === null) continue;
    const use = resourcesOf(flavor);
    vcpus += use.vcpus;
    memoryMiB += use.memoryMiB;
    diskGiB += use.diskGiB;
  }
  return { vcpus, memoryMiB, diskGiB };
}

function flavorsOf(
  input: InventoryInput,
  gpus: ReadonlyMap<string, ReadonlyMap<DeviceClass, number>>,
  warnings: string[],
): readonly Flavor[] {
  const { providerId, aliases } = input;
  const known = new Set([...gpus.values()].flatMap((counts) => [...counts.keys()]));
  return input.flavors.flatMap((nova, position) => {
    const flavor = gpuFlavor(nova, { providerId, aliases, known, position });
    if (flavor === null) {
      if (asksPlacementForDevices(nova))
        warnings.push(`flavor '${nova.name}': its accelerators are not PCI aliases`);
      return [];
    }
    if (flavor.misconfigured !== null) warnings.push(`flavor '${nova.name}': ${flavor.misconfigured}`);
    return [flavor];
  });
}

/** Until a resize is confirmed, the server holds its resources on the host that it came from, too. */
function warnOfResize(server: Server, warnings: string[]): void {
  if (server.status !== 'VERIFY_RESIZE' || server.flavor?.extraSpecs[ALIAS_KEY] === undefined) return;
  warnings.push(
    `server ${server.id} waits for its resize to be confirmed: its former host is fuller than it shows`,
  );
}
