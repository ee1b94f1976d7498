/** The whole cloud as JSON and back: what a demo keeps over restarts, and what two runs of a seed compare. */
import { assert } from '../base/assert.ts';
import type { FaultState } from './faults.ts';
import { isRecord } from './http.ts';
import type {
  SimApplicationCredential,
  SimEvent,
  SimFloatingIp,
  SimImage,
  SimKeypair,
  SimPort,
  SimQuota,
  SimSecurityGroup,
  SimServer,
  SimToken,
  SimTrust,
} from './model.ts';
import { auditWorld, diskGbOf, hostOf } from './placing.ts';
import { seedWorld } from './seed.ts';
import { parseTopology, type SimTopology } from './topology.ts';
import { type Assignment, type SimTimings, SimWorld } from './world.ts';

/** Raised whenever an older state can no longer be read. */
const FORMAT = 1;

export interface SavedState {
  readonly format: typeof FORMAT;
  readonly topology: SimTopology;
  readonly timings: SimTimings;
  readonly faults: FaultState;
  readonly nowMs: number;
  readonly dateOffsetMs: number;
  readonly nextSeq: number;
  readonly requestCount: number;
  readonly revision: number;
  readonly hosts: readonly SavedHost[];
  readonly servers: readonly SimServer[];
  readonly deletedServers: readonly SimServer[];
  readonly ports: readonly SimPort[];
  readonly floatingIps: readonly SimFloatingIp[];
  readonly images: readonly SimImage[];
  readonly keypairs: readonly SimKeypair[];
  readonly tokens: readonly SimToken[];
  readonly applicationCredentials: readonly SimApplicationCredential[];
  /** States of before there were trusts have none. */
  readonly trusts?: readonly SimTrust[];
  /** Beside those of the topology. States of before they could be made have none. */
  readonly securityGroups?: readonly SimSecurityGroup[];
  readonly assignments: readonly Assignment[];
  readonly quotas: readonly (readonly [projectId: string, quota: SimQuota])[];
  readonly addressCursors: readonly (readonly [subnetId: string, offset: number])[];
  readonly events: readonly SimEvent[];
}

interface SavedHost {
  readonly name: string;
  readonly up: boolean;
  readonly outage: number;
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly generation: number;
  readonly parked: readonly SimEvent[];
  /** Server id of each device, in the topology's order. */
  readonly devices: readonly (string | null)[];
  /** What each accelerator gives to which server; states of before there were any have none. */
  readonly accelerators?: readonly Readonly<Record<string, number>>[];
}

/** A value that shares its records with the world: serialise it before the world moves on. */
export function saveWorld(world: SimWorld): SavedState {
  return {
    format: FORMAT,
    topology: world.topology,
    timings: world.timings,
    faults: world.faults.toJSON(),
    nowMs: world.nowMs,
    dateOffsetMs: world.dateOffsetMs,
    nextSeq: world.nextSeq,
    requestCount: world.requestCount,
    revision: world.revision,
    hosts: [...world.hosts.values()].map((host) => ({
      name: host.name,
      up: host.up,
      outage: host.outage,
      enabled: host.enabled,
      disabledReason: host.disabledReason,
      generation: host.generation,
      parked: host.parked,
      devices: host.devices.map((device) => device.serverId),
      accelerators: host.accelerators.map(({ held }) => held),
    })),
    servers: [...world.servers.values()],
    deletedServers: [...world.deletedServers.values()],
    ports: [...world.ports.values()],
    floatingIps: [...world.floatingIps.values()],
    images: [...world.images.values()],
    keypairs: [...world.keypairs.values()],
    securityGroups: [...world.securityGroups.values()].filter(({ rules }) => rules !== undefined),
    tokens: [...world.tokens.values()],
    applicationCredentials: [...world.applicationCredentials.values()],
    trusts: [...world.trusts.values()],
    assignments: [...world.assignments.values()],
    quotas: [...world.quotas],
    addressCursors: [...world.addressCursors],
    events: [...world.pending.values()],
  };
}

/**
 * Rebuilds a world from parsed JSON that `saveWorld` made; throws if it is of another format or contradicts
 * itself.
 */
export function loadWorld(json: unknown): SimWorld {
  const saved = parseSaved(json);
  const world = new SimWorld(parseTopology(saved.topology), saved.timings, saved.faults);
  seedWorld(world);
  world.nowMs = saved.nowMs;
  world.dateOffsetMs = saved.dateOffsetMs;
  world.assignments.clear();
  for (const item of saved.assignments) world.assignments.set(`${item.projectId}/${item.userId}`, item);
  world.images.clear();
  for (const image of saved.images) world.images.set(image.id, image);
  for (const trust of saved.trusts ?? []) world.trusts.set(trust.id, trust);
  for (const token of saved.tokens) world.tokens.set(token.id, { ...token, trustId: token.trustId ?? null });
  for (const item of saved.applicationCredentials) world.applicationCredentials.set(item.id, item);
  for (const group of saved.securityGroups ?? []) world.securityGroups.set(group.id, group);
  for (const keypair of saved.keypairs) world.keypairs.set(`${keypair.userId}/${keypair.name}`, keypair);
  for (const [projectId, quota] of saved.quotas) world.quotas.set(projectId, quota);
  for (const [subnetId, offset] of saved.addressCursors) world.addressCursors.set(subnetId, offset);
  for (const server of saved.servers) world.addServer(server);
  for (const server of saved.deletedServers) world.deletedServers.set(server.id, server);
  for (const port of saved.ports) world.addPort(port);
  for (const floatingIp of saved.floatingIps) {
    world.addFloatingIp(floatingIp, world.networks.get(floatingIp.networkId)?.subnetId ?? '');
  }
  for (const host of saved.hosts) restoreHost(world, host);
  for (const server of saved.servers) restoreUsage(world, server);
  for (const event of saved.events) world.push(event);
  world.nextSeq = saved.nextSeq;
  world.requestCount = saved.requestCount;
  world.revision = saved.revision;
  auditWorld(world);
  return world;
}

function restoreHost(world: SimWorld, saved: SavedHost): void {
  const host = hostOf(world, saved.name);
  host.up = saved.up;
  host.outage = saved.outage;
  host.enabled = saved.enabled;
  host.disabledReason = saved.disabledReason;
  host.generation = saved.generation;
  host.parked = [...saved.parked];
  assert(saved.devices.length === host.devices.length, 'the saved devices are those of the topology');
  host.devices.forEach((device, index) => {
    device.serverId = saved.devices[index] ?? null;
  });
  host.accelerators.forEach((accelerator, index) => {
    accelerator.held = { ...saved.accelerators?.[index] };
  });
}

function restoreUsage(world: SimWorld, server: SimServer): void {
  if (server.host === null) return;
  const host = hostOf(world, server.host);
  host.serverIds.add(server.id);
  host.usedVcpus += server.flavor.vcpus;
  host.usedRamMiB += server.flavor.ram;
  host.usedDiskGb += diskGbOf(server.flavor);
}

/** Only the format is checked here: the file is our own, and the audit after loading finds contradictions. */
function parseSaved(json: unknown): SavedState {
  if (!isRecord(json) || json['format'] !== FORMAT) {
    throw new TypeError(`not a saved simulated cloud of format ${FORMAT}`);
  }
  // A copy, so that the world does not share records with whoever holds the JSON.
  return structuredClone(json) as unknown as SavedState;
}
