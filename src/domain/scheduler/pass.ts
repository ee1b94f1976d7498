/**
 * The scheduling pass: who waits gets what has become free, in order. One rule about overtaking: a later
 * request may start before the head of the queue only if the head can still start where and when it was
 * promised.
 */
import { assert, assertDefined } from '../../base/assert.ts';
import type { LeaseId } from '../../base/ids.ts';
import type { Draft } from '../draft.ts';
import type { Lease, StartPromise } from '../model/lease.ts';
import { NO_SETUP, setupAllowanceMs } from '../model/setup.ts';
import { holdingData } from '../model/usage.ts';
import type { Settings } from '../settings.ts';
import type { HostRow } from './host-row.ts';
import { excessText } from './limit-text.ts';
import { startExcess, type Excess } from './limits.ts';
import { promisedLeases } from './order.ts';
import { avoidedHosts, claimOn, findHost, mayFit, windowFor } from './place.ts';
import { isPromisedOn, leavesPromises } from './promise-guard.ts';
import { earliestBeside } from './start.ts';
import { Turns } from './turns.ts';
import { isLateWindow, type World } from '../world.ts';

/** A promise is told anew only when it moves by more: shorter moves are the clock's, not the cloud's. */
const PROMISE_STEP_MS = 1000;
/** Later entries of one project and demand that are looked at when one before them cannot start. */
const PASSED_MAX = 64;

/**
 * Entries of one project and demand that are passed over because their own owner is at a limit. Each costs a
 * look at some sums; whoever lets single users wait with more than that limits how many they may.
 */
const PASSED_OVER_MAX = 1024;

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
  /** Demands for which no known end ever makes room: nobody who waits for one can be the head. */
  readonly hopeless: Set<string>;
  /** Who cannot start now and must not be delayed: late windows, then the head of the queue. */
  readonly ahead: Lease[];
  hasHead: boolean;
}

/** Grants whatever can be granted. Ends because every round grants a lease, or leaves one out for good. */
export function schedule(draft: Draft): void {
  const { world } = draft;
  if (startsPaused(draft) || world.queue.size === 0) return;
  const pass: Pass = {
    able: demandsWithRoom(world),
    shortestInVainMs: new Map(),
    hopeless: new Set(),
    ahead: [],
    hasHead: false,
  };
  withdrawUnkeepable(draft);
  for (const lease of promisedLeases(world, draft.nowMs)) startOrPromise(draft, lease, pass);
  const tried = new Set(pass.ahead.map((lease) => lease.id));
  // Behind a head that has to wait, only those who find room are of interest.
  const turns = new Turns(world, pass.hasHead ? pass.able : world.queue.demandKeys());
  for (let waiting = turns.next(); waiting !== null; waiting = turns.next()) {
    const lease = assertDefined(world.leases.get(waiting.leaseId), 'who waits is in the world');
    const over = tried.has(lease.id) ? null : startExcess(world, lease, draft.nowMs);
    if (tried.has(lease.id)) {
      turns.pass(waiting);
    } else if (over !== null) {
      draft.ruleOut('quota');
      if (stopsAll(over) || turns.passedOver(waiting) >= PASSED_OVER_MAX) turns.close(waiting);
      else turns.passOver(waiting);
    } else if (startOrPromise(draft, lease, pass)) {
      turns.granted(waiting.projectId);
    } else if (
      pass.able.has(waiting.demandKey) &&
      turns.passed(waiting) < PASSED_MAX &&
      nextMayDiffer(draft, lease, pass)
    ) {
      turns.pass(waiting);
    } else {
      turns.close(waiting);
    }
  }
}

/**
 * True: it starts. Otherwise, if it comes before all others or is the first of them, it is told when it
 * will.
 */
function startOrPromise(draft: Draft, lease: Lease, pass: Pass): boolean {
  const { key } = lease.request.demand;
  const { durationMs } = lease.request;
  const inVain =
    !pass.able.has(key) || durationMs >= (pass.shortestInVainMs.get(key) ?? Number.POSITIVE_INFINITY);
  if (!inVain) {
    if (grantIfPossible(draft, lease, pass.ahead)) return true;
    if (avoidedHosts(lease, draft.nowMs, draft.world.settings).size === 0) {
      pass.shortestInVainMs.set(key, durationMs);
    }
  }
  const isHead = !isLateWindow(lease);
  const hasPromise = lease.state.kind === 'queued' && lease.state.promise !== null;
  if (isHead && pass.hasHead) {
    assert(!hasPromise, 'there is one head of the queue');
    return false;
  }
  if (pass.hopeless.has(key) && !hasPromise) return false;
  const isPromised = promise(draft, lease, pass.ahead);
  if (isPromised || !isHead) pass.ahead.push(draft.world.leases.get(lease.id) ?? lease);
  if (isPromised && isHead) pass.hasHead = true;
  // Who waits for something that nobody is known to give back must not keep the promise from those behind.
  if (!isPromised) pass.hopeless.add(key);
  return false;
}

/** True if nobody of the project who wants the same can start either: no limit of time, nor of one user. */
function stopsAll(over: Excess): boolean {
  return over.scope === 'project' && over.kind !== 'gpu_hours';
}

/**
 * True if another of the same project and demand may fit where this one does not: by its history, or its
 * length.
 */
function nextMayDiffer(draft: Draft, lease: Lease, pass: Pass): boolean {
  const { world, nowMs } = draft;
  const calendar = world.pools.get(lease.request.demand.providerId)?.calendar.size ?? 0;
  return calendar > 0 || pass.ahead.length > 0 || avoidedHosts(lease, nowMs, world.settings).size > 0;
}

/** A promise to somebody whom a limit does not let start is no promise. */
function withdrawUnkeepable(draft: Draft): void {
  const { world } = draft;
  for (const id of Array.from(world.promised)) {
    const lease = world.leases.get(id);
    if (lease?.state.kind !== 'queued' || lease.state.promise === null) continue;
    const over = startExcess(world, lease, draft.nowMs);
    if (over === null) continue;
    draft.lease(id, { type: 'promise', promise: null }, 'lease.promise_withdrawn', excessText(over));
  }
}

/**
 * The pass after a request has joined the end of the queue: nothing became free, so only the newcomer can
 * start, and a promise changes only if it is the first.
 */
export function scheduleNewcomer(draft: Draft, leaseId: LeaseId): void {
  if (startsPaused(draft)) return;
  const { world } = draft;
  const lease = assertDefined(world.leases.get(leaseId), 'the newcomer is in the world');
  if (startExcess(world, lease, draft.nowMs) !== null) return;
  const ahead = promisedLeases(world, draft.nowMs);
  if (mayFit(world, lease.request.demand) && grantIfPossible(draft, lease, ahead)) return;
  if (!ahead.some((each) => !isLateWindow(each))) schedule(draft);
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
    { type: 'grant', claim, deadlineMs: nowMs + startTimeoutMs(lease, world.settings) },
    'lease.granted',
    null,
    { host: row.host.name, waited_ms: waitedMs, ...holdingData(lease) },
  );
  const project = world.projects.get(lease.projectId);
  if (project === undefined) return;
  const grantSeq = world.control.grantSeq + 1;
  draft.put({ entity: 'control', id: 'control', after: { ...world.control, grantSeq } });
  draft.put({ entity: 'project', id: project.id, after: { ...project, servedSeq: grantSeq } });
}

function grantIfPossible(draft: Draft, lease: Lease, ahead: readonly Lease[]): boolean {
  const { world, nowMs } = draft;
  const { demand, durationMs } = lease.request;
  const avoided = avoidedHosts(lease, nowMs, world.settings);
  const window = windowFor(durationMs, nowMs, world.settings);
  const row = findHost(world, demand, window, nowMs, (candidate) => {
    if (avoided.has(candidate.host.id)) {
      draft.ruleOut('recent_failure');
      return false;
    }
    if (!ahead.some((head) => isPromisedOn(head, candidate))) return true;
    const claim = claimOn(candidate, demand, window, nowMs);
    if (leavesPromises(world, ahead, candidate, claim, nowMs)) return true;
    draft.ruleOut('would_delay_head');
    return false;
  });
  if (row === null) return false;
  grant(draft, lease, row);
  return true;
}

/**
 * Works out when and where a lease will start beside those `ahead` of it, and tells it when that has
 * changed. False: no known end makes room for it.
 */
function promise(draft: Draft, lease: Lease, ahead: readonly Lease[]): boolean {
  const { world, nowMs } = draft;
  if (lease.state.kind !== 'queued') return false;
  const found = earliestBeside(world, lease, ahead, nowMs);
  const next = found === null ? null : { hostId: found.row.host.id, startMs: found.startMs };
  const last = lease.state.promise;
  if (next === null && last === null) return false;
  if (next !== null && last !== null && next.hostId === last.hostId) {
    // An overdue release moves the promise with the clock; saying so each second would tell nobody anything.
    const bothDue = next.startMs <= nowMs + PROMISE_STEP_MS && last.startMs <= nowMs;
    if (bothDue || Math.abs(next.startMs - last.startMs) < PROMISE_STEP_MS) return true;
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
  return next !== null;
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

/** A machine that is to be set up may take longer; one that comes back from the shelf is set up already. */
function startTimeoutMs({ request, state }: Lease, settings: Settings): number {
  const isNew = state.kind !== 'queued' || !state.comeback;
  return settings.startTimeoutMs + (isNew ? setupAllowanceMs(request.setup ?? NO_SETUP) : 0);
}
