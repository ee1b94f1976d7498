/** The order of the queue with its exceptions: who was promised a start stays first until it is kept. */
import type { Lease } from '../model/lease.ts';
import { startExcess } from './limits.ts';
import type { Waiting } from './queue.ts';
import { isLateWindow, type World } from '../world.ts';

/**
 * Who must not be delayed, in order: reserved windows that began late, then the head of the queue with its
 * promise. Those that a limit of their project or owner keeps from starting are not among them.
 */
export function promisedLeases(world: World, nowMs: number): readonly Lease[] {
  const leases: Lease[] = [];
  for (const id of world.promised) {
    const lease = world.leases.get(id);
    if (lease !== undefined && startExcess(world, lease, nowMs) === null) leases.push(lease);
  }
  return leases.length < 2 ? leases : leases.toSorted(inOrderOfPromise);
}

function inOrderOfPromise(a: Lease, b: Lease): number {
  const late = Number(isLateWindow(b)) - Number(isLateWindow(a));
  return late === 0 ? queueSeqOf(a) - queueSeqOf(b) : late;
}

function queueSeqOf(lease: Lease): number {
  return lease.state.kind === 'queued' ? lease.state.queueSeq : 0;
}

/** The waiting leases in the order in which they are served, at most `limit`. */
export function queueOrder(world: World, nowMs: number, limit: number): readonly Waiting[] {
  const order = world.queue.inOrder(world.servedSeq, limit);
  const first = promisedLeases(world, nowMs).flatMap((lease) => waitingFor(lease) ?? []);
  if (first.length === 0) return order;
  const ids = new Set(first.map((waiting) => waiting.leaseId));
  return [...first, ...order.filter((waiting) => !ids.has(waiting.leaseId))].slice(0, limit);
}

/** 1-based place of a waiting lease; null when it does not wait. */
export function queuePosition(world: World, lease: Lease, nowMs: number): number | null {
  const own = waitingFor(lease);
  if (own === null) return null;
  const promised = promisedLeases(world, nowMs);
  const among = promised.findIndex((each) => each.id === lease.id);
  if (among !== -1) return among + 1;
  const position = world.queue.positionOf(own, world.servedSeq);
  let overtaken = 0;
  for (const each of promised) {
    const waiting = waitingFor(each);
    if (waiting !== null && world.queue.positionOf(waiting, world.servedSeq) > position) overtaken += 1;
  }
  return position + overtaken;
}

/** The queue's entry of a lease; null when it does not wait. */
function waitingFor(lease: Lease): Waiting | null {
  if (lease.state.kind !== 'queued') return null;
  return {
    leaseId: lease.id,
    projectId: lease.projectId,
    demandKey: lease.request.demand.key,
    queueSeq: lease.state.queueSeq,
  };
}
