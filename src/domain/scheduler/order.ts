/** The order of the queue with its one exception: who was promised a start stays first until it is kept. */
import type { Lease } from '../model/lease.ts';
import { totalDevices } from './free.ts';
import type { Waiting } from './queue.ts';
import type { World } from '../world.ts';

/** The waiting lease with a promise, if its project's quota lets it start; at most one has one. */
export function promisedLease(world: World): Lease | null {
  for (const id of world.promised) {
    const lease = world.leases.get(id);
    if (lease !== undefined) return lease;
  }
  return null;
}

/** True when the project holds so much that this lease could not start whatever is free. */
export function quotaBlocks(world: World, lease: Lease): boolean {
  const quota = world.projects.get(lease.projectId)?.quota;
  if (quota === undefined) return false;
  const holding = world.holding(lease.projectId);
  if (quota.leases !== null && holding.leases + 1 > quota.leases) return true;
  return quota.gpus !== null && holding.gpus + totalDevices(lease.request.demand.devices) > quota.gpus;
}

/** The waiting leases in the order in which they are served, at most `limit`. */
export function queueOrder(world: World, limit: number): readonly Waiting[] {
  const order = world.queue.inOrder(world.servedSeq, limit);
  const promised = promisedLease(world);
  if (promised === null || order[0]?.leaseId === promised.id) return order;
  const first = order.find((waiting) => waiting.leaseId === promised.id) ?? waitingFor(promised);
  if (first === null) return order;
  return [first, ...order.filter((waiting) => waiting.leaseId !== promised.id)].slice(0, limit);
}

/** 1-based place of a waiting lease; null when it does not wait. */
export function queuePosition(world: World, lease: Lease): number | null {
  const own = waitingFor(lease);
  if (own === null) return null;
  const promised = promisedLease(world);
  if (promised?.id === lease.id) return 1;
  const position = world.queue.positionOf(own, world.servedSeq);
  const first = promised === null ? null : waitingFor(promised);
  if (first === null) return position;
  return world.queue.positionOf(first, world.servedSeq) > position ? position + 1 : position;
}

/** The queue's entry of a lease; null when it does not wait. */
export function waitingFor(lease: Lease): Waiting | null {
  if (lease.state.kind !== 'queued') return null;
  return {
    leaseId: lease.id,
    projectId: lease.projectId,
    demandKey: lease.request.demand.key,
    queueSeq: lease.state.queueSeq,
  };
}
