/**
 * Everything that a cloud shows at one time, in one poll whatever the number of leases: inventory, servers
 * that concern us, and what carries our mark. Owns which calls a poll makes, and in which order.
 */
import type { Clock } from '../base/clock.ts';
import type { ProviderId } from '../base/ids.ts';
import { err, ok } from '../base/result.ts';
import type { Rights } from '../engine/cloud-account.ts';
import { ProviderError, type ProviderSnapshot, type SeenServer } from '../engine/ports.ts';
import { inferAliases } from './alias-inference.ts';
import { KnownProfiles } from './cyborg/known-profiles.ts';
import type { Aliases } from './gpu-flavor.ts';
import type { Terms } from './gpu-flavor-needs.ts';
import { configuredInventory, type ConfiguredHost } from './inventory-configured.ts';
import { devicesOf, takeInventory, type Inventory } from './inventory.ts';
import { findResizeHosts, isResizing, type ResizeHosts } from './inventory-resizes.ts';
import { markOf } from './marks.ts';
import { listAggregates } from './nova/aggregates.ts';
import { listFlavors } from './nova/flavors.ts';
import { listHypervisors, type Hypervisor } from './nova/hypervisors.ts';
import { newestMigration } from './nova/migrations.ts';
import * as servers from './nova/servers.ts';
import * as floatingIps from './neutron/floatingips.ts';
import * as ports from './neutron/ports.ts';
import { PlacementTrees } from './placement/trees.ts';
import { floatingIpSeen, portSeen, serverSeen } from './seen.ts';
import type { OpenStackSession } from './session.ts';

export interface SnapshotOptions {
  readonly id: ProviderId;
  readonly deploymentId: () => string;
  /** Berth's own. */
  readonly session: OpenStackSession;
  readonly clock: Clock;
  /** Whether leases live in other projects than the session's. */
  readonly allProjects: boolean;
  /** What Berth's account may see, as far as that is known; null: not yet, so everything is tried. */
  readonly rights: () => Rights | null;
  readonly aliases: Aliases;
  readonly vcpuRatio: number;
  /** GPU hosts for an account that may not see them. */
  readonly hosts: readonly ConfiguredHost[];
}

export type TakeSnapshot = (isCounted: (server: SeenServer) => boolean) => Promise<ProviderSnapshot>;

export function createSnapshots(options: SnapshotOptions): TakeSnapshot {
  const { session, clock } = options;
  const kept: Kept = {
    downSince: new Map(),
    trees: new PlacementTrees(session, clock),
    profiles: new KnownProfiles(session, clock),
  };
  return (isCounted) => takeSnapshot(options, kept, isCounted);
}

/** What is remembered from one poll to the next: nothing that a crash could cost. */
interface Kept {
  /** Service hosts that are down, with the time when they were first seen so, ms. */
  readonly downSince: Map<string, number>;
  readonly trees: PlacementTrees;
  readonly profiles: KnownProfiles;
}

async function takeSnapshot(
  options: SnapshotOptions,
  kept: Kept,
  isCounted: (server: SeenServer) => boolean,
): Promise<ProviderSnapshot> {
  const { session, id } = options;
  const warnings: string[] = [];
  const projectId = await session.projectId();
  const mine: Record<string, string> =
    projectId === null || options.allProjects ? {} : { project_id: projectId };
  const isMember = options.rights() === 'member';
  const seeing = isMember
    ? seeProject(options, kept, warnings)
    : seeCloud(options, kept, isCounted, warnings);
  const [seen, portList, ipList] = await Promise.all([
    seeing,
    ports.listPorts(session, mine),
    floatingIps.listFloatingIps(session, mine),
  ]);
  const { inventory, terms } = seen;
  const holding = (server: servers.Server): boolean => Object.keys(devicesOf(server, terms)).length > 0;
  return {
    hosts: inventory.hosts,
    flavors: inventory.flavors,
    servers: seen.servers
      .filter((server) => markOf(server) !== null || (server.host !== null && holding(server)))
      .map((server) => serverSeen(server, id, !options.allProjects)),
    ports: portList.map(portSeen).filter(({ berth }) => berth !== null),
    floatingIps: ipList.map(floatingIpSeen).filter(({ berth }) => berth !== null),
    warnings: [...warnings, ...inventory.warnings],
    dateMs: session.dateMs(),
  };
}

interface Seen {
  readonly inventory: Inventory;
  readonly servers: readonly servers.Server[];
  readonly terms: Terms;
}

async function seeCloud(
  options: SnapshotOptions,
  kept: Kept,
  isCounted: (server: SeenServer) => boolean,
  warnings: string[],
): Promise<Seen> {
  const { session, id } = options;
  const unreadable = leftOut(warnings);
  // Hypervisors and what is used of them before servers: one that appears in between is then known by name,
  // not as unexplained use.
  const hypervisors = await listHypervisors(session, unreadable('hypervisor'));
  const ids = hypervisors.map((node) => node.id);
  const [trees, aggregates, flavors] = await Promise.all([
    kept.trees.read(ids, warnings),
    listAggregates(session),
    listFlavors(session, unreadable('flavor')),
  ]);
  const [found, profiles] = await Promise.all([
    servers.listServers(session, unreadable('server')),
    kept.profiles.of(flavors),
  ]);
  const aliases = inferAliases(options.aliases, { aggregates, flavors }, warnings);
  const terms = { aliases, profiles };
  noteDownHosts(hypervisors, kept.downSince, options.clock.wallMs());
  const inventory = takeInventory({
    providerId: id,
    deploymentId: options.deploymentId(),
    aggregates,
    hypervisors,
    flavors,
    servers: found,
    ...terms,
    trees,
    resizeHosts: await resizeHosts(session, found, terms, warnings),
    vcpuRatio: options.vcpuRatio,
    downSinceMs: (host) => kept.downSince.get(host) ?? 0,
    isCounted,
  });
  return { inventory, servers: found, terms };
}

/** With the rights of an ordinary member: no hosts, no aggregates, the servers of one project. */
async function seeProject(options: SnapshotOptions, kept: Kept, warnings: string[]): Promise<Seen> {
  const { session, id, hosts, vcpuRatio } = options;
  const unreadable = leftOut(warnings);
  const [flavors, found] = await Promise.all([
    listFlavors(session, unreadable('flavor')),
    servers.listServers(session, unreadable('server'), false),
  ]);
  const profiles = await kept.profiles.of(flavors);
  const aggregates = hosts.map(({ gpuType }) => ({ metadata: { gpu_type: gpuType } }));
  const aliases = inferAliases(options.aliases, { aggregates, flavors }, warnings);
  const terms = { aliases, profiles };
  const inventory = configuredInventory({ providerId: id, hosts, flavors, ...terms, vcpuRatio });
  return { inventory, servers: found, terms };
}

function leftOut(warnings: string[]): (what: string) => (objectId: string, reason: string) => void {
  return (what) => (objectId, reason) => {
    warnings.push(`${what} ${objectId} is left out, its record is not understood: ${reason}`);
  };
}

function resizeHosts(
  session: OpenStackSession,
  found: readonly servers.Server[],
  terms: Terms,
  warnings: string[],
): Promise<ResizeHosts> {
  const resizing = found.filter(
    (server) => isResizing(server) && Object.keys(devicesOf(server, terms)).length > 0,
  );
  const migrationOf = async (serverId: string): ReturnType<Parameters<typeof findResizeHosts>[1]> => {
    try {
      return ok(await newestMigration(session, serverId));
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return err(error.message);
    }
  };
  return findResizeHosts(resizing, migrationOf, warnings);
}

/** Nova tells that a host is down, not since when; the first time that we saw it stays until it is up. */
function noteDownHosts(
  hypervisors: readonly Pick<Hypervisor, 'host' | 'down'>[],
  downSince: Map<string, number>,
  nowMs: number,
): void {
  const down = new Set(hypervisors.filter((node) => node.down).map(({ host }) => host));
  for (const host of downSince.keys()) if (!down.has(host)) downSince.delete(host);
  for (const host of down) if (!downSince.has(host)) downSince.set(host, nowMs);
}
