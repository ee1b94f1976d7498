/** From a batch to the rows that it writes: pure, and done before the writer is asked. */
import { assert, unreachable } from '../base/assert.ts';
import type { EventFloor } from '../domain/model/control.ts';
import type { Change } from '../domain/model/entities.ts';
import type { Host } from '../domain/model/host.ts';
import type { Intent, Lease } from '../domain/model/lease.ts';
import type { UsageRecord } from '../domain/model/usage.ts';
import { claimOf, holdsNow } from '../domain/world.ts';
import type { CommitBatch } from '../engine/ports.ts';
import {
  controlTable,
  eventTable,
  findingTable,
  flavorTable,
  hostTable,
  idempotencyTable,
  intentTable,
  leaseTable,
  projectTable,
  tokenTable,
  usageTable,
  type Row,
} from './tables.ts';

/** Batches are looked up right after a failure; a day of one commit per ten seconds is more than enough. */
export const BATCHES_KEPT = 10_000;

/** What a lease claims, as rows. */
export interface ClaimRows {
  readonly leaseId: string;
  readonly claim: Row;
  /** Equal text: the rows of classes and devices are there already, as they must be. */
  readonly holding: string;
  /** Seen, not granted: counts as used even where that is more than there is. */
  readonly observed: boolean;
  readonly classes: readonly Row[];
  readonly devices: readonly Row[];
}

export interface LeaseRows {
  readonly id: string;
  readonly lease: Row;
  /** null: nothing is claimed any more. */
  readonly claim: ClaimRows | null;
}

export interface HostRows {
  readonly id: string;
  readonly host: Row;
  /** JSON of the cards, as in the body. Equal text: the rows of devices are there already. */
  readonly inventory: string;
  readonly devices: readonly Row[];
  /** Devices by class that leases may use. */
  readonly totals: readonly (readonly [string, number])[];
  /**
   * The largest total of each class within the batch: a grant was decided against one of these, not only the
   * last.
   */
  readonly peaks: readonly (readonly [string, number])[];
}

/** Tables that need nothing beside their own row. */
export type PlainEntity = 'control' | 'project' | 'flavor' | 'token' | 'finding' | 'idempotency';

export interface PlainRows {
  readonly entity: PlainEntity;
  readonly puts: readonly Row[];
  readonly removedIds: readonly string[];
}

/** Everything that one commit writes. */
export interface WritePlan {
  readonly batchId: string;
  readonly epoch: number;
  readonly revision: number;
  readonly atMs: number;
  readonly leases: readonly LeaseRows[];
  /** Ended ones that have been kept for long enough. */
  readonly removedLeaseIds: readonly string[];
  /** Events up to this one go; null: as before. */
  readonly eventFloor: EventFloor | null;
  readonly hosts: readonly HostRows[];
  readonly removedHostIds: readonly string[];
  readonly intents: readonly Row[];
  readonly closedIntentIds: readonly string[];
  readonly plain: readonly PlainRows[];
  /** Only ever added. */
  readonly usage: readonly Row[];
  readonly events: readonly Row[];
}

/**
 * Only the last change of each entity is written; see `HostRows.peaks` and intents for what earlier ones
 * leave.
 */
export function planWrite(batch: CommitBatch): WritePlan {
  const leases = new Map<string, Lease>();
  const removedLeaseIds: string[] = [];
  let eventFloor: EventFloor | null = null;
  const hosts = new Map<string, Host | null>();
  const peaks = new Map<string, Map<string, number>>();
  const intents = new Map<string, Intent>();
  const closedIntentIds = new Set<string>();
  const plain = new Map<PlainEntity, Map<string, Row | null>>();
  const usage: Row[] = [];
  for (const change of batch.changes) {
    switch (change.entity) {
      case 'lease':
        if (change.after === null) removedLeaseIds.push(change.id);
        else leases.set(change.id, change.after);
        break;
      case 'host':
        hosts.set(change.id, change.after);
        if (change.after !== null) raisePeaks(peaks, change.after);
        break;
      case 'intent':
        // Opened and closed within one batch, it still must be known to have been: both are written.
        if (change.after === null) closedIntentIds.add(change.id);
        else intents.set(change.id, change.after);
        break;
      case 'usage':
        assert(change.after !== null, 'a record of usage is never removed');
        usage.push(...usageRows(change.after));
        break;
      case 'control':
        eventFloor = change.after?.eventFloor ?? null;
        rowsOf(plain, change.entity).set(change.id, plainRow(change));
        break;
      case 'project':
      case 'flavor':
      case 'token':
      case 'finding':
      case 'idempotency':
        rowsOf(plain, change.entity).set(change.id, plainRow(change));
    }
  }
  return {
    batchId: batch.batchId,
    epoch: batch.epoch,
    revision: batch.revision,
    atMs: batch.atMs,
    leases: Array.from(leases.values(), leaseRows),
    removedLeaseIds,
    eventFloor,
    hosts: [...hosts.values()]
      .filter((host) => host !== null)
      .map((host) => hostRows(host, peaks.get(host.id))),
    removedHostIds: [...hosts].filter(([, host]) => host === null).map(([id]) => id),
    intents: Array.from(intents.values(), (intent) => intentTable.row(intent)),
    closedIntentIds: [...closedIntentIds],
    plain: Array.from(plain, ([entity, rows]) => ({
      entity,
      puts: [...rows.values()].filter((row) => row !== null),
      removedIds: [...rows].filter(([, row]) => row === null).map(([id]) => id),
    })),
    usage,
    events: batch.events.map((event) => eventTable.row(event)),
  };
}

type PlainChange = Extract<Change, { entity: PlainEntity }>;

function plainRow(change: PlainChange): Row | null {
  switch (change.entity) {
    case 'control':
      assert(change.after !== null, 'the control record is never removed');
      return controlTable.row(change.after);
    case 'project':
      return change.after && projectTable.row(change.after);
    case 'flavor':
      return change.after && flavorTable.row(change.after);
    case 'token':
      return change.after && tokenTable.row(change.after);
    case 'finding':
      return change.after && findingTable.row(change.after);
    case 'idempotency':
      return change.after && idempotencyTable.row(change.after);
  }
  return unreachable(change);
}

function rowsOf(
  plain: Map<PlainEntity, Map<string, Row | null>>,
  entity: PlainEntity,
): Map<string, Row | null> {
  let rows = plain.get(entity);
  if (rows === undefined) {
    rows = new Map();
    plain.set(entity, rows);
  }
  return rows;
}

function leaseRows(lease: Lease): LeaseRows {
  return { id: lease.id, lease: leaseTable.row(lease), claim: claimRows(lease) };
}

/** A row for each class, in a fixed order. */
function usageRows(record: UsageRecord): readonly Row[] {
  return Object.entries(record.devices)
    .filter(([, count]) => count > 0)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([deviceClass, count]) => usageTable.row({ record, deviceClass, count }));
}

function claimRows(lease: Lease): ClaimRows | null {
  const claim = claimOf(lease);
  if (claim === null) return null;
  const held = holdsNow(lease) ? 1 : 0;
  const provisional = claim.kind === 'slot' && claim.provisional;
  const observed = claim.kind === 'slot' && !claim.provisional;
  const classes = Object.entries(claim.devices)
    .filter(([, count]) => count > 0)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const deviceIds = claim.kind === 'unit' ? claim.deviceIds.toSorted() : [];
  const { vcpus, memoryMiB, diskGiB } = claim.resources;
  const holding = JSON.stringify([claim.hostId, held, observed, classes, deviceIds]);
  return {
    leaseId: lease.id,
    claim: [
      lease.id,
      claim.hostId,
      claim.kind,
      held,
      provisional ? 1 : 0,
      claim.fromMs,
      claim.untilMs,
      vcpus,
      memoryMiB,
      diskGiB,
      holding,
    ],
    holding,
    observed,
    classes: classes.map(([deviceClass, count]) => [
      lease.id,
      deviceClass,
      claim.hostId,
      count,
      held,
      observed ? 1 : 0,
    ]),
    devices: deviceIds.map((deviceId) => [lease.id, deviceId, claim.hostId, held]),
  };
}

function hostRows(host: Host, peaks: ReadonlyMap<string, number> | undefined): HostRows {
  return {
    id: host.id,
    host: hostTable.row(host),
    inventory: JSON.stringify(host.devices),
    devices: host.devices.map((device) => [
      device.id,
      host.id,
      device.deviceClass,
      device.address,
      device.iommuGroup,
      device.numaNode,
      device.parentId,
      device.quarantine,
    ]),
    totals: [...usableTotals(host)],
    peaks: [...(peaks ?? [])],
  };
}

function raisePeaks(peaks: Map<string, Map<string, number>>, host: Host): void {
  const raised = peaks.get(host.id) ?? new Map<string, number>();
  for (const [deviceClass, total] of usableTotals(host)) {
    raised.set(deviceClass, Math.max(total, raised.get(deviceClass) ?? 0));
  }
  peaks.set(host.id, raised);
}

/**
 * Devices by class that leases may use. Slots: what instances outside Berth use is taken off. Units: every
 * card, as which ones are handed out is held by the constraints on the cards themselves.
 */
function usableTotals(host: Host): ReadonlyMap<string, number> {
  const totals = new Map<string, number>();
  if (host.claimKind === 'unit') {
    for (const device of host.devices)
      totals.set(device.deviceClass, (totals.get(device.deviceClass) ?? 0) + 1);
  } else {
    for (const [deviceClass, count] of Object.entries(host.slots)) {
      totals.set(deviceClass, Math.max(0, count - (host.foreign.devices[deviceClass] ?? 0)));
    }
  }
  return totals;
}
