/**
 * The tables as the writer sees them: for each column, how it follows from the entity. `body` is the whole
 * entity as JSON and is what is read back; the other columns are for operators, queries and constraints.
 */
import type { StoredEvent } from '../engine/ports.ts';
import type { Control } from '../domain/model/control.ts';
import type { Finding } from '../domain/model/finding.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { Host } from '../domain/model/host.ts';
import type { IdempotencyRecord } from '../domain/model/idempotency.ts';
import type { Intent, Lease } from '../domain/model/lease.ts';
import type { Project } from '../domain/model/project.ts';
import type { Token } from '../domain/model/token.ts';
import type { UsageRecord } from '../domain/model/usage.ts';
import { claimOf } from '../domain/world.ts';

/** What a store keeps in one column. */
export type Value = string | number | null;
export type Row = readonly Value[];

/** A table, and the columns of its rows in order. */
export interface Columns {
  readonly name: string;
  /** The first is the key, where the key is one column. */
  readonly columns: readonly string[];
}

/** A table whose rows each follow from one value. */
export interface Table<T> extends Columns {
  row(value: T): Row;
}

function table<T>(name: string, columns: Readonly<Record<string, (value: T) => Value>>): Table<T> {
  const getters = Object.values(columns);
  return { name, columns: Object.keys(columns), row: (value) => getters.map((getter) => getter(value)) };
}

export const leaseTable = table<Lease>('leases', {
  id: (lease) => lease.id,
  project_id: (lease) => lease.projectId,
  owner_id: (lease) => lease.ownerId,
  name: (lease) => lease.name,
  state: (lease) => lease.state.kind,
  flavor_id: (lease) => lease.request.flavorId,
  flavor_name: (lease) => lease.request.flavorName,
  provider_id: (lease) => lease.request.demand.providerId,
  host_id: (lease) => claimOf(lease)?.hostId ?? null,
  server_id: (lease) => lease.refs.serverId,
  address: (lease) => lease.refs.address,
  generation: (lease) => lease.generation,
  created_at_ms: (lease) => lease.createdAtMs,
  claimed_at_ms: (lease) => lease.claimedAtMs,
  wait_until_ms: (lease) => (lease.state.kind === 'queued' ? lease.state.waitUntilMs : null),
  expires_at_ms: (lease) => (lease.state.kind === 'active' ? lease.state.expiresAtMs : null),
  ended_at_ms: (lease) => (lease.state.kind === 'ended' ? lease.state.atMs : null),
  end_reason: (lease) => (lease.state.kind === 'ended' ? lease.state.reason : null),
  used_device_ms: (lease) => lease.usedDeviceMs,
  body: (lease) => JSON.stringify(lease),
});

export const hostTable = table<Host>('hosts', {
  id: (host) => host.id,
  provider_id: (host) => host.providerId,
  name: (host) => host.name,
  claim_kind: (host) => host.claimKind,
  status: (host) => host.status.kind,
  drained: (host) => (host.drain === null ? 0 : 1),
  vcpus: (host) => host.capacity.vcpus,
  memory_mib: (host) => host.capacity.memoryMiB,
  disk_gib: (host) => host.capacity.diskGiB,
  body: (host) => JSON.stringify(host),
});

/**
 * An open intent. A row that was closed stays closed: `closed_at_ms` is not among the columns that are put.
 */
export const intentTable = table<Intent>('intents', {
  id: (intent) => intent.id,
  lease_id: (intent) => intent.leaseId,
  step: (intent) => intent.step,
  opened_at_ms: (intent) => intent.openedAtMs,
  timeout_ms: (intent) => intent.timeoutMs,
  body: (intent) => JSON.stringify(intent),
});

export const flavorTable = table<Flavor>('flavors', {
  id: (flavor) => flavor.id,
  provider_id: (flavor) => flavor.providerId,
  name: (flavor) => flavor.name,
  vcpus: (flavor) => flavor.resources.vcpus,
  memory_mib: (flavor) => flavor.resources.memoryMiB,
  disk_gib: (flavor) => flavor.resources.diskGiB,
  disabled: (flavor) => (flavor.disabled ? 1 : 0),
  body: (flavor) => JSON.stringify(flavor),
});

export const projectTable = table<Project>('projects', {
  id: (project) => project.id,
  name: (project) => project.name,
  limit_gpus: (project) => project.limits.gpus,
  limit_leases: (project) => project.limits.leases,
  limit_gpu_hours: (project) => project.limits.gpuHoursPerMonth,
  served_seq: (project) => project.servedSeq,
  body: (project) => JSON.stringify(project),
});

export const tokenTable = table<Token>('tokens', {
  id: (token) => token.id,
  name: (token) => token.name,
  project_id: (token) => token.projectId,
  role: (token) => token.role,
  secret_hash: (token) => token.secretHash,
  created_at_ms: (token) => token.createdAtMs,
  created_by: (token) => token.createdBy,
  expires_at_ms: (token) => token.expiresAtMs,
  body: (token) => JSON.stringify(token),
});

export const findingTable = table<Finding>('findings', {
  id: (finding) => finding.id,
  code: (finding) => finding.code,
  subject: (finding) => finding.subject,
  since_ms: (finding) => finding.sinceMs,
  body: (finding) => JSON.stringify(finding),
});

export const idempotencyTable = table<IdempotencyRecord>('idempotency', {
  id: (record) => record.id,
  request_hash: (record) => record.requestHash,
  expires_at_ms: (record) => record.expiresAtMs,
  reply: (record) => JSON.stringify(record.reply),
});

export const controlTable = table<Control>('control', {
  id: () => 'control',
  deployment_id: (control) => control.deploymentId,
  mode: (control) => control.mode.kind,
  frozen: (control) => (control.freeze === null ? 0 : 1),
  body: (control) => JSON.stringify(control),
});

/** Numbered without gaps; rows are added, never changed. */
export const eventTable = table<StoredEvent>('events', {
  seq: (event) => event.seq,
  at_ms: (event) => event.atMs,
  actor: (event) => event.actor,
  type: (event) => event.type,
  entity: (event) => event.entity,
  entity_id: (event) => event.id,
  project_id: (event) => event.projectId,
  reason: (event) => event.reason,
  data: (event) => JSON.stringify(event.data),
  state_before: (event) => event.before,
  state_after: (event) => event.after,
});

/** A class of the devices that were held for a time. */
export interface UsedClass {
  readonly record: UsageRecord;
  readonly deviceClass: string;
  readonly count: number;
}

export const usageTable = table<UsedClass>('usage', {
  lease_id: ({ record }) => record.leaseId,
  holding: ({ record }) => record.holding,
  device_class: ({ deviceClass }) => deviceClass,
  count: ({ count }) => count,
  from_ms: ({ record }) => record.fromMs,
  until_ms: ({ record }) => record.untilMs,
  lease_name: ({ record }) => record.leaseName,
  project_id: ({ record }) => record.projectId,
  project_name: ({ record }) => record.projectName,
  owner_id: ({ record }) => record.ownerId,
  flavor_id: ({ record }) => record.flavorId,
  flavor_name: ({ record }) => record.flavorName,
  purpose: ({ record }) => record.purpose,
});

// What a lease claims and a host has are rows of several tables each: plan.ts makes them.

export const claimTable: Columns = {
  name: 'claims',
  columns: [
    'lease_id',
    'host_id',
    'kind',
    'held',
    'provisional',
    'from_ms',
    'until_ms',
    'vcpus',
    'memory_mib',
    'disk_gib',
    'holding',
  ],
};

export const claimClassTable: Columns = {
  name: 'claim_classes',
  columns: ['lease_id', 'device_class', 'host_id', 'count', 'held', 'observed'],
};

export const claimDeviceTable: Columns = {
  name: 'claim_devices',
  columns: ['lease_id', 'device_id', 'host_id', 'held'],
};

export const deviceTable: Columns = {
  name: 'devices',
  columns: [
    'id',
    'host_id',
    'device_class',
    'address',
    'iommu_group',
    'numa_node',
    'parent_id',
    'quarantine',
  ],
};
