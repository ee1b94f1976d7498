/** How many of a flavor there are, and how many of them are free: each flavor counted by itself. */
import type { Flavor } from '../model/flavor.ts';
import { totalDevices, instances } from './free.ts';
import type { World } from '../world.ts';
import { drainTouches } from './calendar.ts';

export interface Availability {
  /** Leases of this flavor that fit on all open hosts when nothing is on them. */
  readonly total: number;
  /** Those that fit beside what is there now. 0 <= available <= total. */
  readonly available: number;
}

/**
 * Counting rule: per host the minimum over devices, vCPUs, memory and disk (deNBI/OpenstackGPUService,
 * `denbi/resources.py`, with allocation ratios in the capacity). Hosts that are disabled or down count for
 * nothing; a host in maintenance counts in the total and has nothing available.
 */
export function availability(world: World, flavor: Flavor, nowMs: number): Availability {
  const pool = world.pools.get(flavor.providerId);
  const nothing =
    totalDevices(flavor.devices) === 0 && flavor.resources.vcpus === 0 && flavor.resources.memoryMiB === 0;
  if (pool === undefined || flavor.misconfigured !== null || nothing) return { total: 0, available: 0 };
  let total = 0;
  let available = 0;
  for (const capacity of pool.capacities.values()) {
    if (capacity.open > 0) total += capacity.open * instances(capacity.free, flavor);
  }
  for (const shape of pool.shapes.shapes()) available += shape.rows.length * instances(shape.free, flavor);
  for (const row of pool.calendar) {
    if (!drainTouches(row, { fromMs: nowMs, untilMs: nowMs + 1 })) available += instances(row.free, flavor);
  }
  return { total, available: Math.min(available, total) };
}
