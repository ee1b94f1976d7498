/**
 * What was held, and by whom: one record for each time that a lease held devices and gave them back. It is
 * written with the release, is never changed, and outlives the lease and its events; so it carries all that a
 * report tells, names included.
 */
import type { Json } from '../../base/json.ts';
import type { FlavorId, LeaseId, ProjectId } from '../../base/ids.ts';
import type { DeviceCounts } from './host.ts';
import type { Lease, Purpose } from './lease.ts';
import { totalDevices } from '../scheduler/free.ts';

export interface UsageRecord {
  readonly leaseId: LeaseId;
  /** Tells the times apart that one lease held something: its generation when it gave them back. */
  readonly holding: number;
  readonly leaseName: string;
  readonly projectId: ProjectId;
  /** As it was called at that time. */
  readonly projectName: string;
  readonly ownerId: string;
  readonly flavorId: FlavorId;
  readonly flavorName: string;
  readonly purpose: Purpose;
  readonly devices: DeviceCounts;
  /** On the judged clock, as the events of the lease: fromMs < untilMs. */
  readonly fromMs: number;
  readonly untilMs: number;
}

export function usageId({ leaseId, holding }: UsageRecord): string {
  return `${leaseId}/${holding}`;
}

/** What takes a record back before it was ever stored: the same devices for the same time, taken off. */
export function negated(record: UsageRecord): UsageRecord {
  return {
    ...record,
    devices: Object.fromEntries(Object.entries(record.devices).map(([name, count]) => [name, -count])),
  };
}

/** For the event with which a lease begins to hold devices: with it the log alone tells what is used. */
export function holdingData(lease: Pick<Lease, 'ownerId' | 'request'>): { readonly [key: string]: Json } {
  const { demand, flavorName, purpose } = lease.request;
  return { gpus: { ...demand.devices }, owner: lease.ownerId, flavor: flavorName, purpose };
}

/** For the event with which it gives them back. */
export function usageData(record: UsageRecord): { readonly [key: string]: Json } {
  const { devices, fromMs, untilMs, ownerId: owner, flavorName: flavor, purpose } = record;
  const gpuMs = (untilMs - fromMs) * totalDevices(devices);
  const usage = { from_ms: fromMs, until_ms: untilMs, gpu_ms: gpuMs, gpus: { ...devices } };
  return { usage: { ...usage, owner, flavor, purpose } };
}

/**
 * The record of what a lease has given back by a change; null: it has not given back anything. `held`: what
 * its claim was. Nothing is recorded of a lease without devices, nor where no time has passed.
 */
export function usageOf(
  before: Lease,
  after: Lease,
  held: DeviceCounts,
  projectName: string,
  nowMs: number,
): UsageRecord | null {
  const fromMs = before.claimedAtMs;
  if (fromMs === null || after.claimedAtMs !== null || nowMs <= fromMs) return null;
  if (totalDevices(held) === 0) return null;
  const { id: leaseId, name: leaseName, projectId, ownerId, request } = after;
  const { flavorId, flavorName, purpose } = request;
  return {
    leaseId,
    holding: after.generation,
    leaseName,
    projectId,
    projectName,
    ownerId,
    flavorId,
    flavorName,
    purpose,
    devices: held,
    fromMs,
    untilMs: nowMs,
  };
}
