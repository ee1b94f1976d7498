import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_RESOURCES, type DeviceCounts } from '../model/host.ts';
import {
  countOf,
  devicesFree,
  fits,
  freeKey,
  instances,
  isOverdrawn,
  take,
  totalDevices,
  type Free,
} from './free.ts';

const room = { vcpus: 64, memoryMiB: 65_536, diskGiB: 1000 };
const free = (singles: DeviceCounts, ...groups: readonly DeviceCounts[]): Free => ({
  resources: room,
  singles,
  groups,
});
const need = (
  devices: DeviceCounts,
  resources = NO_RESOURCES,
): { devices: DeviceCounts; resources: typeof room } => ({
  devices,
  resources,
});

type Cost = readonly [stranded: number, singles: number, groups: number];

const isLess = (a: Cost, b: Cost): boolean => {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at !== -1 && (a[at] ?? 0) < (b[at] ?? 0);
};

/** Cards of the used groups that go to nobody, single cards that go, groups that are touched. */
function costOf(before: Free, wanted: DeviceCounts): Cost {
  const taken = take(before, need(wanted));
  const used = taken.groupIndexes.reduce((sum, index) => sum + totalDevices(before.groups[index] ?? {}), 0);
  const fromGroups = totalDevices(wanted) - totalDevices(taken.singles);
  return [used - fromGroups, totalDevices(taken.singles), taken.groupIndexes.length];
}

/** The least cost among all choices of groups. */
function best(before: Free, deviceClass: string, wanted: number): Cost {
  let found: Cost = [Number.POSITIVE_INFINITY, 0, 0];
  for (let mask = 0; mask < 1 << before.groups.length; mask++) {
    const chosen = before.groups.filter((_group, index) => (mask & (1 << index)) !== 0);
    const inGroups = chosen.reduce((sum, group) => sum + countOf(group, deviceClass), 0);
    const singles = Math.max(0, wanted - inGroups);
    if (singles > countOf(before.singles, deviceClass)) continue;
    const stranded = chosen.reduce((sum, group) => sum + totalDevices(group), 0) - Math.min(wanted, inGroups);
    const cost: Cost = [stranded, singles, chosen.length];
    if (isLess(cost, found)) found = cost;
  }
  return found;
}

/** The most leases that any order of choosing allows. */
function mostInstances(before: Free, deviceClass: string, wanted: number): number {
  if (devicesFree(before, deviceClass) < wanted) return 0;
  let most = 0;
  for (let mask = 0; mask < 1 << before.groups.length; mask++) {
    const inGroups = before.groups.reduce(
      (sum, group, index) => sum + ((mask & (1 << index)) === 0 ? 0 : countOf(group, deviceClass)),
      0,
    );
    const singles = Math.max(0, wanted - inGroups);
    if (singles > countOf(before.singles, deviceClass)) continue;
    const left = {
      resources: room,
      singles: { ...before.singles, [deviceClass]: countOf(before.singles, deviceClass) - singles },
      groups: before.groups.filter((_group, index) => (mask & (1 << index)) === 0),
    };
    if (mask === 0 && singles === 0) continue;
    most = Math.max(most, 1 + mostInstances(left, deviceClass, wanted));
  }
  return most;
}

describe('take', () => {
  test('takes a whole group rather than a part of another', () => {
    const taken = take(free({}, { V100: 4 }, { V100: 2 }), need({ V100: 2 }));
    expect(taken.groupIndexes).toEqual([1]);
    expect(taken.free.groups).toEqual([{ V100: 4 }]);
  });

  test('takes single cards before it opens a group', () => {
    const taken = take(free({ V100: 2 }, { V100: 2 }), need({ V100: 1 }));
    expect([taken.groupIndexes, taken.singles]).toEqual([[], { V100: 1 }]);
  });

  test('takes a whole group rather than single cards, which serve any need', () => {
    expect(costOf(free({ V100: 2 }, { V100: 2 }), { V100: 2 })).toEqual([0, 0, 1]);
    expect(costOf(free({ V100: 3 }, { V100: 2 }), { V100: 3 })).toEqual([0, 1, 1]);
  });

  test('one group can serve two classes', () => {
    const taken = take(free({}, { A100: 1, V100: 1 }, { V100: 2 }), need({ A100: 1, V100: 1 }));
    expect(taken.groupIndexes).toEqual([0]);
  });

  test('takes from more groups than are searched exactly', () => {
    const groups = Array.from({ length: 12 }, () => ({ V100: 1, A100: 1 }));
    const taken = take(free({}, ...groups), need({ V100: 11 }));
    expect(taken.groupIndexes).toHaveLength(11);
    expect(taken.free.groups).toHaveLength(1);
  });
});

const count = fc.nat(4);
const group = fc.record({ V100: fc.nat(3), A100: fc.nat(2) }).filter(({ V100, A100 }) => V100 + A100 > 1);

test('take strands the fewest cards, then uses the fewest singles, then the fewest groups', () => {
  fc.assert(
    fc.property(
      count,
      fc.array(group, { maxLength: 6 }),
      fc.integer({ min: 1, max: 8 }),
      (singles, groups, wanted) => {
        const before = free({ V100: singles }, ...groups);
        fc.pre(fits(before, need({ V100: wanted })));
        expect(costOf(before, { V100: wanted })).toEqual(best(before, 'V100', wanted));
      },
    ),
    { numRuns: 500 },
  );
});

test('take gives what was asked and never the same card twice', () => {
  fc.assert(
    fc.property(
      fc.record({ V100: count, A100: count }),
      fc.array(group, { maxLength: 10 }),
      fc.record({ V100: fc.nat(6), A100: fc.nat(4) }),
      (singles, groups, wanted) => {
        const before = free(singles, ...groups);
        fc.pre(fits(before, need(wanted)));
        const taken = take(before, need(wanted));
        expect(isOverdrawn(taken.free)).toBe(false);
        expect(taken.groupIndexes.length + taken.free.groups.length).toBe(groups.length);
        for (const deviceClass of ['V100', 'A100'] as const) {
          const got = taken.groupIndexes.reduce(
            (sum, index) => sum + countOf(groups[index] ?? {}, deviceClass),
            0,
          );
          expect(got + countOf(taken.singles, deviceClass)).toBeGreaterThanOrEqual(wanted[deviceClass]);
          expect(countOf(taken.free.singles, deviceClass)).toBe(
            singles[deviceClass] - countOf(taken.singles, deviceClass),
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

describe('instances', () => {
  test('is the minimum over devices, vCPUs, memory and disk', () => {
    const host = {
      resources: { vcpus: 10, memoryMiB: 100, diskGiB: 1000 },
      singles: { V100: 9 },
      groups: [],
    };
    expect(instances(host, need({ V100: 1 }, { vcpus: 2, memoryMiB: 30, diskGiB: 10 }))).toBe(3);
    expect(instances(host, need({ V100: 4 }))).toBe(2);
    expect(instances(host, need({ A100: 1 }))).toBe(0);
  });

  test('an overdrawn host has room for none', () => {
    const host = { resources: { vcpus: -4, memoryMiB: 100, diskGiB: 10 }, singles: { V100: 2 }, groups: [] };
    expect(instances(host, need({ V100: 1 }, { vcpus: 1, memoryMiB: 0, diskGiB: 0 }))).toBe(0);
    expect(isOverdrawn(host)).toBe(true);
  });

  test('groups of one size are packed as well as trying all choices does', () => {
    fc.assert(
      fc.property(
        count,
        fc.integer({ min: 2, max: 4 }),
        fc.nat(4),
        fc.integer({ min: 1, max: 6 }),
        (singles, size, number, wanted) => {
          const host = free({ V100: singles }, ...Array.from({ length: number }, () => ({ V100: size })));
          expect(instances(host, need({ V100: wanted }))).toBe(mostInstances(host, 'V100', wanted));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('mixed groups: never more than fit, and none only where none fits', () => {
    fc.assert(
      fc.property(
        count,
        fc.array(group, { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        (singles, groups, wanted) => {
          const host = free({ V100: singles }, ...groups);
          const counted = instances(host, need({ V100: wanted }));
          expect(counted).toBeLessThanOrEqual(mostInstances(host, 'V100', wanted));
          expect(counted > 0).toBe(fits(host, need({ V100: wanted })));
        },
      ),
      { numRuns: 200 },
    );
  });
});

test('hosts with equal keys are interchangeable, others are not', () => {
  expect(freeKey(free({ V100: 1, A100: 2 }, { V100: 2 }, { V100: 3 }))).toBe(
    freeKey(free({ A100: 2, V100: 1 }, { V100: 3 }, { V100: 2 })),
  );
  expect(freeKey(free({ V100: 0, A100: 2 }))).toBe(freeKey(free({ A100: 2, V100: 0 })));
  const keys = [
    free({ V100: 4 }),
    free({}, { V100: 4 }),
    free({}, { V100: 2 }, { V100: 2 }),
    free({ A100: 4 }),
  ].map(freeKey);
  expect(new Set(keys).size).toBe(4);
});
