/**
 * What happens by itself and when: one heap over all leases and drains, so that the engine sleeps until the
 * next due moment and an idle world costs nothing. Entries of former states are dropped when they come up.
 */
import { Heap } from '../base/heap.ts';
import type { HostId, LeaseId } from '../base/ids.ts';
import type { Lease } from './model/lease.ts';
import { keepWarningAt, nextWarningAt } from './policy/warnings.ts';
import type { Settings } from './settings.ts';

/** What is due: a lease, the end of a host's drain, or a month. */
export type DueKey =
  | { readonly kind: 'lease'; readonly id: LeaseId }
  | { readonly kind: 'host'; readonly id: HostId }
  /** The next month begins, where something is limited by the month. */
  | { readonly kind: 'month'; readonly id: 'next' };

interface Entry {
  readonly dueMs: number;
  readonly key: DueKey;
}

/** When `tick` has something to do for this lease; null: never by time alone. */
export function dueAt(lease: Lease, settings: Settings): number | null {
  const { state } = lease;
  switch (state.kind) {
    case 'reserved':
      return state.claim.fromMs;
    case 'queued':
      return earlier(state.waitUntilMs, forgivenAt(lease, settings));
    case 'starting':
      return state.deadlineMs;
    case 'active':
      return nextWarningAt(state, settings) ?? state.graceUntilMs ?? state.expiresAtMs;
    case 'shelved':
      return earlier(ticketAt(lease), keepWarningAt(state, settings) ?? state.keepUntilMs);
    case 'shelving':
    case 'ending':
    case 'ended':
      return null;
  }
}

/** When the first of the hosts that failed this lease may be tried again; null: none is kept off. */
export function forgivenAt(lease: Lease, settings: Settings): number | null {
  let firstMs: number | null = null;
  for (const setback of lease.setbacks) {
    if (setback.hostId !== null) firstMs = earlier(firstMs, setback.atMs + settings.avoidHostMs);
  }
  return firstMs;
}

/** When a lease on the shelf queues by itself; null: it does not. */
export function ticketAt({ ticket, state }: Lease): number | null {
  return state.kind === 'shelved' && ticket?.kind === 'at' ? ticket.atMs : null;
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

export class DueIndex {
  readonly #heap = new Heap<Entry>(
    (a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && isBefore(a.key, b.key)),
  );
  /** By kind, then by id: a key is asked for at each change of a lease, too often to make a text of it. */
  readonly #current = { lease: new Map<LeaseId, number>(), host: new Map<HostId, number>() };
  #monthMs: number | null = null;

  setLease(id: LeaseId, dueMs: number | null): void {
    const { lease } = this.#current;
    if (dueMs === null) {
      lease.delete(id);
    } else if (lease.get(id) !== dueMs) {
      lease.set(id, dueMs);
      this.#heap.push({ dueMs, key: { kind: 'lease', id } });
    }
    this.#dropStale();
  }

  setHost(id: HostId, dueMs: number | null): void {
    const { host } = this.#current;
    if (dueMs === null) {
      host.delete(id);
    } else if (host.get(id) !== dueMs) {
      host.set(id, dueMs);
      this.#heap.push({ dueMs, key: { kind: 'host', id } });
    }
    this.#dropStale();
  }

  setMonth(dueMs: number | null): void {
    this.#monthMs = dueMs;
    if (dueMs !== null) this.#heap.push({ dueMs, key: { kind: 'month', id: 'next' } });
    this.#dropStale();
  }

  /** The next due moment; null: nothing will happen by itself. */
  nextMs(): number | null {
    return this.#top()?.dueMs ?? null;
  }

  /**
   * Up to `limit` entries that are due at `nowMs` and that `accept` takes, earliest first; all stay in the
   * index.
   */
  dueBy(nowMs: number, limit: number, accept: (key: DueKey) => boolean): readonly DueKey[] {
    // An entry that went away and came back is in the heap twice; once is enough.
    const seen = new Map<string, Entry>();
    const accepted: DueKey[] = [];
    for (
      let top = this.#top();
      top !== undefined && top.dueMs <= nowMs && accepted.length < limit;
      top = this.#top()
    ) {
      const name = nameOf(top.key);
      if (!seen.has(name) && accept(top.key)) accepted.push(top.key);
      seen.set(name, top);
      this.#heap.pop();
    }
    for (const entry of seen.values()) this.#heap.push(entry);
    return accepted;
  }

  /** Entries of former states are bounded by the live ones: rebuilt at the cost of the pushes that made them. */
  #dropStale(): void {
    const { lease, host } = this.#current;
    if (this.#heap.size <= 64 + 2 * (lease.size + host.size)) return;
    const seen = new Set<string>();
    this.#heap.prune((entry) => {
      const name = nameOf(entry.key);
      if (this.#currentOf(entry.key) !== entry.dueMs || seen.has(name)) return false;
      seen.add(name);
      return true;
    });
  }

  #currentOf(key: DueKey): number | undefined {
    if (key.kind === 'month') return this.#monthMs ?? undefined;
    return key.kind === 'lease' ? this.#current.lease.get(key.id) : this.#current.host.get(key.id);
  }

  #top(): Entry | undefined {
    for (;;) {
      const top = this.#heap.peek();
      if (top === undefined || this.#currentOf(top.key) === top.dueMs) return top;
      this.#heap.pop();
    }
  }
}

/** An order of all keys, so that what is due at one time is done in the same order on every run. */
function isBefore(a: DueKey, b: DueKey): boolean {
  return a.kind < b.kind || (a.kind === b.kind && a.id < b.id);
}

function nameOf({ kind, id }: DueKey): string {
  return `${kind}:${id}`;
}
