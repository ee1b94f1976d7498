/**
 * Nova's lists and Placement's trees as hosts and flavors of ours: pure, from one poll. Owns the join of
 * aggregates, hypervisors, servers and flavors, and what counts as used by others. It counts what is there;
 * how often a flavor fits is the scheduler's.
 *
 * Numbers are estimates from above where a host's NUMA nodes or IOMMU groups restrict what Nova can really
 * place.
 */
import { asId, type HostId, type ProviderId } from '../base/ids.ts';
import type { ObservedHost } from '../domain/command.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceClass, DeviceCounts, HostStatus, Resources } from '../domain/model/host.ts';
import { addCounts, countOf } from '../domain/scheduler/free.ts';
import type { SeenServer } from '../engine/ports.ts';
import { resourcesOf, type Aliases } from './gpu-flavor.ts';
import { deviceNeeds, type DeviceProfiles, type PlacementClass, type Terms } from './gpu-flavor-needs.ts';
import { gpusByHost, hostFinder, type FindHost } from './gpu-hosts.ts';
import { classesAsked, flavorsOf } from './inventory-flavors.ts';
import { devicesInTree, resourcesInTree, type Count } from './inventory-placement.ts';
import { isResizing, type ResizeHosts } from './inventory-resizes.ts';
import { markOf } from './marks.ts';
import type { Aggregate } from './nova/aggregates.ts';
import type { NovaFlavor } from './nova/flavors.ts';
import type { Hypervisor } from './nova/hypervisors.ts';
import type { Server } from './nova/servers.ts';
import type { Tree, Trees } from './placement/trees.ts';

export interface InventoryInput {
  readonly providerId: ProviderId;
  readonly deploymentId: string;
  readonly aggregates: readonly Aggregate[];
  readonly hypervisors: readonly Hypervisor[];
  readonly flavors: readonly NovaFlavor[];
  /** Of all projects; read after hypervisors and trees. */
  readonly servers: readonly Server[];
  readonly aliases: Aliases;
  /** Those that flavors name; left out: none does. */
  readonly profiles?: DeviceProfiles;
  /** null: Placement may not be read; left out: it was not. */
  readonly trees?: Trees | null;
  /** Left out: nobody has asked. */
  readonly resizeHosts?: ResizeHosts;
  /**
   * vCPUs that may be handed out per physical one, where Placement does not tell; memory and disk are then
   * never overcommitted.
   */
  readonly vcpuRatio: number;
  /** Since when a service host has been down without a break, ms. */
  readonly downSinceMs: (host: string) => number;
  /** A claim of ours stands for what the server uses. */
  readonly isCounted: (server: SeenServer) => boolean;
}

export interface Inventory {
  /** Hosts with devices, in Nova's order. */
  readonly hosts: readonly ObservedHost[];
  /** Flavors with devices, in Nova's order. */
  readonly flavors: readonly Flavor[];
  readonly warnings: readonly string[];
}

/** Upstream deNBI counts four vCPUs per core, and Nova's own default in Zed is the same. */
export const DEFAULT_VCPU_RATIO = 4;

const NO_PROFILES: DeviceProfiles = new Map();

export function takeInventory(input: InventoryInput): Inventory {
  const warnings: string[] = [];
  const terms: Terms = { aliases: input.aliases, profiles: input.profiles ?? NO_PROFILES };
  const findHost = hostFinder(input.hypervisors);
  const gpus = gpusByHost(input.aggregates, findHost, input.aliases, warnings);
  const classes = classesAsked(input.flavors, terms);
  const crowd = crowdOf(input, terms, findHost, warnings);
  const hosts = input.hypervisors.flatMap((node) => {
    const tree = input.trees?.get(node.id) ?? null;
    const counted = tree === null ? NO_COUNTS : countsOf(tree, classes.values());
    const declared = gpus.get(node.host);
    if (declared === undefined && counted.size === 0) return [];
    const slots = Object.fromEntries([
      ...(declared ?? []),
      ...[...counted].map(([name, { total }]) => [name, total] as const),
    ]);
    return [hostOf(input, { node, tree, slots, counted, ...crowd.on(node.host) })];
  });
  const known = new Set(hosts.flatMap(({ slots }) => Object.keys(slots)));
  const placement = input.trees === undefined ? 'unread' : input.trees === null ? 'closed' : 'read';
  const flavors = flavorsOf(
    { ...input, terms, classes, known, hostsFrom: 'aggregates', placement },
    warnings,
  );
  return { hosts, flavors, warnings };
}

export function hostIdOf(providerId: ProviderId, host: string): HostId {
  return asId(`${providerId}:${host}`);
}

/**
 * Devices that a server was booted with; an unreadable alias holds none, as Nova would not have booted it.
 */
export function devicesOf(server: Server, terms: Terms): DeviceCounts {
  const needs = deviceNeeds(server.flavor?.extraSpecs ?? {}, terms);
  return needs?.ok ? needs.value.devices : {};
}

/** Classes that the host has at least one of. */
function countsOf(tree: Tree, classes: Iterable<PlacementClass>): ReadonlyMap<DeviceClass, Count> {
  const counts = new Map<DeviceClass, Count>();
  for (const each of classes) {
    const count = devicesInTree(tree, each);
    if (count.total > 0) counts.set(each.name, count);
  }
  return counts;
}

const NO_COUNTS: ReadonlyMap<DeviceClass, Count> = new Map();

/** What servers take of one host, or of all together. */
interface Use {
  readonly resources: Resources;
  readonly devices: DeviceCounts;
}

/** Who uses a host. */
interface Crowd {
  /** Servers of others, and the devices that somebody holds there during a resize. */
  readonly theirs: Use;
  /** Servers that a claim stands for. */
  readonly ours: Use;
  /** Servers that a claim stands for and that have no host yet: Placement may have given them this one. */
  readonly arriving: Use;
}

/** Sorts the servers by host; a server that a claim stands for is left to it, our mark alone is no claim. */
function crowdOf(
  input: InventoryInput,
  terms: Terms,
  findHost: FindHost,
  warnings: string[],
): { on(host: string): Crowd } {
  const isOurs = (server: Server): boolean => {
    const mark = markOf(server);
    const leaseId = mark?.deploymentId === input.deploymentId ? mark.leaseId : null;
    return input.isCounted({ id: server.id, leaseId });
  };
  const byHost = Map.groupBy(input.servers.filter(holdsHost), ({ host }) => findHost(host ?? '') ?? '');
  const resized = resizedDevices(input, terms, findHost, warnings);
  const arriving = useOf(
    input.servers.filter((server) => isBeingPlaced(server) && isOurs(server)),
    terms,
  );
  return {
    on(host) {
      const { ours = [], theirs = [] } = Object.groupBy(byHost.get(host) ?? [], (server) =>
        isOurs(server) ? 'ours' : 'theirs',
      );
      const { resources, devices } = useOf(theirs, terms);
      return {
        theirs: { resources, devices: addCounts(devices, resized.get(host) ?? {}) },
        ours: useOf(ours, terms),
        arriving,
      };
    },
  };
}

/**
 * Everything that has a host holds its resources there, whatever its status; offloaded and failed builds have
 * none.
 */
function holdsHost(server: Server): boolean {
  return server.host !== null && server.status !== 'DELETED' && server.status !== 'SHELVED_OFFLOADED';
}

function isBeingPlaced({ host, status, taskState }: Server): boolean {
  return host === null && (status === 'BUILD' || (taskState !== null && taskState !== 'deleting'));
}

/** Until a resize is confirmed, the server holds its devices on the host that it came from, too. */
function resizedDevices(
  input: InventoryInput,
  terms: Terms,
  findHost: FindHost,
  warnings: string[],
): ReadonlyMap<string, DeviceCounts> {
  const held = new Map<string, DeviceCounts>();
  for (const server of input.servers.filter(isResizing)) {
    const devices = devicesOf(server, terms);
    if (Object.keys(devices).length === 0) continue;
    const others = input.resizeHosts?.get(server.id);
    if (others === undefined) {
      warnings.push(
        `server ${server.id} waits for its resize to be confirmed: its former host is fuller than it shows`,
      );
    }
    for (const name of others ?? []) {
      const host = findHost(name);
      if (host !== null) held.set(host, addCounts(held.get(host) ?? {}, devices));
    }
  }
  return held;
}

interface HostFacts extends Crowd {
  readonly node: Hypervisor;
  readonly tree: Tree | null;
  readonly slots: DeviceCounts;
  /** By Placement. */
  readonly counted: ReadonlyMap<DeviceClass, Count>;
}

function hostOf(input: InventoryInput, facts: HostFacts): ObservedHost {
  const { node, tree, slots } = facts;
  const byNova = {
    capacity: {
      vcpus: Math.floor(node.vcpus * input.vcpuRatio),
      memoryMiB: node.memoryMiB,
      diskGiB: node.diskGiB,
    },
    used: usedOf(node),
  };
  const { capacity, used } = tree === null ? byNova : resourcesInTree(tree, byNova);
  return {
    id: hostIdOf(input.providerId, node.host),
    providerId: input.providerId,
    name: node.host,
    claimKind: 'slot',
    capacity,
    devices: [],
    slots,
    foreign: foreignUse(facts, used),
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
 * What others use: their servers, and what the cloud counts as used that none of ours explains (memory
 * reserved for the host, a pinned image cache, allocations that are no servers).
 */
function foreignUse({ theirs, ours, arriving, tree, counted }: HostFacts, used: Resources): Use {
  const unexplained = (usedInAll: number, our: number, ourNext: number): number =>
    // Nova's own numbers know of no server before it is on its host, Placement's do.
    usedInAll - our - (tree === null ? 0 : ourNext);
  const amount = (key: keyof Resources): number => {
    // What a server has on a volume is part of its flavor, but Placement counts none of it.
    const known = tree === null ? theirs.resources[key] : Math.min(theirs.resources[key], used[key]);
    return Math.max(known, unexplained(used[key], ours.resources[key], arriving.resources[key]));
  };
  const devices: Record<DeviceClass, number> = { ...theirs.devices };
  for (const [name, count] of counted) {
    const known = countOf(theirs.devices, name);
    const rest = unexplained(count.used, countOf(ours.devices, name), countOf(arriving.devices, name));
    if (rest > known) devices[name] = rest;
  }
  return {
    resources: { vcpus: amount('vcpus'), memoryMiB: amount('memoryMiB'), diskGiB: amount('diskGiB') },
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

function useOf(servers: readonly Server[], terms: Terms): Use {
  let [vcpus, memoryMiB, diskGiB] = [0, 0, 0];
  let devices: DeviceCounts = {};
  for (const server of servers) {
    const { flavor } = server;
    if (flavor === null) continue;
    const needs = deviceNeeds(flavor.extraSpecs, terms);
    const use = { ...resourcesOf(flavor), ...(needs?.ok ? needs.value.resources : {}) };
    vcpus += use.vcpus;
    memoryMiB += use.memoryMiB;
    diskGiB += use.diskGiB;
    if (needs?.ok) devices = addCounts(devices, needs.value.devices);
  }
  return { resources: { vcpus, memoryMiB, diskGiB }, devices };
}
