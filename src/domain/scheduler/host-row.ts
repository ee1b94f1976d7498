import { assert } from '../../base/assert.ts';
import type { DeviceId, LeaseId } from '../../base/ids.ts';
import type { Claim } from '../model/claim.ts';
import { NO_DEVICES, type Device, type DeviceClass, type DeviceCounts, type Host } from '../model/host.ts';
import { addResources, countOf, take, type Free, type Need } from './free.ts';

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
  const lying: Claim[] = [];
  for (const entry of row.claims.values()) if (counts(entry)) lying.push(entry.claim);
  for (const claim of extra) lying.push(claim);
  const { host } = row;
  let { vcpus, memoryMiB, diskGiB } = addResources(host.capacity, host.foreign.resources, -1);
  for (const { resources } of lying) {
    vcpus -= resources.vcpus;
    memoryMiB -= resources.memoryMiB;
    diskGiB -= resources.diskGiB;
  }
  const resources = { vcpus, memoryMiB, diskGiB };
  if (host.claimKind === 'slot') return { resources, singles: freeSlots(host, lying), groups: [] };
  const taken = new Set<DeviceId>();
  for (const claim of lying) {
    assert(claim.kind === 'unit', 'claims on a unit host name their devices');
    for (const id of claim.deviceIds) taken.add(id);
  }
  const { singles, groups } = freeUnits(host, taken);
  return { resources, singles, groups };
}

function freeSlots({ slots, foreign }: Host, lying: readonly Claim[]): DeviceCounts {
  const singles: Record<DeviceClass, number> = { ...slots };
  const without = (devices: DeviceCounts): void => {
    for (const deviceClass in devices)
      singles[deviceClass] = countOf(singles, deviceClass) - countOf(devices, deviceClass);
  };
  for (const { devices } of lying) without(devices);
  without(foreign.devices);
  return singles;
}

/** What a host offers when nothing at all is on it. */
export function emptyFree(host: Host): Free {
  if (host.claimKind === 'slot') return { resources: host.capacity, singles: host.slots, groups: [] };
  return { resources: host.capacity, ...freeUnits(host, new Set()) };
}

/** Picks the very cards for a need that fits, on a unit host where `present` are the claims to avoid. */
export function pickDevices(row: HostRow, need: Need, present: readonly Claim[]): readonly DeviceId[] {
  const taken = new Set<DeviceId>();
  for (const claim of present) if (claim.kind === 'unit') for (const id of claim.deviceIds) taken.add(id);
  const { alone, groups } = cardsOf(row.host);
  const chosen = chooseGroups(groups, alone, taken, need);
  const picked: DeviceId[] = [];
  for (const deviceClass of Object.keys(need.devices).toSorted()) {
    const upTo = picked.length + countOf(need.devices, deviceClass);
    const pickFrom = (cards: readonly Device[]): void => {
      for (const card of cards) {
        if (picked.length === upTo) return;
        if (card.deviceClass === deviceClass && !taken.has(card.id)) picked.push(card.id);
      }
    };
    for (const group of chosen) pickFrom(group.healthy);
    pickFrom(alone);
    assert(picked.length === upTo, 'a need that fits finds its devices');
  }
  return picked;
}

/** The untouched groups that a need that fits had best use up. */
function chooseGroups(
  groups: readonly CardGroup[],
  alone: readonly Device[],
  taken: ReadonlySet<DeviceId>,
  need: Need,
): readonly CardGroup[] {
  const untouched: CardGroup[] = [];
  for (const group of groups) if (isUntouched(group, taken)) untouched.push(group);
  if (untouched.length === 0) return untouched;
  const free: Free = {
    resources: need.resources,
    singles: countFree(alone, taken),
    groups: untouched.map((group) => group.counts),
  };
  const indexes = new Set(take(free, need).groupIndexes);
  return untouched.filter((_group, index) => indexes.has(index));
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
  const { alone, groups } = cardsOf(host);
  const untouched: DeviceCounts[] = [];
  for (const group of groups) if (isUntouched(group, taken)) untouched.push(group.counts);
  return { singles: countFree(alone, taken), groups: untouched };
}

/** The cards of a unit host that could be handed out: the healthy ones. */
interface Cards {
  /** Alone in their IOMMU group, or without one. */
  readonly alone: readonly Device[];
  /** IOMMU groups of several. */
  readonly groups: readonly CardGroup[];
}

interface CardGroup {
  /** The quarantined ones too: who has one of them has a part of the group. */
  readonly members: readonly Device[];
  readonly healthy: readonly Device[];
  /** Of the healthy ones. */
  readonly counts: DeviceCounts;
}

/** Worked out once for each host as it was observed: claims come and go far more often than cards. */
const CARDS = new WeakMap<Host, Cards>();

function cardsOf(host: Host): Cards {
  let cards = CARDS.get(host);
  if (cards === undefined) {
    cards = groupCards(host.devices);
    CARDS.set(host, cards);
  }
  return cards;
}

function groupCards(devices: readonly Device[]): Cards {
  const alone = devices.filter((device) => device.iommuGroup === null && device.quarantine === null);
  const groups: CardGroup[] = [];
  const inGroups = devices.filter((device) => device.iommuGroup !== null);
  for (const members of Map.groupBy(inGroups, (device) => device.iommuGroup).values()) {
    const healthy = members.filter((device) => device.quarantine === null);
    if (members.length === 1) alone.push(...healthy);
    else if (healthy.length > 0) groups.push({ members, healthy, counts: countDevices(healthy) });
  }
  return { alone, groups };
}

/**
 * One taken card takes its whole group: two tenants behind one IOMMU group could reach each other's memory.
 */
function isUntouched({ members }: CardGroup, taken: Pick<ReadonlySet<DeviceId>, 'has'>): boolean {
  for (const { id } of members) if (taken.has(id)) return false;
  return true;
}

function countFree(cards: readonly Device[], taken: Pick<ReadonlySet<DeviceId>, 'has'>): DeviceCounts {
  let counts: Record<DeviceClass, number> | null = null;
  for (const { id, deviceClass } of cards) {
    if (taken.has(id)) continue;
    counts ??= {};
    counts[deviceClass] = countOf(counts, deviceClass) + 1;
  }
  return counts ?? NO_DEVICES;
}

function countDevices(devices: readonly Device[]): DeviceCounts {
  const counts: Record<DeviceClass, number> = {};
  for (const device of devices) {
    if (device.quarantine === null) counts[device.deviceClass] = countOf(counts, device.deviceClass) + 1;
  }
  return counts;
}
