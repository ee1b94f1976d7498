/**
 * What must hold of ends, from outside the engine (SPEC.md I3, C10, C11): no lease ends before its time, none
 * is renewed while somebody waits whom it would serve, none lasts longer than its maximum; whoever has a
 * return ticket queues in the order of the ends, and comes back with the address that it had.
 */
import type { LeaseId } from '../../src/base/ids.ts';
import type { Lease } from '../../src/domain/model/lease.ts';
import { startExcess } from '../../src/domain/scheduler/limits.ts';
import type { World } from '../../src/domain/world.ts';
import type { StoredEvent } from '../../src/engine/ports.ts';

/** Judged time follows the clocks slowly; by so much an end may seem early. */
const EARLY_MS_MAX = 5000;
const SECOND_MS = 1000;

interface Planned {
  readonly expiresAtMs: number;
  /** On the monotonic clock. */
  readonly endsAtMs: number;
  /** Judged time less monotonic time then: a jump of the one is no early end. */
  readonly offsetMs: number;
}

export class EndChecker {
  readonly #maxMs: (lease: Lease) => number;
  readonly #planned = new Map<LeaseId, Planned>();
  readonly #renewed = new Map<LeaseId, number>();
  readonly #address = new Map<LeaseId, string | null>();

  /** `maxMs`: how long a lease may last. */
  constructor(maxMs: (lease: Lease) => number) {
    this.#maxMs = maxMs;
  }

  /** After each step. */
  check(world: World, nowMs: number, monotonicMs: number): readonly string[] {
    const broken: string[] = [];
    for (const lease of world.leases.values()) {
      const { state, id } = lease;
      if (state.kind === 'active') this.#checkActive(world, lease, nowMs, monotonicMs, broken);
      else this.#checkEnd(lease, nowMs, monotonicMs, broken);
      const isKept = state.kind === 'shelved' || (state.kind === 'queued' && state.comeback);
      if (isKept && !this.#address.has(id)) this.#address.set(id, lease.refs.address);
    }
    for (const id of this.#planned.keys()) if (!world.leases.has(id)) this.#planned.delete(id);
    return broken;
  }

  #checkActive(world: World, lease: Lease, nowMs: number, monotonicMs: number, broken: string[]): void {
    const { state, id } = lease;
    if (state.kind !== 'active') return;
    if (this.#planned.get(id)?.expiresAtMs !== state.expiresAtMs) {
      const endsAtMs = monotonicMs + state.expiresAtMs - nowMs;
      this.#planned.set(id, { expiresAtMs: state.expiresAtMs, endsAtMs, offsetMs: nowMs - monotonicMs });
    }
    if (state.expiresAtMs - state.sinceMs > this.#maxMs(lease) + SECOND_MS)
      broken.push(`C10: ${id} may last longer than its maximum`);
    const { renewedAtMs } = state;
    if (renewedAtMs !== null && this.#renewed.get(id) !== renewedAtMs) {
      this.#renewed.set(id, renewedAtMs);
      const waiting = whoWaits(world, lease, renewedAtMs);
      if (waiting !== null) broken.push(`C10: ${id} is renewed while ${waiting} waits for such a card`);
    }
    const address = this.#address.get(id);
    if (address !== undefined && address !== null && address !== lease.refs.address)
      broken.push(
        `C11: ${id} had the address ${address}, and comes back with ${lease.refs.address ?? 'none'}`,
      );
    this.#address.delete(id);
  }

  #checkEnd({ id, state }: Lease, nowMs: number, monotonicMs: number, broken: string[]): void {
    const planned = this.#planned.get(id);
    if (planned === undefined) return;
    this.#planned.delete(id);
    const isExpired =
      (state.kind === 'shelving' && state.reason === 'expired') ||
      (state.kind === 'ending' && state.then.kind === 'end' && state.then.reason === 'expired');
    const jumpMs = Math.max(0, nowMs - monotonicMs - planned.offsetMs);
    const earlyMs = planned.endsAtMs - monotonicMs - jumpMs;
    if (isExpired && earlyMs > EARLY_MS_MAX) broken.push(`I3: ${id} ended ${earlyMs} ms early`);
  }
}

/** Who could use what the lease has and was there before it was renewed; null: nobody. */
function whoWaits(world: World, lease: Lease, renewedAtMs: number): LeaseId | null {
  const { demand } = lease.request;
  for (const other of world.leases.values()) {
    if (other.state.kind !== 'queued' || other.state.sinceMs >= renewedAtMs) continue;
    const wanted = other.request.demand;
    if (wanted.providerId !== demand.providerId || wanted.hostId !== null) continue;
    if (!Object.keys(wanted.devices).some((name) => demand.devices[name] !== undefined)) continue;
    if (startExcess(world, other, renewedAtMs) === null) return other.id;
  }
  return null;
}

/** C11: a ticket that counts from the end on leads past the shelf into the queue, in the order of the ends. */
export function checkTickets(events: readonly StoredEvent[]): readonly string[] {
  const broken: string[] = [];
  const open = new Map<string, number>();
  const places: { readonly endSeq: number; readonly queueSeq: number; readonly id: string }[] = [];
  for (const event of events) {
    if (event.entity !== 'lease') continue;
    if (event.type === 'lease.expired' && event.data['ticket'] === true) open.set(event.id, event.seq);
    const endSeq = open.get(event.id);
    if (endSeq === undefined || event.after === 'shelving') continue;
    open.delete(event.id);
    const queueSeq = event.data['queue_seq'];
    if (event.after === 'shelved') broken.push(`C11: ${event.id} has a ticket, and stays on the shelf`);
    else if (typeof queueSeq === 'number') places.push({ endSeq, queueSeq, id: event.id });
  }
  const inOrder = places.toSorted((a, b) => a.endSeq - b.endSeq);
  inOrder.forEach(({ queueSeq, id }, index) => {
    const before = inOrder[index - 1];
    if (before !== undefined && before.queueSeq >= queueSeq)
      broken.push(`C11: ${id} ended after ${before.id}, and waits before it`);
  });
  return broken;
}
