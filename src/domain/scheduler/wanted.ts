import type { Claim } from '../model/claim.ts';
import type { Demand } from '../model/lease.ts';
import type { World } from '../world.ts';
import { fits } from './free.ts';
import type { HostRow } from './host-row.ts';
import { startExcess } from './limits.ts';

/**
 * Whether somebody who waits could use what this claim holds: a request for one of its classes that the host
 * is large enough for, and that no limit keeps from starting. Windows in the future are not asked for here.
 */
export function isWanted(world: World, row: HostRow, claim: Claim, nowMs: number): boolean {
  for (const demandKey of world.queue.demandKeys()) {
    const any = world.queue.anyFor(demandKey);
    const { demand } = (any === null ? undefined : world.leases.get(any.leaseId))?.request ?? {};
    // All with this key are alike but for who wants it, and for how long.
    if (demand === undefined || !isServedBy(demand, row, claim)) continue;
    for (const waiting of world.queue.waitingFor(demandKey).values()) {
      for (const { leaseId } of waiting) {
        const lease = world.leases.get(leaseId);
        if (lease !== undefined && startExcess(world, lease, nowMs) === null) return true;
      }
    }
  }
  return false;
}

function isServedBy(demand: Demand, row: HostRow, claim: Claim): boolean {
  if (demand.providerId !== row.host.providerId || !fits(row.empty, demand)) return false;
  if (demand.hostId !== null && demand.hostId !== row.host.id) return false;
  return Object.keys(demand.devices).some((name) => (claim.devices[name] ?? 0) > 0);
}
