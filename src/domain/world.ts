/**
 * The world: every live entity, and the few indexes that make decisions cheap. `apply` is the only thing
 * that alters it, and yields its undo. No clock, no randomness, no I/O; two worlds given the same changes
 * are equal.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { HostId, LeaseId, ProjectId, ProviderId } from '../base/ids.ts';
import { Accounts, type EarlierUse } from './accounts.ts';
import { DueIndex, dueAt } from './due.ts';
import type { Claim } from './model/claim.ts';
import type { Control } from './model/control.ts';
import type { Change, Entities, Snapshot } from './model/entities.ts';
import type { Finding } from './model/finding.ts';
import type { Flavor } from './model/flavor.ts';
import type { Host } from './model/host.ts';
import { scopedKeyOf, type IdempotencyRecord } from './model/idempotency.ts';
import type { Demand, Intent, Lease } from './model/lease.ts';
import type { Project } from './model/project.ts';
import type { Token } from './model/token.ts';
import { negated } from './model/usage.ts';
import { Months } from './months.ts';
import { earliestOn } from './scheduler/earliest-on.ts';
import { EarliestIndex, type Earliest } from './scheduler/earliest.ts';
import { freeKey, totalDevices, type Free } from './scheduler/free.ts';
import { emptyFree, freeWith, hasCalendar, isOpen, type HostRow } from './scheduler/host-row.ts';
import { QueueIndex } from './scheduler/queue.ts';
import { ShapeIndex } from './scheduler/shapes.ts';
import type { Settings } from './settings.ts';

/** The hosts of one provider; a flavor's leases go to hosts of its own provider. */
export interface Pool {
  readonly providerId: ProviderId;
  /** By row index; holes are reused. */
  readonly rows: (HostRow | null)[];
  readonly shapes: ShapeIndex;
  /** Open hosts with planned windows or drains: looked at one by one. */
  readonly calendar: Set<HostRow>;
  readonly earliest: EarliestIndex;
  /** Hosts by what they offer when nothing is on them: what could ever fit, and totals. */
  readonly capacities: Map<string, Capacity>;
}

export interface Capacity {
  readonly free: Free;
  /** Hosts like this, and how many of them are open. */
  hosts: number;
  open: number;
}

export class World {
  readonly settings: Settings;
  control: Control;
  readonly flavors = new Map<string, Flavor>();
  readonly projects = new Map<ProjectId, Project>();
  /** All that have not ended. */
  readonly leases = new Map<LeaseId, Lease>();
  /** Open ones; a lease has at most one. */
  readonly intents = new Map<string, Intent>();
  readonly openIntents = new Map<LeaseId, Intent>();
  readonly tokens = new Map<string, Token>();
  readonly tokensByHash = new Map<string, Token>();
  readonly findings = new Map<string, Finding>();
  /** In the order in which they expire. */
  readonly idempotency = new Map<string, IdempotencyRecord>();
  /** By project, user and key; of several with the same the newest, as the others have expired. */
  readonly idempotencyByKey = new Map<string, IdempotencyRecord>();
  readonly hosts = new Map<HostId, HostRow>();
  readonly pools = new Map<ProviderId, Pool>();
  readonly queue = new QueueIndex();
  /**
   * Waiting leases that others must not delay: reserved windows that began late, and the head of the queue.
   */
  readonly promised = new Set<LeaseId>();
  readonly due = new DueIndex();
  readonly months: Months;
  readonly accounts: Accounts;

  /** `earlier`: what was used since the last month began, and is not in the snapshot. */
  constructor(snapshot: Snapshot, settings: Settings, earlier: readonly EarlierUse[] = []) {
    this.settings = settings;
    this.months = new Months(settings.timeZone);
    this.accounts = new Accounts(this.months);
    for (const use of earlier) this.accounts.useEarlier(use);
    this.control = snapshot.control;
    this.#setMonth();
    for (const project of snapshot.projects) this.projects.set(project.id, project);
    for (const flavor of snapshot.flavors) this.flavors.set(flavor.id, flavor);
    for (const host of snapshot.hosts) this.#setHost(host.id, host);
    for (const providerId of new Set(snapshot.flavors.map((flavor) => flavor.providerId)))
      this.#setTasks(providerId);
    for (const lease of snapshot.leases) this.#setLease(lease.id, lease);
    for (const intent of snapshot.intents) this.#setIntent(intent.id, intent);
    for (const token of snapshot.tokens) this.#setToken(token.id, token);
    for (const finding of snapshot.findings) this.findings.set(finding.id, finding);
    for (const record of snapshot.idempotency) this.#setIdempotency(record.id, record);
  }

  /** Applies the changes in order and returns those that undo them, in the order in which to apply them. */
  apply(changes: readonly Change[]): readonly Change[] {
    const undo: Change[] = [];
    for (const change of changes) undo.push(this.applyOne(change));
    return undo.toReversed();
  }

  /** Where and when a demand fits first for `durationMs`; null: no known end makes room. */
  earliest(
    demand: Demand,
    durationMs: number,
    nowMs: number,
    imagined: ReadonlyMap<HostRow, readonly Claim[]> = new Map(),
  ): Earliest | null {
    if (demand.hostId !== null) {
      const row = this.hosts.get(demand.hostId);
      if (row === undefined) return null;
      const startMs = earliestOn(row, demand, durationMs, nowMs, imagined.get(row));
      return startMs === Number.POSITIVE_INFINITY ? null : { row, startMs };
    }
    const pool = this.pools.get(demand.providerId);
    return pool === undefined ? null : pool.earliest.find(demand.key, demand, durationMs, nowMs, imagined);
  }

  servedSeq = (projectId: ProjectId): number => this.projects.get(projectId)?.servedSeq ?? 0;

  /** As `apply`, for a single change and its one undo. */
  applyOne(change: Change): Change {
    switch (change.entity) {
      case 'lease': {
        const before = this.leases.get(change.id as LeaseId) ?? null;
        this.#setLease(change.id as LeaseId, change.after);
        return { entity: 'lease', id: change.id, after: before };
      }
      case 'host': {
        const before = this.hosts.get(change.id as HostId)?.host ?? null;
        this.#setHost(change.id as HostId, change.after);
        return { entity: 'host', id: change.id, after: before };
      }
      case 'flavor': {
        const before = setIn(this.flavors, change.id, change.after);
        const providerId = (change.after ?? before)?.providerId;
        if (providerId !== undefined) this.#setTasks(providerId);
        return { entity: 'flavor', id: change.id, after: before };
      }
      case 'project':
        return {
          entity: 'project',
          id: change.id,
          after: setIn(this.projects, change.id as ProjectId, change.after),
        };
      case 'intent':
        return { entity: 'intent', id: change.id, after: this.#setIntent(change.id, change.after) };
      case 'token': {
        const before = this.tokens.get(change.id) ?? null;
        this.#setToken(change.id, change.after);
        return { entity: 'token', id: change.id, after: before };
      }
      case 'finding':
        return { entity: 'finding', id: change.id, after: setIn(this.findings, change.id, change.after) };
      case 'idempotency':
        return {
          entity: 'idempotency',
          id: change.id,
          after: this.#setIdempotency(change.id, change.after),
        };
      case 'control': {
        const before = this.control;
        assert(change.after !== null, 'the control record is never deleted');
        this.control = change.after;
        if (before.monthFromMs !== change.after.monthFromMs) this.#setMonth();
        return { entity: 'control', id: change.id, after: before };
      }
      case 'usage': {
        assert(change.after !== null, 'a record of usage is never removed');
        this.accounts.use(change.after);
        return { entity: 'usage', id: change.id, after: negated(change.after) };
      }
      default:
        return unreachable(change);
    }
  }

  #setIntent(id: string, after: Intent | null): Intent | null {
    const before = setIn(this.intents, id, after);
    if (before !== null) this.openIntents.delete(before.leaseId);
    if (after !== null) {
      assert(!this.openIntents.has(after.leaseId), 'a lease has one open intent at most');
      this.openIntents.set(after.leaseId, after);
    }
    return before;
  }

  #setIdempotency(id: string, after: IdempotencyRecord | null): IdempotencyRecord | null {
    const before = setIn(this.idempotency, id, after);
    if (before !== null && this.idempotencyByKey.get(scopedKeyOf(before)) === before) {
      this.idempotencyByKey.delete(scopedKeyOf(before));
    }
    if (after !== null) this.idempotencyByKey.set(scopedKeyOf(after), after);
    return before;
  }

  #setToken(id: string, after: Token | null): void {
    const before = setIn(this.tokens, id, after);
    if (before !== null) this.tokensByHash.delete(before.secretHash);
    if (after !== null) this.tokensByHash.set(after.secretHash, after);
  }

  #setMonth(): void {
    const { monthFromMs } = this.control;
    const next = monthFromMs === null ? null : this.months.startMs(this.months.at(monthFromMs) + 1);
    this.due.setMonth(next);
  }

  #setTasks(providerId: ProviderId): void {
    const tasks = [...this.flavors.values()].filter(
      (flavor) => flavor.providerId === providerId && totalDevices(flavor.devices) > 0 && !flavor.disabled,
    );
    this.#pool(providerId).shapes.setTasks(tasks);
  }

  #pool(providerId: ProviderId): Pool {
    let pool = this.pools.get(providerId);
    if (pool === undefined) {
      const rows: (HostRow | null)[] = [];
      pool = {
        providerId,
        rows,
        shapes: new ShapeIndex(this.settings.placement),
        calendar: new Set(),
        earliest: new EarliestIndex(rows),
        capacities: new Map(),
      };
      this.pools.set(providerId, pool);
    }
    return pool;
  }

  #setHost(id: HostId, after: Host | null): void {
    const row = this.hosts.get(id);
    if (after === null) {
      if (row === undefined) return;
      assert(row.claims.size === 0, 'a host leaves the world only without claims');
      const pool = this.#pool(row.host.providerId);
      pool.rows[row.index] = null;
      pool.shapes.remove(row);
      pool.calendar.delete(row);
      pool.earliest.touch(row);
      this.#countCapacity(pool, row, -1);
      this.due.setHost(id, null);
      this.hosts.delete(id);
      return;
    }
    if (row !== undefined) {
      assert(row.host.providerId === after.providerId, 'a host stays with its provider');
      const pool = this.#pool(after.providerId);
      this.#countCapacity(pool, row, -1);
      row.host = after;
      row.empty = emptyFree(after);
      this.#countCapacity(pool, row, 1);
      this.due.setHost(id, after.drain?.untilMs ?? null);
      this.#refresh(row);
      return;
    }
    const pool = this.#pool(after.providerId);
    const hole = pool.rows.indexOf(null);
    const index = hole === -1 ? pool.rows.length : hole;
    const empty = emptyFree(after);
    const added: HostRow = { host: after, index, claims: new Map(), plannedCount: 0, empty, free: empty };
    pool.rows[index] = added;
    this.hosts.set(id, added);
    this.#countCapacity(pool, added, 1);
    this.due.setHost(id, after.drain?.untilMs ?? null);
    this.#refresh(added);
  }

  #countCapacity(pool: Pool, { host, empty: free }: HostRow, sign: 1 | -1): void {
    const key = freeKey(free);
    let capacity = pool.capacities.get(key);
    if (capacity === undefined) {
      capacity = { free, hosts: 0, open: 0 };
      pool.capacities.set(key, capacity);
    }
    capacity.hosts += sign;
    if (isOpen(host)) capacity.open += sign;
    if (capacity.hosts === 0) pool.capacities.delete(key);
  }

  #refresh(row: HostRow): void {
    row.free = freeWith(row, (entry) => entry.held);
    const pool = this.#pool(row.host.providerId);
    const calendar = hasCalendar(row);
    if (isOpen(row.host) && !calendar) pool.shapes.place(row);
    else pool.shapes.remove(row);
    if (isOpen(row.host) && calendar) pool.calendar.add(row);
    else pool.calendar.delete(row);
    pool.earliest.touch(row);
  }

  #setLease(id: LeaseId, after: Lease | null): void {
    const live = after !== null && after.state.kind !== 'ended' ? after : null;
    const before = this.leases.get(id) ?? null;
    if (before !== null && before.state.kind === 'queued') {
      if (live?.state.kind !== 'queued' || live.state.queueSeq !== before.state.queueSeq)
        this.queue.remove(waitingOf(before, before.state.queueSeq));
    }
    this.#countWaiting(before, live);
    this.#moveClaim(id, before, live);
    if (live === null) this.leases.delete(id);
    else this.leases.set(id, live);
    if (live?.state.kind === 'queued' && (live.state.promise !== null || isLateWindow(live)))
      this.promised.add(id);
    else this.promised.delete(id);
    this.due.setLease(id, live === null ? null : dueAt(live, this.settings));
    if (live !== null && live.state.kind === 'queued') {
      if (before?.state.kind !== 'queued' || before.state.queueSeq !== live.state.queueSeq)
        this.queue.add(waitingOf(live, live.state.queueSeq));
    }
  }

  #countWaiting(before: Lease | null, after: Lease | null): void {
    const [didWait, waits] = [before?.state.kind === 'queued', after?.state.kind === 'queued'];
    if (before !== null && didWait && !waits) this.accounts.wait(before, -1);
    if (after !== null && waits && !didWait) this.accounts.wait(after, 1);
  }

  #moveClaim(id: LeaseId, before: Lease | null, after: Lease | null): void {
    const old = before === null ? null : claimOf(before);
    const next = after === null ? null : claimOf(after);
    const oldHeld = before !== null && holdsNow(before);
    const nextHeld = after !== null && holdsNow(after);
    if (old === next && oldHeld === nextHeld) return;
    const oldRow = old === null ? null : this.#rowOf(old);
    const nextRow = next === null ? null : this.#rowOf(next);
    if (old !== null && oldRow !== null && before !== null) {
      oldRow.claims.delete(id);
      if (!oldHeld) oldRow.plannedCount -= 1;
      this.accounts.claim(before, old, -1);
    }
    if (next !== null && nextRow !== null && after !== null) {
      nextRow.claims.set(id, { claim: next, held: nextHeld });
      if (!nextHeld) nextRow.plannedCount += 1;
      this.accounts.claim(after, next, 1);
    }
    if (nextRow !== null && oldRow === nextRow && oldHeld === nextHeld && takesTheSame(old, next)) {
      // Only the time has changed, as when a lease becomes active or is extended: as much is free as before.
      this.#pool(nextRow.host.providerId).earliest.touch(nextRow);
      return;
    }
    if (oldRow !== null && oldRow !== nextRow) this.#refresh(oldRow);
    if (nextRow !== null) this.#refresh(nextRow);
  }

  #rowOf(claim: Claim): HostRow {
    const row = this.hosts.get(claim.hostId);
    assert(row !== undefined, 'a claim lies on a known host');
    return row;
  }
}

/** Surely, because a claim that gets another time keeps the rest. */
function takesTheSame(a: Claim | null, b: Claim | null): boolean {
  if (a === null || b === null || a.resources !== b.resources || a.devices !== b.devices) return false;
  return a.kind === 'slot' ? b.kind === 'slot' : b.kind === 'unit' && a.deviceIds === b.deviceIds;
}

/** True for a store that never knew a lease: new, or lost and made anew. */
export function isUnused({ control, leases, intents }: World): boolean {
  return control.queueSeq === 0 && control.grantSeq === 0 && leases.size === 0 && intents.size === 0;
}

/** What the lease claims, held or planned; null: nothing. */
export function claimOf(lease: Lease): Claim | null {
  const { state } = lease;
  switch (state.kind) {
    case 'reserved':
    case 'starting':
    case 'active':
    case 'shelving':
    case 'ending':
      return state.claim;
    case 'queued':
    case 'shelved':
    case 'ended':
      return null;
  }
}

/** True when its claim is on the hardware now, not only planned. */
export function holdsNow(lease: Lease): boolean {
  return lease.state.kind !== 'reserved' && claimOf(lease) !== null;
}

/** A reserved window that has begun without a free host: it goes before everybody who only waits. */
export function isLateWindow(lease: Lease): boolean {
  return lease.state.kind === 'queued' && lease.reservationId !== null && !lease.state.comeback;
}

function waitingOf(lease: Lease, queueSeq: number): Parameters<QueueIndex['add']>[0] {
  return { leaseId: lease.id, projectId: lease.projectId, demandKey: lease.request.demand.key, queueSeq };
}

function setIn<K, V extends Entities[keyof Entities]>(map: Map<K, V>, key: K, after: V | null): V | null {
  const before = map.get(key) ?? null;
  if (after === null) map.delete(key);
  else map.set(key, after);
  return before;
}
