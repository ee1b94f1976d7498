/**
 * The scheduling pass: who waits gets what has become free, in order. One rule about overtaking: a later request may
 * start before the head of the queue only if the head can still start where and when it was promised.
 */
import { assertDefined } from '../../base/assert.ts';
import type { LeaseId } from '../../base/ids.ts';
import type { Draft } from '../draft.ts';
import type { Lease, StartPromise } from '../model/lease.ts';
import type { HostRow } from './host-row.ts';
import { promisedLease, quotaBlocks, waitingFor } from './order.ts';
import { avoidedHosts, claimOn, findHost, mayFit, windowFor } from './place.ts';
import { leavesPromise } from './promise-guard.ts';
import type { Candidate } from './queue.ts';

/** A promise is told anew only when it moves by more: shorter moves are the clock's, not the cloud's. */
const PROMISE_STEP_MS = 1000;
/** Later entries of one project and demand that are tried when the first is kept off by its own setbacks. */
const SKIPS_MAX = 8;

/** Nothing starts while the service is frozen or only observes. */
export function startsPaused(draft: Draft): boolean {
  const { control } = draft.world;
  return control.freeze !== null || control.mode.kind === 'observe';
}

/** Grants whatever can be granted. Ends because every round grants a lease or rules a class of them out. */
export function schedule(draft: Draft): void {
  if (startsPaused(draft)) return;
  const { world } = draft;
  const unable = demandsWithoutRoom(draft);
  const ruledOut: RuledOut = { slots: new Set(), skipped: new Map(), leases: new Set() };
  let head: Lease | null = null;
  while (world.queue.size > 0) {
    const next = nextCandidate(draft, ruledOut);
    if (next === null) break;
    const lease = assertDefined(world.leases.get(next.waiting.leaseId), 'who waits is in the world');
    const slot = slotOf(next);
    const granted = !unable.has(next.waiting.demandKey) && grantIfPossible(draft, lease, head?.id ?? null);
    if (granted) continue;
    if (head === null) {
      head = lease;
      promise(draft, lease);
    }
    ruledOut.leases.add(lease.id);
    const skips = ruledOut.skipped.get(slot) ?? 0;
    if (skips < SKIPS_MAX && nextMayDiffer(draft, lease)) ruledOut.skipped.set(slot, skips + 1);
    else ruledOut.slots.add(slot);
  }
}

/** True if another of the same project and demand may fit where this one does not: by its history, or its length. */
function nextMayDiffer(draft: Draft, lease: Lease): boolean {
  const { world, nowMs } = draft;
  const calendar = world.pools.get(lease.request.demand.providerId)?.calendar.size ?? 0;
  return calendar > 0 || avoidedHosts(lease, nowMs, world.settings).size > 0;
}

/** What a pass need not look at again. */
interface RuledOut {
  /** Project and demand. */
  readonly slots: Set<string>;
  /** Entries to leave out at the beginning of a slot. */
  readonly skipped: Map<string, number>;
  readonly leases: Set<LeaseId>;
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
  const pool = world.pools.get(lease.request.demand.providerId);
  const promised = promisedLease(world);
  const head = promised !== null && !quotaBlocks(world, promised) ? promised : null;
  const mayStart = pool !== undefined && mayFit(pool, lease.request.demand);
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
  const next = earliestStart(draft, lease);
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

function earliestStart(draft: Draft, lease: Lease): StartPromise | null {
  const { world, nowMs } = draft;
  const { demand, durationMs } = lease.request;
  const window = windowFor(durationMs, nowMs, world.settings);
  const found = world.earliest(demand, window.untilMs - window.fromMs, nowMs);
  return found === null ? null : { hostId: found.row.host.id, startMs: found.startMs };
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

/** Demands that surely find no host now. A pass only takes room away, so this holds to its end. */
function demandsWithoutRoom(draft: Draft): ReadonlySet<string> {
  const { world } = draft;
  const seen = new Set<string>();
  const unable = new Set<string>();
  for (const { waiting } of world.queue.candidates(() => 0)) {
    if (seen.has(waiting.demandKey)) continue;
    seen.add(waiting.demandKey);
    const lease = world.leases.get(waiting.leaseId);
    const pool = lease === undefined ? undefined : world.pools.get(lease.request.demand.providerId);
    if (lease === undefined || pool === undefined || !mayFit(pool, lease.request.demand))
      unable.add(waiting.demandKey);
  }
  return unable;
}

/** The first in order among those that are not ruled out; who has a promise is before all. */
function nextCandidate(draft: Draft, ruledOut: RuledOut): Candidate | null {
  const { world } = draft;
  const promised = promisedLease(world);
  if (promised !== null && !ruledOut.leases.has(promised.id) && !quotaBlocks(world, promised)) {
    const waiting = waitingFor(promised);
    if (waiting !== null) return { waiting, round: 0 };
  }
  let best: Candidate | null = null;
  let bestServed = 0;
  for (const candidate of world.queue.candidates(
    (projectId, key) => ruledOut.skipped.get(`${projectId} ${key}`) ?? 0,
  )) {
    const { waiting, round } = candidate;
    if (ruledOut.slots.has(slotOf(candidate))) continue;
    const lease = world.leases.get(waiting.leaseId);
    if (lease === undefined) continue;
    if (quotaBlocks(world, lease)) {
      draft.ruleOut('quota');
      continue;
    }
    const served = world.servedSeq(waiting.projectId);
    const before =
      best === null ||
      round < best.round ||
      (round === best.round &&
        (served < bestServed || (served === bestServed && waiting.queueSeq < best.waiting.queueSeq)));
    if (before) {
      best = candidate;
      bestServed = served;
    }
  }
  return best;
}

function slotOf(candidate: Candidate): string {
  return `${candidate.waiting.projectId} ${candidate.waiting.demandKey}`;
}
