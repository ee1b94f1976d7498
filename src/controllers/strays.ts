/** What in a snapshot carries a Berth mark, and to whom it belongs. Pure. */
import type { ProviderId } from '../base/ids.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { World } from '../domain/world.ts';
import type { ServerSeen, Step } from '../domain/provision/sighting.ts';
import type { ProviderSnapshot } from '../engine/ports.ts';
import { goalOf } from './lease-facts.ts';

/** Something outside with a Berth mark, and the step that takes it away. */
export interface Thing {
  readonly kind: 'floating-ip' | 'server' | 'port';
  readonly id: string;
  readonly mark: NonNullable<ServerSeen['berth']>;
  readonly step: Step;
  /** The server that has to go first; null: none. */
  readonly pluggedInto: string | null;
}

export interface Sorted {
  /** Marked as ours, but its lease has it not: made twice, or left over. With the lease if it lives. */
  readonly strays: readonly { readonly thing: Thing; readonly lease: Lease | null }[];
  /** Number of things by other deployment. */
  readonly foreign: ReadonlyMap<string, number>;
}

/** In the order in which to take away: a floating IP before its server, a server before its port. */
export function markedThings({ floatingIps, servers, ports }: ProviderSnapshot): readonly Thing[] {
  const things: Thing[] = [];
  for (const { id, berth: mark } of floatingIps) {
    const step: Step = { kind: 'deleteFloatingIp', id };
    if (mark !== null) things.push({ kind: 'floating-ip', id, mark, step, pluggedInto: null });
  }
  for (const server of servers) {
    const { id, berth: mark } = server;
    const step: Step = { kind: 'deleteServer', id };
    if (mark !== null && !isGoing(server)) things.push({ kind: 'server', id, mark, step, pluggedInto: null });
  }
  for (const { id, berth: mark, serverId } of ports) {
    const step: Step = { kind: 'deletePort', id };
    if (mark !== null) things.push({ kind: 'port', id, mark, step, pluggedInto: serverId });
  }
  return things;
}

export function sortThings(things: readonly Thing[], world: World, providerId: ProviderId): Sorted {
  const recorded = recordedIds(world, providerId);
  const strays: { thing: Thing; lease: Lease | null }[] = [];
  const foreign = new Map<string, number>();
  for (const thing of things) {
    if (recorded.has(thing.id)) continue;
    const { deploymentId, leaseId } = thing.mark;
    if (deploymentId !== world.control.deploymentId) {
      foreign.set(deploymentId, (foreign.get(deploymentId) ?? 0) + 1);
      continue;
    }
    const lease = world.leases.get(leaseId) ?? null;
    // While a lease is on its way, what appears may be its own, and the lease controller clears away what is
    // not.
    if (lease === null || goalOf(lease) === null) strays.push({ thing, lease });
  }
  return { strays, foreign };
}

function recordedIds(world: World, providerId: ProviderId): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { request, refs } of world.leases.values()) {
    if (request.demand.providerId !== providerId) continue;
    for (const id of [refs.portId, refs.serverId, refs.floatingIpId]) if (id !== null) ids.add(id);
  }
  return ids;
}

function isGoing({ status, taskState }: ServerSeen): boolean {
  return status === 'DELETED' || taskState === 'deleting' || taskState === 'soft-deleting';
}
