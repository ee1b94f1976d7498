import type { Claim } from '../model/claim.ts';
import type { World } from '../world.ts';
import { fits } from './free.ts';
import type { HostRow } from './host-row.ts';
import { quotaBlocks } from './order.ts';

/**
 * Whether somebody who waits could use what this claim holds: a request for one of its classes that the host
 * is large enough for, and whose project may hold more. Windows in the future are not asked for here.
 */
export function isWanted(world: World, row: HostRow, claim: Claim): boolean {
  for (const demandKey of world.queue.demandKeys()) {
    for (const [first] of world.queue.waitingFor(demandKey).values()) {
      const lease = first === undefined ? undefined : world.leases.get(first.leaseId);
      if (lease === undefined) continue;
      const { demand } = lease.request;
      // All with this key are alike but for their projects.
      if (demand.providerId !== row.host.providerId || !fits(row.empty, demand)) break;
      if (demand.hostId !== null && demand.hostId !== row.host.id) break;
      if (!Object.keys(demand.devices).some((name) => (claim.devices[name] ?? 0) > 0)) break;
      if (!quotaBlocks(world, lease)) return true;
    }
  }
  return false;
}
