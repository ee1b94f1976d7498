import { assert } from '../../base/assert.ts';
import type { DeviceId, LeaseId } from '../../base/ids.ts';
import type { Claim } from '../model/claim.ts';
import { NO_DEVICES, type Device, type DeviceClass, type DeviceCounts, type Host } from '../model/host.ts';
import { addCounts, addResources, countOf, take, type Free, type Need } from './free.ts';

/** A host with what lies on it. Owned by the world; only `apply` changes it. */
export interface HostRow {
  host: Host;
  /** Dense number within its pool: the place in the pool's search trees. */
  readonly index: number;
  /** By lease. Claims whose window has not begun (`reserved`) are here too; `held` tells them apart. */
  readonly claims: Map<LeaseId, HostClaim>;
  /** Claims that are not held yet. */
  plannedCount: number;
  /** What it offers when nothing at all is on it. */
  empty: Free;
  /** What is free now; kept up to date by `refresh`. */
  free: Free;
}

export interface HostClaim {
  readonly claim: Claim;
  readonly held: boolean;
}

/** New leases may go there at all (drains aside, which depend on the time). */
export function isOpen(host: Host): boolean {
  return host.status.kind === 'up';
}

/** Its future differs from its present: it must be looked at by itself, with the window of the request. */
export function hasCalendar(row: HostRow): boolean {
  return row.plannedCount > 0 || row.host.drain !== null;
}

/**
 * What is free when exactly the claims accepted by `counts` lie on the host. Foreign use counts always:
 * nobody tells us when it ends.
 */
export function freeWith(
  row: HostRow,
  counts: (claim: HostClaim) => boolean,
  extra: readonly Claim[] = [],
): Free {
  const { host } = row;
  const present: Claim[] = [...extra];
  for (const entry of row.claims.values()) if (counts(entry)) present.push(entry.claim);
  let { vcpus, memoryMiB, diskGiB } = addResources(host.capacity, host.foreign.resources, -1);
  for (const { resources } of present) {
    vcpus -= resources.vcpus;
    memoryMiB -= resources.memoryMiB;
    diskGiB -= resources.diskGiB;
  }
  const resources = { vcpus, memoryMiB, diskGiB };
  if (host.claimKind === 'slot') {
    const singles: Record<DeviceClass, number> = { ...addCounts(host.slots, host.foreign.devices, -1) };
    for (const { devices } of present) {
      for (const deviceClass in devices)
        singles[deviceClass] = countOf(singles, deviceClass) - countOf(devices, deviceClass);
    }
    return { resources, singles, groups: [] };
  }
  const taken = new Set<DeviceId>();
  for (const claim of present) {
    assert(claim.kind === 'unit', 'claims on a unit host name their devices');
    for (const id of claim.deviceIds) taken.add(id);
  }
  return { resources, ...freeUnits(host, taken) };
}

/** What a host offers when nothing at all is on it. */
export function emptyFree(host: Host): Free {
  if (host.claimKind === 'slot') return { resources: host.capacity, singles: host.slots, groups: [] };
  return { resources: host.capacity, ...freeUnits(host, new Set()) };
}

/** Picks the very cards for a need that fits, on a unit host where `present` are the claims to avoid. */
export function pickDevices(row: HostRow, need: Need, present: readonly Claim[]): readonly DeviceId[] {
  const takenIds = new Set<DeviceId>();
  for (const claim of present) if (claim.kind === 'unit') for (const id of claim.deviceIds) takenIds.add(id);
  const { groups, cards } = untouchedGroups(row.host, takenIds);
  const free: Free = {
    resources: need.resources,
    singles: singlesOf(cards),
    groups: groups.map((group) => countDevices(group)),
  };
  const choice = take(free, need);
  const pool = [...choice.groupIndexes.flatMap((index) => groups[index] ?? []), ...cards];
  const picked: DeviceId[] = [];
  for (const deviceClass of Object.keys(need.devices).toSorted()) {
    const ofClass = pool.filter((device) => device.deviceClass === deviceClass && device.quarantine === null);
    const wanted = countOf(need.devices, deviceClass);
    assert(ofClass.length >= wanted, 'a need that fits finds its devices');
    for (const device of ofClass.slice(0, wanted)) picked.push(device.id);
  }
  return picked;
}

/** All devices of a host by class: what a lease could get if nothing were on it. */
export function deviceTotals(host: Host): DeviceCounts {
  if (host.claimKind === 'slot') return host.slots;
  return countDevices(host.devices);
}

/** What is left of the cards when these are taken. */
export function freeUnits(
  host: Host,
  taken: Pick<ReadonlySet<DeviceId>, 'has'>,
): { singles: DeviceCounts; groups: DeviceCounts[] } {
  const { groups, cards } = untouchedGroups(host, taken);
  return { singles: singlesOf(cards), groups: groups.map((group) => countDevices(group)) };
}

/** Splits the free cards into whole groups of several and cards that stand alone. */
function untouchedGroups(
  host: Host,
  taken: Pick<ReadonlySet<DeviceId>, 'has'>,
): { groups: Device[][]; cards: Device[] } {
  const members = new Map<string, Device[]>();
  const cards: Device[] = [];
  for (const device of host.devices) {
    if (device.iommuGroup === null) {
      if (device.quarantine === null && !taken.has(device.id)) cards.push(device);
      continue;
    }
    const group = members.get(device.iommuGroup);
    if (group === undefined) members.set(device.iommuGroup, [device]);
    else group.push(device);
  }
  const groups: Device[][] = [];
  for (const group of members.values()) {
    // One taken card takes its whole group: two tenants behind one IOMMU group could reach each other's
    // memory.
    if (group.some((device) => taken.has(device.id))) continue;
    const healthy = group.filter((device) => device.quarantine === null);
    if (healthy.length === 0) continue;
    if (group.length === 1) cards.push(...healthy);
    else groups.push(healthy);
  }
  return { groups, cards };
}

function singlesOf(cards: readonly Device[]): DeviceCounts {
  return cards.length === 0 ? NO_DEVICES : countDevices(cards);
}

function countDevices(devices: readonly Device[]): DeviceCounts {
  const counts: Record<DeviceClass, number> = {};
  for (const device of devices) {
    if (device.quarantine === null) counts[device.deviceClass] = countOf(counts, device.deviceClass) + 1;
  }
  return counts;
}
