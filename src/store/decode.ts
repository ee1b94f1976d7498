/**
 * The parser of what the store wrote: its own JSON, so the types are asserted here once and true everywhere
 * else.
 */
import type { LeaseId, ProjectId } from '../base/ids.ts';
import type { EntityKind, Snapshot } from '../domain/model/entities.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { LoadedState, StoredEvent, UsageSum } from '../engine/ports.ts';
import { numberAt, textAt, textOrNullAt } from './row.ts';

/**
 * What `load` reads, with the snapshot still as JSON: it crosses threads as one text and is parsed where it
 * is used.
 */
export interface LoadedText extends Omit<LoadedState, 'snapshot'> {
  readonly snapshotJson: string;
}

export function parseLoaded({ snapshotJson, ...rest }: LoadedText): LoadedState {
  return { ...rest, snapshot: JSON.parse(snapshotJson) as Snapshot };
}

export function parseLease(body: string): Lease {
  return JSON.parse(body) as Lease;
}

/** A row of the table `events`. */
export function parseEvent(row: Readonly<Record<string, unknown>>): StoredEvent {
  return {
    seq: numberAt(row, 'seq'),
    atMs: numberAt(row, 'at_ms'),
    actor: textAt(row, 'actor'),
    type: textAt(row, 'type'),
    entity: textAt(row, 'entity') as EntityKind,
    id: textAt(row, 'entity_id'),
    projectId: textOrNullAt(row, 'project_id') as ProjectId | null,
    reason: textOrNullAt(row, 'reason'),
    data: JSON.parse(textAt(row, 'data')) as StoredEvent['data'],
    before: textOrNullAt(row, 'state_before'),
    after: textOrNullAt(row, 'state_after'),
  };
}

/** A row of a sum over the table `usage`. */
export function parseUsageSum(row: Readonly<Record<string, unknown>>): UsageSum {
  return {
    projectId: textOrNullAt(row, 'project_id') as UsageSum['projectId'],
    projectName: textOrNullAt(row, 'project_name'),
    ownerId: textOrNullAt(row, 'owner_id'),
    deviceClass: textOrNullAt(row, 'device_class'),
    flavorId: textOrNullAt(row, 'flavor_id') as UsageSum['flavorId'],
    flavorName: textOrNullAt(row, 'flavor_name'),
    purpose: textOrNullAt(row, 'purpose') as UsageSum['purpose'],
    deviceMs: numberAt(row, 'device_ms'),
  };
}

/** A row of device-ms by lease. */
export function parseUsed(row: Readonly<Record<string, unknown>>): readonly [LeaseId, number] {
  return [textAt(row, 'lease_id') as LeaseId, numberAt(row, 'device_ms')];
}
