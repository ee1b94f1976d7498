/**
 * The simulated cloud's records: plain mutable values that survive JSON, so that the whole cloud can be kept
 * and compared. Times are milliseconds; RAM is MiB and disk is GB, as Nova counts them.
 */
import type { FaultKind } from './faults.ts';

export type VmState =
  | 'building'
  | 'active'
  | 'stopped'
  | 'shelved'
  | 'shelved_offloaded'
  | 'error'
  | 'deleted';

/** What a server takes of a host. `aliases`: PCI alias → count. */
export interface SimFlavor {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly ram: number;
  readonly disk: number;
  readonly swap: number;
  readonly ephemeral: number;
  readonly disabled: boolean;
  readonly isPublic: boolean;
  readonly extraSpecs: Readonly<Record<string, string>>;
  readonly aliases: readonly (readonly [alias: string, count: number])[];
}

export interface SimServer {
  readonly id: string;
  name: string;
  readonly projectId: string;
  readonly userId: string;
  /** As at boot: Nova embeds the flavor and never reads it again. */
  readonly flavor: SimFlavor;
  readonly imageId: string;
  readonly keyName: string | null;
  readonly userData: string | null;
  readonly configDrive: boolean;
  readonly securityGroups: readonly string[];
  readonly requestedNetworks: readonly RequestedNetwork[];
  /** Where an admin wanted it; cleared once it was scheduled. */
  requestedHost: string | null;
  metadata: Record<string, string>;
  tags: string[];
  description: string | null;
  vmState: VmState;
  taskState: string | null;
  /** 0 none, 1 running, 4 shut down. */
  powerState: number;
  host: string | null;
  /** When the host's resources were taken: PCI devices show up in Placement later than that. */
  pciReportedAtMs: number;
  portIds: string[];
  locked: boolean;
  lockedReason: string | null;
  /** `owner`: somebody of the server's project. Not there while it is not locked, or in states of before. */
  lockedBy?: 'owner' | 'admin';
  readonly createdAtMs: number;
  updatedAtMs: number;
  launchedAtMs: number | null;
  terminatedAtMs: number | null;
  fault: { readonly code: number; readonly message: string; readonly createdAtMs: number } | null;
  shelvedImageId: string | null;
  /** Counts tasks; an event of an earlier task finds that it was overtaken. */
  task: number;
  /** A fault that was drawn with the request and takes effect later. */
  doom: FaultKind | null;
}

export type RequestedNetwork =
  | { readonly kind: 'network'; readonly networkId: string }
  | { readonly kind: 'port'; readonly portId: string };

export interface SimDevice {
  readonly address: string;
  readonly model: string;
  readonly resourceClass: string;
  readonly traits: readonly string[];
  readonly aliases: readonly string[];
  readonly providerId: string;
  readonly passthrough: boolean;
  serverId: string | null;
}

/** A resource provider below a host that is no PCI device of Nova's. */
export interface SimAccelerator {
  readonly name: string;
  readonly providerId: string;
  readonly resourceClass: string;
  readonly total: number;
  readonly reserved: number;
  readonly traits: readonly string[];
  /** Amounts by server id. */
  held: Record<string, number>;
}

export interface SimHost {
  readonly name: string;
  /** The hypervisor's id and the root resource provider's. */
  readonly id: string;
  readonly serviceId: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly diskGb: number;
  /** Values of the aggregates' `gpu` key that cover this host. */
  readonly gpuFlags: readonly string[];
  readonly devices: SimDevice[];
  readonly accelerators: readonly SimAccelerator[];
  up: boolean;
  /** Counts outages, so that the end of an earlier one does not end a later one. */
  outage: number;
  enabled: boolean;
  disabledReason: string | null;
  usedVcpus: number;
  usedRamMiB: number;
  usedDiskGb: number;
  /** Ids of the servers that hold resources here. */
  readonly serverIds: Set<string>;
  /** Events that wait for the host to come back. */
  parked: SimEvent[];
  /** Resource provider generation. */
  generation: number;
}

export interface SimPort {
  readonly id: string;
  name: string;
  readonly projectId: string;
  readonly networkId: string;
  readonly subnetId: string;
  readonly macAddress: string;
  readonly address: string;
  description: string;
  tags: string[];
  securityGroupIds: readonly string[];
  deviceId: string;
  deviceOwner: string;
  host: string;
  /** Made by Nova for a server, and deleted with it. */
  readonly ownedByServer: boolean;
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export interface SimFloatingIp {
  readonly id: string;
  readonly projectId: string;
  readonly networkId: string;
  readonly address: string;
  portId: string | null;
  fixedAddress: string | null;
  description: string;
  tags: string[];
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export interface SimImage {
  readonly id: string;
  readonly name: string;
  readonly projectId: string | null;
  readonly visibility: 'public' | 'private';
  status: 'queued' | 'saving' | 'active' | 'deactivated';
  readonly minDisk: number;
  readonly minRam: number;
  sizeBytes: number | null;
  readonly properties: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export interface SimSubnet {
  readonly id: string;
  readonly name: string;
  readonly networkId: string;
  readonly projectId: string;
  readonly cidr: string;
  readonly gateway: string;
  /** First and last address that is handed out, as integers. */
  readonly poolStart: number;
  readonly poolEnd: number;
  readonly dhcp: boolean;
}

export interface SimNetwork {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly external: boolean;
  readonly up: boolean;
  /** There need not be one of that id. */
  readonly subnetId: string;
  /** The router to the external network; null: none, as on the external one itself. */
  readonly routerId: string | null;
}

export interface SimSecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  /** Ports that everybody may reach from outside. */
  readonly openTcpPorts: readonly number[];
  /** Left out: Neutron's own of a default group. */
  readonly description?: string;
  /** What was added beside the usual. */
  readonly rules?: readonly SimSecurityRule[];
}

/** As Neutron shows it. */
export interface SimSecurityRule {
  readonly id: string;
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: 'IPv4' | 'IPv6';
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
}

export interface SimKeypair {
  readonly userId: string;
  readonly name: string;
  readonly publicKey: string;
  readonly fingerprint: string;
}

export interface SimProject {
  readonly id: string;
  readonly name: string;
}

export interface SimUser {
  readonly id: string;
  readonly name: string;
  readonly password: string;
  /** A disabled one is refused with the words for a wrong password. */
  readonly enabled: boolean;
  readonly defaultProjectId: string | null;
}

export interface SimToken {
  readonly id: string;
  readonly userId: string;
  readonly projectId: string | null;
  readonly roles: readonly string[];
  readonly methods: readonly string[];
  readonly applicationCredentialId: string | null;
  /** Through which trust it acts in its user's name; null: it is the user's own. */
  readonly trustId: string | null;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface SimApplicationCredential {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly userId: string;
  readonly projectId: string;
  readonly roles: readonly string[];
  /** null: never. */
  readonly expiresAtMs: number | null;
  /** What it may be used for; left out: everything. */
  readonly accessRules?: readonly Readonly<Record<string, unknown>>[];
}

export interface SimTrust {
  readonly id: string;
  readonly trustorId: string;
  readonly trusteeId: string;
  readonly projectId: string;
  readonly roles: readonly string[];
}

export interface SimQuota {
  instances: number;
  cores: number;
  ram: number;
  ports: number;
  floatingIps: number;
}

/** A request whose effect comes after the client gave up on it. */
interface LateRequest {
  readonly method: string;
  readonly path: string;
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly seed: number;
}

export type SimEventKind =
  | 'schedule'
  | 'spawned'
  | 'shelved'
  | 'offloaded'
  | 'unshelveScheduled'
  | 'unshelved'
  | 'started'
  | 'stopped'
  | 'rebooted'
  | 'snapshotted'
  | 'deleted'
  | 'hostUp'
  | 'late';

/**
 * What the cloud does by itself at a time: about a server and its task, or for `hostUp` a host and its
 * outage.
 */
export interface SimEvent {
  readonly atMs: number;
  readonly seq: number;
  readonly kind: SimEventKind;
  readonly subject: string;
  readonly task: number;
  readonly imageId?: string;
  readonly late?: LateRequest;
}
