/**
 * The scheduling pass: who waits gets what has become free, in order. One rule about overtaking: a later request may
 * start before the head of the queue only if the head can still start where and when it was promised.
 */
import { assertDefined } from '../../base/assert.ts';
import type { LeaseId } from '../../base/ids.ts';
import type { Draft } from '../draft.ts';
import type { Lease, StartPromise } from '../model/lease.ts';
import type { HostRow } from './host-row.ts';
import { promisedLease, quotaBlocks } from './order.ts';
import { avoidedHosts, claimOn, findHost, mayFit, windowFor } from './place.ts';
import { leavesPromise } from './promise-guard.ts';
import { earliestStart } from './start.ts';
import { Turns } from './turns.ts';
import type { World } from '../world.ts';

/** A promise is told anew only when it moves by more: shorter moves are the clock's, not the cloud's. */
const PROMISE_STEP_MS = 1000;
/** Later entries of one project and demand that are tried when the first is kept off by its own setbacks. */
const SKIPS_MAX = 8;

/** Nothing starts while the service is frozen or only observes. */
export function startsPaused(draft: Draft): boolean {
  const { control } = draft.world;
  return control.freeze !== null || control.mode.kind === 'observe';
}

/** What one pass has found out so far. A pass only takes room away, so all of it holds to its end. */
interface Pass {
  /** Demands for which there may be room. */
  readonly able: ReadonlySet<string>;
  /** By demand the shortest lease that found no host: a longer one finds none either. */
  readonly shortestInVainMs: Map<string, number>;
  /** The first who cannot start. */
  head: Lease | null;
}

/** Grants whatever can be granted. Ends because every round grants a lease, or leaves one out for good. */
export function schedule(draft: Draft): void {
  const { world } = draft;
  if (startsPaused(draft) || world.queue.size === 0) return;
  const pass: Pass = { able: demandsWithRoom(world), shortestInVainMs: new Map(), head: null };
  const promised = promisedLease(world);
  if (promised !== null && !quotaBlocks(world, promised)) startOrPromise(draft, promised, pass);
  // Behind a head that has to wait, only those who find room are of interest.
  const turns = new Turns(world, pass.head === null ? world.queue.demandKeys() : pass.able);
  for (let waiting = turns.next(); waiting !== null; waiting = turns.next()) {
    const lease = assertDefined(world.leases.get(waiting.leaseId), 'who waits is in the world');
    if (quotaBlocks(world, lease)) {
      draft.ruleOut('quota');
      turns.close(waiting);
    } else if (startOrPromise(draft, lease, pass)) {
      turns.granted(waiting.projectId);
    } else if (
      pass.able.has(waiting.demandKey) &&
      turns.skipped(waiting) < SKIPS_MAX &&
      nextMayDiffer(draft, lease)
    ) {
      turns.skip(waiting);
    } else {
      turns.close(waiting);
    }
  }
}

/** True: it starts. The first who does not is the head, and is told when it will. */
function startOrPromise(draft: Draft, lease: Lease, pass: Pass): boolean {
  const { key } = lease.request.demand;
  const { durationMs } = lease.request;
  const inVain =
    !pass.able.has(key) || durationMs >= (pass.shortestInVainMs.get(key) ?? Number.POSITIVE_INFINITY);
  if (!inVain && lease.id !== pass.head?.id) {
    if (grantIfPossible(draft, lease, pass.head?.id ?? null)) return true;
    if (avoidedHosts(lease, draft.nowMs, draft.world.settings).size === 0)
      pass.shortestInVainMs.set(key, durationMs);
  }
  if (pass.head === null) {
    pass.head = lease;
    promise(draft, lease);
  }
  return false;
}

/** True if another of the same project and demand may fit where this one does not: by its history, or its length. */
function nextMayDiffer(draft: Draft, lease: Lease): boolean {
  const { world, nowMs } = draft;
  const calendar = world.pools.get(lease.request.demand.providerId)?.calendar.size ?? 0;
  return calendar > 0 || avoidedHosts(lease, nowMs, world.settings).size > 0;
}

/**
 * The pass after a request has joined the end of the queue: nothing became free, so only the newcomer can start, and
 * a promise changes only if it is the first.
 */
export function scheduleNewcomer(draft: Draft, leaseId: LeaseId): void {
  if (startsPaused(draft)) return;
  const { world } = draft;
  const lease = assertDefined(world.leases.get(leaseId), 'the newcomer is in the world');
  if (quotaBlocks(world, lease)) return;
  const promised = promisedLease(world);
  const head = promised !== null && !quotaBlocks(world, promised) ? promised : null;
  const mayStart = mayFit(world, lease.request.demand);
  if (mayStart && grantIfPossible(draft, lease, head?.id ?? null)) return;
  if (head === null) schedule(draft);
}

/** Starts the lease on `row` from now on; it was checked that it fits. */
export function grant(draft: Draft, lease: Lease, row: HostRow): void {
  const { world, nowMs } = draft;
  const claim = claimOn(
    row,
    lease.request.demand,
    windowFor(lease.request.durationMs, nowMs, world.settings),
    nowMs,
  );
  const waitedMs = lease.state.kind === 'queued' ? nowMs - lease.state.sinceMs : 0;
  draft.lease(
    lease.id,
    { type: 'grant', claim, deadlineMs: nowMs + world.settings.startTimeoutMs },
    'lease.granted',
    null,
    { host: row.host.name, waited_ms: waitedMs },
  );
  const project = world.projects.get(lease.projectId);
  if (project === undefined) return;
  const grantSeq = world.control.grantSeq + 1;
  draft.put({ entity: 'control', id: 'control', after: { ...world.control, grantSeq } });
  draft.put({ entity: 'project', id: project.id, after: { ...project, servedSeq: grantSeq } });
}

function grantIfPossible(draft: Draft, lease: Lease, headId: LeaseId | null): boolean {
  const { world, nowMs } = draft;
  const { demand, durationMs } = lease.request;
  const avoided = avoidedHosts(lease, nowMs, world.settings);
  const window = windowFor(durationMs, nowMs, world.settings);
  const head = headId === null ? undefined : world.leases.get(headId);
  const row = findHost(world, demand, window, nowMs, (candidate) => {
    if (avoided.has(candidate.host.id)) {
      draft.ruleOut('recent_failure');
      return false;
    }
    if (head === undefined) return true;
    if (leavesPromise(world, head, candidate, claimOn(candidate, demand, window, nowMs), nowMs)) return true;
    draft.ruleOut('would_delay_head');
    return false;
  });
  if (row === null) return false;
  grant(draft, lease, row);
  return true;
}

/**
 * Works out when and where the head of the queue will start, and tells it when that has changed. A promise to another
 * is withdrawn, with `whyOther`.
 */
export function promise(draft: Draft, lease: Lease, whyOther = 'its project holds its whole quota'): void {
  const { world, nowMs } = draft;
  if (lease.state.kind !== 'queued') return;
  for (const id of world.promised) {
    if (id !== lease.id)
      draft.lease(id, { type: 'promise', promise: null }, 'lease.promise_withdrawn', whyOther);
  }
  const found = earliestStart(world, lease, nowMs);
  const next = found === null ? null : { hostId: found.row.host.id, startMs: found.startMs };
  const last = lease.state.promise;
  if (next === null && last === null) return;
  if (next !== null && last !== null && next.hostId === last.hostId) {
    // An overdue release moves the promise with the clock; saying so each second would tell nobody anything.
    const bothDue = next.startMs <= nowMs + PROMISE_STEP_MS && last.startMs <= nowMs;
    if (bothDue || Math.abs(next.startMs - last.startMs) < PROMISE_STEP_MS) return;
  }
  const later = last !== null && (next === null || next.startMs >= last.startMs + PROMISE_STEP_MS);
  const reason = later ? whyLater(draft, last) : null;
  draft.lease(
    lease.id,
    { type: 'promise', promise: next },
    later ? 'lease.promise_moved' : 'lease.promised',
    reason,
    {
      start_ms: next?.startMs ?? null,
      host: next === null ? null : (world.hosts.get(next.hostId)?.host.name ?? null),
    },
  );
}

/** The reason behind a promise that could not be kept, from the state of the host that it stood on. */
function whyLater(draft: Draft, last: StartPromise): string {
  const row = draft.world.hosts.get(last.hostId);
  if (row === undefined) return 'the host of the promise is gone';
  const { host } = row;
  if (host.status.kind !== 'up') return `host ${host.name} is ${host.status.kind}`;
  if (host.drain !== null) return `host ${host.name} is drained: ${host.drain.reason}`;
  const late = [...row.claims.values()].some((entry) => entry.held && entry.claim.untilMs > last.startMs);
  if (late) return `a lease on host ${host.name} gives its devices back later than expected`;
  return `instances outside Berth, or a lease placed there by the cloud, take up host ${host.name}`;
}

/** Demands for which there may be room now; for the others there surely is none. */
function demandsWithRoom(world: World): ReadonlySet<string> {
  const able = new Set<string>();
  for (const demandKey of world.queue.demandKeys()) {
    const any = world.queue.anyFor(demandKey);
    const lease = any === null ? undefined : world.leases.get(any.leaseId);
    if (lease !== undefined && mayFit(world, lease.request.demand)) able.add(demandKey);
  }
  return able;
}
