import { NO_DEVICES, type DeviceClass, type DeviceCounts, type Resources } from '../model/host.ts';

/**
 * What is left on a host, as far as it matters for who fits: two hosts with equal `Free` are interchangeable.
 * `groups` are the untouched IOMMU groups of more than one card; whoever takes a card of such a group takes
 * the group.
 */
export interface Free {
  readonly resources: Resources;
  /** Free cards that are alone in their IOMMU group (or whose host has no groups), by class. */
  readonly singles: DeviceCounts;
  readonly groups: readonly DeviceCounts[];
}

/** What a demand takes: resources and devices by class. */
export interface Need {
  readonly resources: Resources;
  readonly devices: DeviceCounts;
}

/**
 * Up to this many groups all subsets are tried (2^8 sums); above, largest first. Real hosts have at most 8 to
 * 16 cards.
 */
const EXACT_GROUPS_MAX = 8;

export function countOf(counts: DeviceCounts, deviceClass: DeviceClass): number {
  return counts[deviceClass] ?? 0;
}

export function addCounts(a: DeviceCounts, b: DeviceCounts, sign: 1 | -1 = 1): DeviceCounts {
  const sum: Record<DeviceClass, number> = { ...a };
  for (const deviceClass in b) sum[deviceClass] = countOf(sum, deviceClass) + sign * countOf(b, deviceClass);
  return sum;
}

export function addResources(a: Resources, b: Resources, sign: 1 | -1 = 1): Resources {
  return {
    vcpus: a.vcpus + sign * b.vcpus,
    memoryMiB: a.memoryMiB + sign * b.memoryMiB,
    diskGiB: a.diskGiB + sign * b.diskGiB,
  };
}

/** All cards of a class that one lease could get from here. */
export function devicesFree(free: Free, deviceClass: DeviceClass): number {
  let count = countOf(free.singles, deviceClass);
  for (const group of free.groups) count += countOf(group, deviceClass);
  return count;
}

export function totalDevices(counts: DeviceCounts): number {
  let total = 0;
  for (const deviceClass in counts) total += countOf(counts, deviceClass);
  return total;
}

/** An overdrawn resource is no obstacle for who needs none of it. */
export function fitsResources(free: Resources, need: Resources): boolean {
  if (free.vcpus < need.vcpus && need.vcpus > 0) return false;
  if (free.memoryMiB < need.memoryMiB && need.memoryMiB > 0) return false;
  return free.diskGiB >= need.diskGiB || need.diskGiB === 0;
}

export function fits(free: Free, need: Need): boolean {
  if (!fitsResources(free.resources, need.resources)) return false;
  for (const deviceClass in need.devices) {
    if (devicesFree(free, deviceClass) < countOf(need.devices, deviceClass)) return false;
  }
  return true;
}

/** True when more lies on the host than it has. */
export function isOverdrawn(free: Free): boolean {
  const { vcpus, memoryMiB, diskGiB } = free.resources;
  if (vcpus < 0 || memoryMiB < 0 || diskGiB < 0) return true;
  for (const deviceClass in free.singles) if (countOf(free.singles, deviceClass) < 0) return true;
  return false;
}

/** What `take` chose: which of `free.groups` are used up, and how many single cards of each class. */
export interface Taken {
  readonly free: Free;
  readonly groupIndexes: readonly number[];
  readonly singles: DeviceCounts;
}

/**
 * Takes `need` (which must fit) such that the fewest cards are stranded in half-used groups; then such that
 * the fewest single cards go, which serve any need; then such that the fewest groups are touched.
 */
export function take(free: Free, need: Need): Taken {
  const resources = addResources(free.resources, need.resources, -1);
  if (free.groups.length === 0) {
    return {
      free: { resources, singles: addCounts(free.singles, need.devices, -1), groups: [] },
      groupIndexes: [],
      singles: need.devices,
    };
  }
  const used = new Set<number>();
  const singles: Record<DeviceClass, number> = {};
  for (const deviceClass of Object.keys(need.devices).toSorted()) {
    const wanted = countOf(need.devices, deviceClass);
    let alreadyHeld = 0;
    for (const index of used) alreadyHeld += countOf(free.groups[index] ?? NO_DEVICES, deviceClass);
    const chosen = chooseGroups(free, deviceClass, Math.max(0, wanted - alreadyHeld), used);
    for (const index of chosen.groupIndexes) used.add(index);
    singles[deviceClass] = chosen.singles;
  }
  const groups = free.groups.filter((_group, index) => !used.has(index));
  const groupIndexes = [...used].toSorted((a, b) => a - b);
  return {
    free: { resources, singles: addCounts(free.singles, singles, -1), groups },
    groupIndexes,
    singles,
  };
}

/**
 * How many leases with this need fit at once. A need for nothing is not limited by it; at most
 * `MAX_SAFE_INTEGER`.
 */
export function instances(free: Free, need: Need): number {
  let count = Number.MAX_SAFE_INTEGER;
  const limit = (have: number, each: number): void => {
    if (each > 0) count = Math.min(count, Math.max(0, Math.floor(have / each)));
  };
  limit(free.resources.vcpus, need.resources.vcpus);
  limit(free.resources.memoryMiB, need.resources.memoryMiB);
  limit(free.resources.diskGiB, need.resources.diskGiB);
  if (free.groups.length === 0) {
    for (const deviceClass in need.devices)
      limit(countOf(free.singles, deviceClass), countOf(need.devices, deviceClass));
    return count;
  }
  const deviceNeed: Need = { resources: { vcpus: 0, memoryMiB: 0, diskGiB: 0 }, devices: need.devices };
  let left = free;
  let placed = 0;
  while (placed < count && totalDevices(need.devices) > 0 && fits(left, deviceNeed)) {
    left = take(left, deviceNeed).free;
    placed += 1;
  }
  return Math.min(count, totalDevices(need.devices) > 0 ? placed : count);
}

/** Equal exactly for interchangeable hosts. */
export function freeKey(free: Free): string {
  const { resources } = free;
  let key = `${resources.vcpus}/${resources.memoryMiB}/${resources.diskGiB}|${countsKey(free.singles)}`;
  if (free.groups.length > 0) key += `|${free.groups.map(countsKey).toSorted().join('+')}`;
  return key;
}

export function countsKey(counts: DeviceCounts): string {
  const classes = Object.keys(counts);
  if (classes.length === 1) return `${classes[0] ?? ''}:${countOf(counts, classes[0] ?? '')}`;
  return classes
    .toSorted()
    .filter((deviceClass) => countOf(counts, deviceClass) !== 0)
    .map((deviceClass) => `${deviceClass}:${countOf(counts, deviceClass)}`)
    .join(',');
}

function chooseGroups(
  free: Free,
  deviceClass: DeviceClass,
  wanted: number,
  used: ReadonlySet<number>,
): { readonly groupIndexes: readonly number[]; readonly singles: number } {
  const singlesFree = countOf(free.singles, deviceClass);
  const candidates: { readonly index: number; readonly count: number; readonly size: number }[] = [];
  free.groups.forEach((group, index) => {
    const count = countOf(group, deviceClass);
    if (count > 0 && !used.has(index)) candidates.push({ index, count, size: totalDevices(group) });
  });
  candidates.sort((a, b) => b.count - a.count || a.size - b.size || a.index - b.index);
  const exact = candidates.slice(0, EXACT_GROUPS_MAX);
  let best: { readonly mask: number; readonly singles: number } | null = null;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let mask = 0; mask < 1 << exact.length; mask++) {
    let [fromGroups, size, groups] = [0, 0, 0];
    for (let bit = 0; bit < exact.length; bit++) {
      const candidate = exact[bit];
      if (candidate === undefined || (mask & (1 << bit)) === 0) continue;
      fromGroups += candidate.count;
      size += candidate.size;
      groups += 1;
    }
    const singles = Math.max(0, wanted - fromGroups);
    if (singles > singlesFree) continue;
    const stranded = size - Math.min(wanted, fromGroups);
    const cost = stranded * 1_000_000 + singles * 1000 + groups;
    if (cost < bestCost) {
      bestCost = cost;
      best = { mask, singles };
    }
  }
  if (best !== null) {
    const { mask, singles } = best;
    const groupIndexes = exact
      .filter((_candidate, bit) => (mask & (1 << bit)) !== 0)
      .map(({ index }) => index);
    return { groupIndexes, singles };
  }
  // More groups than the exact search covers are needed: all of those, then the rest largest first.
  const groupIndexes: number[] = [];
  let missing = wanted - singlesFree;
  for (const candidate of candidates) {
    if (missing <= 0) break;
    groupIndexes.push(candidate.index);
    missing -= candidate.count;
  }
  const fromGroups = candidates
    .filter((c) => groupIndexes.includes(c.index))
    .reduce((sum, c) => sum + c.count, 0);
  return { groupIndexes, singles: Math.max(0, wanted - fromGroups) };
}
