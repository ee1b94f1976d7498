/** Which servers outside stand in our books as a claim, so that nobody counts them twice. Pure. */
import type { LeaseId, ProviderId } from '../base/ids.ts';
import type { SeenServer } from '../engine/ports.ts';
import { claimOf, type World } from '../domain/world.ts';

/**
 * Answers for the servers of one poll, to be made when it begins: a lease that held a claim then, or holds
 * one when it is asked for, counts its server. So neither a lease that ends while the cloud is read nor one
 * that starts is counted twice; a server whose lease holds nothing is somebody else's use, whatever mark it
 * carries. A lease counts the server that its record names, too: one that was adopted keeps the mark with
 * which it was made, or none.
 */
export function countedServers(world: () => World, providerId: ProviderId): (server: SeenServer) => boolean {
  const leaseIds = new Set<LeaseId>();
  const serverIds = new Set<string>();
  for (const lease of world().leases.values()) {
    if (lease.request.demand.providerId !== providerId || claimOf(lease) === null) continue;
    leaseIds.add(lease.id);
    if (lease.refs.serverId !== null) serverIds.add(lease.refs.serverId);
  }
  return ({ id, leaseId }) => {
    if (serverIds.has(id)) return true;
    if (leaseId === null) return false;
    const lease = world().leases.get(leaseId);
    return leaseIds.has(leaseId) || (lease !== undefined && claimOf(lease) !== null);
  };
}
