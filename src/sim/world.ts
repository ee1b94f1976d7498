/**
 * The records of the simulated cloud with the indexes that make its calls cheap: servers by project and tag,
 * ports by device, floating IPs by port, pending events by time. Whoever changes an indexed field does it
 * through a method here.
 */
import { assert, assertDefined } from '../base/assert.ts';
import { Heap } from '../base/heap.ts';
import { FaultPlan, type FaultState, type RangeMs } from './faults.ts';
import type {
  SimApplicationCredential,
  SimEvent,
  SimFlavor,
  SimFloatingIp,
  SimHost,
  SimImage,
  SimKeypair,
  SimNetwork,
  SimPort,
  SimProject,
  SimQuota,
  SimSecurityGroup,
  SimServer,
  SimSubnet,
  SimToken,
  SimTrust,
  SimUser,
} from './model.ts';
import type { SimTopology } from './topology.ts';

/** How long the cloud takes for what it does, ms. */
export interface SimTimings {
  readonly scheduleMs: RangeMs;
  readonly spawnMs: RangeMs;
  readonly shelveMs: RangeMs;
  readonly offloadMs: RangeMs;
  readonly powerMs: RangeMs;
  readonly snapshotMs: RangeMs;
  readonly deleteMs: RangeMs;
  /** After how long a PCI device that was taken shows up in Placement (`update_resources_interval`). */
  readonly pciReportMs: RangeMs;
  /** Nova's `shelved_offload_time`; null: never by itself (-1). */
  readonly shelvedOffloadTimeMs: number | null;
  readonly tokenLifetimeMs: number;
}

/** As on a cloud with real guests: about half a minute to build, a minute to shelve. */
export const REALISTIC_TIMINGS: SimTimings = {
  scheduleMs: [300, 1500],
  spawnMs: [8000, 30_000],
  shelveMs: [20_000, 90_000],
  offloadMs: [1000, 5000],
  powerMs: [1000, 8000],
  snapshotMs: [20_000, 90_000],
  deleteMs: [1000, 8000],
  pciReportMs: [0, 10_000],
  shelvedOffloadTimeMs: 0,
  tokenLifetimeMs: 3_600_000,
};

export interface Assignment {
  readonly projectId: string;
  readonly userId: string;
  readonly roles: string[];
}

/** Deleted servers that `changes-since` still lists; the oldest are forgotten beyond this. */
const DELETED_SERVERS_MAX = 1000;
/** Live tokens; beyond it the oldest are dropped, as an overfull cache would. */
const TOKENS_MAX = 20_000;

export class SimWorld {
  readonly topology: SimTopology;
  readonly timings: SimTimings;
  readonly faults: FaultPlan;
  readonly hosts = new Map<string, SimHost>();
  readonly hostsById = new Map<string, SimHost>();
  readonly flavors = new Map<string, SimFlavor>();
  readonly images = new Map<string, SimImage>();
  readonly networks = new Map<string, SimNetwork>();
  readonly subnets = new Map<string, SimSubnet>();
  readonly securityGroups = new Map<string, SimSecurityGroup>();
  readonly projects = new Map<string, SimProject>();
  readonly users = new Map<string, SimUser>();
  readonly usersByName = new Map<string, SimUser>();
  /** By `project/user`. */
  readonly assignments = new Map<string, Assignment>();
  readonly applicationCredentials = new Map<string, SimApplicationCredential>();
  readonly trusts = new Map<string, SimTrust>();
  readonly tokens = new Map<string, SimToken>();
  /** By `user/name`. */
  readonly keypairs = new Map<string, SimKeypair>();
  /** Projects whose quota differs from the default. */
  readonly quotas = new Map<string, SimQuota>();
  readonly servers = new Map<string, SimServer>();
  readonly deletedServers = new Map<string, SimServer>();
  readonly serversByProject = new Map<string, Set<SimServer>>();
  readonly serversByTag = new Map<string, Set<SimServer>>();
  readonly ports = new Map<string, SimPort>();
  readonly portsByDevice = new Map<string, Set<SimPort>>();
  readonly floatingIps = new Map<string, SimFloatingIp>();
  readonly floatingIpByPort = new Map<string, SimFloatingIp>();
  /** By `subnet/address`. */
  readonly addressesUsed = new Set<string>();
  readonly addressCursors = new Map<string, number>();
  readonly pending = new Map<number, SimEvent>();
  readonly #queue = new Heap<SimEvent>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq));
  /** The cloud's own time; never goes back. */
  nowMs = 0;
  /** What the Date header is off by. */
  dateOffsetMs = 0;
  nextSeq = 1;
  requestCount = 0;
  /** Counts changes, so that whoever keeps the state knows when to. */
  revision = 0;

  constructor(topology: SimTopology, timings: SimTimings, faults: FaultState) {
    this.topology = topology;
    this.timings = timings;
    this.faults = new FaultPlan(faults);
  }

  // -------------------------------------------------------------------------------------------------- events

  schedule(event: Omit<SimEvent, 'seq'>): void {
    this.push({ ...event, seq: this.nextSeq++ });
  }

  push(event: SimEvent): void {
    this.pending.set(event.seq, event);
    this.#queue.push(event);
  }

  nextEventMs(): number | null {
    return this.#queue.peek()?.atMs ?? null;
  }

  /** Takes the earliest event that is due at `nowMs`. */
  takeDue(nowMs: number): SimEvent | null {
    const event = this.#queue.peek();
    if (event === undefined || event.atMs > nowMs) return null;
    this.#queue.pop();
    this.pending.delete(event.seq);
    return event;
  }

  // ------------------------------------------------------------------------------------------------- servers

  addServer(server: SimServer): void {
    assert(!this.servers.has(server.id), 'server ids are unique');
    this.servers.set(server.id, server);
    setOf(this.serversByProject, server.projectId).add(server);
    for (const tag of server.tags) setOf(this.serversByTag, tag).add(server);
  }

  setTags(server: SimServer, tags: readonly string[]): void {
    for (const tag of server.tags) dropFrom(this.serversByTag, tag, server);
    server.tags = [...new Set(tags)];
    for (const tag of server.tags) setOf(this.serversByTag, tag).add(server);
    this.touch(server);
  }

  touch(server: SimServer): void {
    server.updatedAtMs = this.nowMs;
    this.revision += 1;
  }

  /** Starts a new task: events of the one before find that they were overtaken. */
  beginTask(server: SimServer, taskState: string | null): number {
    server.taskState = taskState;
    server.task += 1;
    this.touch(server);
    return server.task;
  }

  /** Forgets a server that is gone. Its host's resources and its ports must have been given back. */
  removeServer(server: SimServer): void {
    assert(server.host === null, 'a server that is gone holds no host');
    this.servers.delete(server.id);
    dropFrom(this.serversByProject, server.projectId, server);
    for (const tag of server.tags) dropFrom(this.serversByTag, tag, server);
    server.vmState = 'deleted';
    server.taskState = null;
    server.powerState = 0;
    server.task += 1;
    server.terminatedAtMs = this.nowMs;
    this.touch(server);
    this.deletedServers.set(server.id, server);
    if (this.deletedServers.size > DELETED_SERVERS_MAX) dropOldest(this.deletedServers);
  }

  // ---------------------------------------------------------------------------------- ports and floating IPs

  addPort(port: SimPort): void {
    this.ports.set(port.id, port);
    this.addressesUsed.add(`${port.subnetId}/${port.address}`);
    if (port.deviceId !== '') setOf(this.portsByDevice, port.deviceId).add(port);
    this.revision += 1;
  }

  bindPort(port: SimPort, deviceId: string, deviceOwner: string, host: string): void {
    if (port.deviceId !== deviceId) {
      dropFrom(this.portsByDevice, port.deviceId, port);
      if (deviceId !== '') setOf(this.portsByDevice, deviceId).add(port);
    }
    port.deviceId = deviceId;
    port.deviceOwner = deviceOwner;
    port.host = host;
    port.updatedAtMs = this.nowMs;
    this.revision += 1;
  }

  removePort(port: SimPort): void {
    const floatingIp = this.floatingIpByPort.get(port.id);
    if (floatingIp !== undefined) this.associate(floatingIp, null);
    this.ports.delete(port.id);
    dropFrom(this.portsByDevice, port.deviceId, port);
    this.addressesUsed.delete(`${port.subnetId}/${port.address}`);
    this.revision += 1;
  }

  addFloatingIp(floatingIp: SimFloatingIp, subnetId: string): void {
    this.floatingIps.set(floatingIp.id, floatingIp);
    this.addressesUsed.add(`${subnetId}/${floatingIp.address}`);
    if (floatingIp.portId !== null) this.floatingIpByPort.set(floatingIp.portId, floatingIp);
    this.revision += 1;
  }

  associate(floatingIp: SimFloatingIp, port: SimPort | null): void {
    if (floatingIp.portId !== null) this.floatingIpByPort.delete(floatingIp.portId);
    floatingIp.portId = port?.id ?? null;
    floatingIp.fixedAddress = port?.address ?? null;
    floatingIp.updatedAtMs = this.nowMs;
    if (port !== null) this.floatingIpByPort.set(port.id, floatingIp);
    this.revision += 1;
  }

  removeFloatingIp(floatingIp: SimFloatingIp): void {
    this.associate(floatingIp, null);
    this.floatingIps.delete(floatingIp.id);
    const network = assertDefined(this.networks.get(floatingIp.networkId), 'a floating IP has a network');
    this.addressesUsed.delete(`${network.subnetId}/${floatingIp.address}`);
  }

  // -------------------------------------------------------------------------------------------------- tokens

  addToken(token: SimToken): void {
    this.tokens.set(token.id, token);
    for (const [id, oldest] of this.tokens) {
      if (oldest.expiresAtMs > this.nowMs && this.tokens.size <= TOKENS_MAX) break;
      this.tokens.delete(id);
    }
    this.revision += 1;
  }
}

function setOf<Value>(index: Map<string, Set<Value>>, key: string): Set<Value> {
  const found = index.get(key);
  if (found !== undefined) return found;
  const made = new Set<Value>();
  index.set(key, made);
  return made;
}

function dropFrom<Value>(index: Map<string, Set<Value>>, key: string, value: Value): void {
  const values = index.get(key);
  if (values === undefined) return;
  values.delete(value);
  if (values.size === 0) index.delete(key);
}

function dropOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
