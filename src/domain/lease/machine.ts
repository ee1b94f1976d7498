/**
 * The life of a lease as a pure function: state × event → next lease, or null where the event means nothing
 * in that state. No capacity, no quota, no queue here: who calls it has decided those. Specification: SPEC.md
 * beside this file.
 */
import { unreachable } from '../../base/assert.ts';
import type { Claim } from '../model/claim.ts';
import {
  NO_REFS,
  SETBACKS_MAX,
  type Connection,
  type EndReason,
  type Lease,
  type LeaseState,
  type PlaceInQueue,
  type ProviderRefs,
  type ReturnTicket,
  type Setback,
  type StartProgress,
  type StartPromise,
} from '../model/lease.ts';
import { SETUP_WORDS_MAX } from '../model/setup.ts';
import { totalDevices } from '../scheduler/free.ts';

export type LeaseEvent =
  /** A host was found; the provider may begin. */
  | { readonly type: 'grant'; readonly claim: Claim; readonly deadlineMs: number }
  /** The start that the queue promises (or none any more). */
  | { readonly type: 'promise'; readonly promise: StartPromise | null }
  /** A reserved window has begun: it takes its place in the queue, from where it is granted first. */
  | { readonly type: 'windowBegins'; readonly queueSeq: number; readonly waitUntilMs: number | null }
  /** `keepUntilMs`: how long a disk that goes back to the shelf is kept; null: without end. */
  | { readonly type: 'waitedOut'; readonly keepUntilMs: number | null }
  | { readonly type: 'progress'; readonly progress: StartProgress; readonly obstacle: string | null }
  /** The machine says by itself that it is up. */
  | { readonly type: 'calledHome' }
  /** The machine tells of its set-up. */
  | { readonly type: 'setupTold'; readonly word: string }
  | {
      readonly type: 'ready';
      readonly connection: Connection;
      readonly endEstimateMs: number;
      readonly notes?: readonly string[];
    }
  /** This try is over: take away what it left, then queue again. */
  | { readonly type: 'retryElsewhere' }
  /** No try will succeed. */
  | { readonly type: 'fail'; readonly cause: string }
  | { readonly type: 'extend'; readonly expiresAtMs: number; readonly endEstimateMs: number }
  /** Its time is over and nobody waits: it goes on. */
  | { readonly type: 'renew'; readonly expiresAtMs: number; readonly endEstimateMs: number }
  | { readonly type: 'warn'; readonly beforeMs: number }
  /** Its time is over; it ends a little later. */
  | { readonly type: 'grace'; readonly untilMs: number }
  /** `again`: its place in the queue, where it has a return ticket that counts from now on. */
  | { readonly type: 'expire'; readonly again: PlaceInQueue | null }
  /** The owner gives it back, or does not want it any more. */
  | { readonly type: 'release' }
  | { readonly type: 'shelve' }
  /** As for `waitedOut`. */
  | { readonly type: 'offloaded'; readonly keepUntilMs: number | null }
  /** It cannot be shelved, whatever was tried, and is to be deleted then. */
  | { readonly type: 'unshelvable'; readonly cause: string }
  /** The disk on the shelf is kept until then. */
  | { readonly type: 'keep'; readonly untilMs: number }
  | {
      readonly type: 'unshelve';
      readonly queueSeq: number;
      readonly waitUntilMs: number | null;
      readonly durationMs: number;
      /** See LeaseRequest.exempt. */
      readonly exempt: string | null;
    }
  /** Nothing of it exists outside any more. */
  | { readonly type: 'gone' }
  /** Its machine vanished without our doing. */
  | { readonly type: 'lost'; readonly reason: 'failed' | 'host_lost'; readonly cause: string }
  | { readonly type: 'relocate'; readonly claim: Claim }
  | { readonly type: 'refs'; readonly refs: Partial<ProviderRefs> }
  | { readonly type: 'setback'; readonly setback: Setback }
  /** Hosts that failed it until `beforeMs` may be tried again. */
  | { readonly type: 'forgive'; readonly beforeMs: number }
  | { readonly type: 'reach'; readonly reachable: boolean }
  | { readonly type: 'ticket'; readonly ticket: ReturnTicket | null };

export type LeaseEventType = LeaseEvent['type'];

/** Applies one event at `nowMs`; null: it means nothing in this state. */
export function step(lease: Lease, event: LeaseEvent, nowMs: number): Lease | null {
  const beside = besideState(lease, event, nowMs);
  if (beside !== undefined) return beside;
  const state = nextState(lease, event, nowMs);
  return state === null ? null : enter(lease, state, event, nowMs);
}

/** What of a lease changes without leaving its state; undefined: the event is about the state. */
function besideState(lease: Lease, event: LeaseEvent, nowMs: number): Lease | null | undefined {
  const { state } = lease;
  const generation = lease.generation + 1;
  switch (event.type) {
    case 'refs':
      if (state.kind === 'ended') return null;
      return { ...lease, generation, refs: { ...lease.refs, ...event.refs } };
    case 'setback':
      if (state.kind === 'ended') return null;
      return { ...lease, generation, setbacks: [...lease.setbacks, event.setback].slice(-SETBACKS_MAX) };
    case 'forgive': {
      if (state.kind === 'ended') return null;
      if (!lease.setbacks.some((setback) => setback.hostId !== null && setback.atMs <= event.beforeMs))
        return null;
      const forgive = (setback: Setback): Setback =>
        setback.atMs <= event.beforeMs ? { ...setback, hostId: null } : setback;
      return { ...lease, generation, setbacks: lease.setbacks.map(forgive) };
    }
    case 'reach':
      if (state.kind === 'ended' || event.reachable === (lease.unreachableSinceMs === null)) return null;
      return { ...lease, generation, unreachableSinceMs: event.reachable ? null : nowMs };
    case 'ticket':
      if (state.kind === 'ended' || state.kind === 'ending') return null;
      return { ...lease, generation, ticket: event.ticket };
    default:
      return undefined;
  }
}

function nextState(lease: Lease, event: LeaseEvent, nowMs: number): LeaseState | null {
  const { state } = lease;
  switch (state.kind) {
    case 'reserved':
      if (event.type === 'windowBegins') return queued(nowMs, event.queueSeq, event.waitUntilMs, false);
      if (event.type === 'release') return over(lease, nowMs, 'cancelled', null);
      return null;
    case 'queued':
      return fromQueued(lease, state, event, nowMs);
    case 'starting':
      return fromStarting(state, event, nowMs);
    case 'active':
      return fromActive(lease, state, event, nowMs);
    case 'shelving':
      return fromShelving(lease, state, event, nowMs);
    case 'shelved':
      return fromShelved(state, event, nowMs);
    case 'ending':
      return fromEnding(state, event, nowMs);
    case 'ended':
      return null;
    default:
      return unreachable(state);
  }
}

type StateOf<K extends LeaseState['kind']> = Extract<LeaseState, { readonly kind: K }>;

function fromQueued(
  lease: Lease,
  state: StateOf<'queued'>,
  event: LeaseEvent,
  nowMs: number,
): LeaseState | null {
  switch (event.type) {
    case 'grant':
      return {
        kind: 'starting',
        sinceMs: nowMs,
        queueSeq: state.queueSeq,
        waitUntilMs: state.waitUntilMs,
        claim: event.claim,
        deadlineMs: event.deadlineMs,
        comeback: state.comeback,
        progress: 'waiting',
        obstacle: null,
        calledHome: false,
      };
    case 'promise':
      return { ...state, promise: event.promise };
    case 'waitedOut':
      // Who has a disk on the shelf goes back to it; nothing is lost by waiting in vain.
      if (state.comeback) return shelved(nowMs, event.keepUntilMs);
      return over(lease, nowMs, 'wait_timed_out', null);
    case 'release':
      return over(lease, nowMs, hasRemains(lease.refs) ? 'released' : 'cancelled', null);
    case 'fail':
      return over(lease, nowMs, 'failed', event.cause);
    case 'lost':
      return state.comeback ? ending(nowMs, null, event.reason, event.cause) : null;
    default:
      return null;
  }
}

function fromStarting(state: StateOf<'starting'>, event: LeaseEvent, nowMs: number): LeaseState | null {
  switch (event.type) {
    case 'progress':
      if (state.progress === event.progress && state.obstacle === event.obstacle) return null;
      return { ...state, progress: event.progress, obstacle: event.obstacle };
    case 'calledHome':
      return state.calledHome ? null : { ...state, calledHome: true };
    case 'setupTold': {
      const words = state.setupWords ?? [];
      // A call whose answer was lost is repeated.
      if (words.at(-1) === event.word) return null;
      return { ...state, setupWords: [...words, event.word].slice(-SETUP_WORDS_MAX) };
    }
    case 'ready':
      // The lease's time is counted from here; `enter` knows how long it is.
      return {
        kind: 'active',
        sinceMs: nowMs,
        claim: state.claim,
        expiresAtMs: nowMs,
        connection: event.connection,
        warnedMs: null,
        renewedAtMs: null,
        graceUntilMs: null,
        ...(event.notes !== undefined && event.notes.length > 0 && { notes: event.notes }),
      };
    case 'retryElsewhere':
      // A machine that was to come back from the shelf is never deleted for a failed try: its disk is on it.
      if (state.comeback) return backToShelf(nowMs, state.claim, placeOf(state));
      return requeue(nowMs, state);
    case 'fail':
      if (state.comeback) return backToShelf(nowMs, state.claim, null);
      return ending(nowMs, state.claim, 'failed', event.cause);
    case 'offloaded':
      // Nova accepted the unshelve and then put it back without a word: it waits on with its old place.
      return state.comeback ? queued(nowMs, state.queueSeq, state.waitUntilMs, true) : null;
    case 'release':
      return ending(nowMs, state.claim, 'released', null);
    case 'lost':
      if (state.comeback) return ending(nowMs, state.claim, event.reason, event.cause);
      return requeue(nowMs, state);
    case 'relocate':
      return { ...state, claim: event.claim };
    default:
      return null;
  }
}

function fromActive(
  lease: Lease,
  state: StateOf<'active'>,
  event: LeaseEvent,
  nowMs: number,
): LeaseState | null {
  switch (event.type) {
    case 'extend':
      return {
        ...state,
        expiresAtMs: event.expiresAtMs,
        claim: { ...state.claim, untilMs: event.expiresAtMs + event.endEstimateMs },
        // Warnings that lie between now and the new end are given anew, those before now to nobody.
        warnedMs: Math.max(0, event.expiresAtMs - nowMs),
        renewedAtMs: null,
        graceUntilMs: null,
      };
    case 'renew':
      return {
        ...state,
        expiresAtMs: event.expiresAtMs,
        claim: { ...state.claim, untilMs: event.expiresAtMs + event.endEstimateMs },
        warnedMs: null,
        renewedAtMs: nowMs,
        graceUntilMs: null,
      };
    case 'warn':
      return { ...state, warnedMs: event.beforeMs };
    case 'grace':
      return { ...state, graceUntilMs: event.untilMs };
    case 'expire':
      // Without a server there is no disk to keep: declared hosts are just handed back.
      if (lease.request.atEnd === 'delete' || lease.refs.serverId === null)
        return ending(nowMs, state.claim, 'expired', null);
      return { kind: 'shelving', sinceMs: nowMs, claim: state.claim, reason: 'expired', again: event.again };
    case 'shelve':
      if (lease.refs.serverId === null) return null;
      return { kind: 'shelving', sinceMs: nowMs, claim: state.claim, reason: 'asked', again: null };
    case 'release':
      return ending(nowMs, state.claim, 'released', null);
    case 'lost':
      return ending(nowMs, state.claim, event.reason, event.cause);
    case 'relocate':
      return { ...state, claim: event.claim };
    default:
      return null;
  }
}

function fromShelving(
  { request }: Lease,
  state: StateOf<'shelving'>,
  event: LeaseEvent,
  nowMs: number,
): LeaseState | null {
  switch (event.type) {
    case 'offloaded':
      if (state.again === null) return shelved(nowMs, event.keepUntilMs);
      return queued(nowMs, state.again.queueSeq, state.again.waitUntilMs, true);
    case 'unshelvable':
      // Only where the borrower has agreed to it, and never for what was to be kept by hand.
      if (request.atEnd !== 'shelve_or_delete' || state.reason === 'asked') return null;
      return ending(nowMs, state.claim, state.reason === 'expired' ? 'expired' : 'failed', event.cause);
    case 'release':
      return ending(nowMs, state.claim, 'released', null);
    case 'lost':
      return ending(nowMs, state.claim, event.reason, event.cause);
    case 'relocate':
      return { ...state, claim: event.claim };
    default:
      return null;
  }
}

function fromShelved(state: StateOf<'shelved'>, event: LeaseEvent, nowMs: number): LeaseState | null {
  switch (event.type) {
    case 'unshelve':
      return queued(nowMs, event.queueSeq, event.waitUntilMs, true);
    case 'keep':
      return { ...state, keepUntilMs: event.untilMs, warnedMs: Math.max(0, event.untilMs - nowMs) };
    case 'warn':
      return { ...state, warnedMs: event.beforeMs };
    case 'expire':
      return ending(nowMs, null, 'expired', 'its disk was kept for as long as disks are kept');
    case 'release':
      return ending(nowMs, null, 'released', null);
    case 'lost':
      return ending(nowMs, null, event.reason, event.cause);
    default:
      return null;
  }
}

function fromEnding(state: StateOf<'ending'>, event: LeaseEvent, nowMs: number): LeaseState | null {
  switch (event.type) {
    case 'gone':
      if (state.then.kind === 'requeue')
        return queued(nowMs, state.then.queueSeq, state.then.waitUntilMs, false);
      return ended(nowMs, state.then.reason, state.then.cause);
    case 'release':
      // Somebody gave up while the remains of a failed try are cleared: it ends instead of queueing again.
      if (state.then.kind === 'requeue') return ending(state.sinceMs, state.claim, 'cancelled', null);
      return null;
    case 'fail':
      if (state.then.kind === 'requeue') return ending(state.sinceMs, state.claim, 'failed', event.cause);
      return null;
    case 'relocate':
      return state.claim === null ? null : { ...state, claim: event.claim };
    default:
      return null;
  }
}

/** Puts the lease into its next state and keeps the books of what is held. */
function enter(lease: Lease, state: LeaseState, event: LeaseEvent, nowMs: number): Lease {
  const heldBefore = heldClaim(lease.state);
  const heldAfter = heldClaim(state);
  let { usedDeviceMs, claimedAtMs, refs, unreachableSinceMs, request, ticket } = lease;
  if (heldBefore !== null && heldAfter === null && claimedAtMs !== null) {
    usedDeviceMs += Math.max(0, nowMs - claimedAtMs) * totalDevices(heldBefore.devices);
    claimedAtMs = null;
  }
  if (heldBefore === null && heldAfter !== null) claimedAtMs = nowMs;
  if (event.type === 'gone') refs = NO_REFS;
  if (state.kind !== lease.state.kind) unreachableSinceMs = null;
  if (event.type === 'unshelve') request = { ...request, durationMs: event.durationMs, exempt: event.exempt };
  // Its one journey has begun.
  if (event.type === 'unshelve' || (state.kind === 'shelving' && state.again !== null)) ticket = null;
  // It comes back like all others: what let it pass the limits was for the time that is over.
  if (event.type === 'expire' && event.again !== null) request = { ...request, exempt: null };
  let entered = state;
  if (state.kind === 'active' && event.type === 'ready') {
    const expiresAtMs = nowMs + request.durationMs;
    entered = {
      ...state,
      expiresAtMs,
      claim: { ...state.claim, untilMs: expiresAtMs + event.endEstimateMs },
    };
  }
  return {
    ...lease,
    generation: lease.generation + 1,
    request,
    refs,
    unreachableSinceMs,
    usedDeviceMs,
    claimedAtMs,
    ticket,
    state: entered,
  };
}

/** The claim that is on the hardware in this state. */
function heldClaim(state: LeaseState): Claim | null {
  switch (state.kind) {
    case 'starting':
    case 'active':
    case 'shelving':
    case 'ending':
      return state.claim;
    case 'reserved':
    case 'queued':
    case 'shelved':
    case 'ended':
      return null;
  }
}

function hasRemains(refs: ProviderRefs): boolean {
  return refs.portId !== null || refs.serverId !== null || refs.floatingIpId !== null;
}

function queued(nowMs: number, queueSeq: number, waitUntilMs: number | null, comeback: boolean): LeaseState {
  return { kind: 'queued', sinceMs: nowMs, queueSeq, waitUntilMs, promise: null, comeback };
}

function shelved(nowMs: number, keepUntilMs: number | null): LeaseState {
  return { kind: 'shelved', sinceMs: nowMs, keepUntilMs, warnedMs: null };
}

function ending(nowMs: number, claim: Claim | null, reason: EndReason, cause: string | null): LeaseState {
  return { kind: 'ending', sinceMs: nowMs, claim, then: { kind: 'end', reason, cause } };
}

/** The end of a lease that holds nothing: at once, or when what is left of it outside is cleared away. */
function over(lease: Lease, nowMs: number, reason: EndReason, cause: string | null): LeaseState {
  return hasRemains(lease.refs) ? ending(nowMs, null, reason, cause) : ended(nowMs, reason, cause);
}

/** Takes away what a failed try left; then it waits again with its old place and its old limit. */
function requeue(nowMs: number, state: StateOf<'starting'>): LeaseState {
  return { kind: 'ending', sinceMs: nowMs, claim: state.claim, then: { kind: 'requeue', ...placeOf(state) } };
}

function backToShelf(nowMs: number, claim: Claim, again: PlaceInQueue | null): LeaseState {
  return { kind: 'shelving', sinceMs: nowMs, claim, reason: 'start_failed', again };
}

function placeOf({ queueSeq, waitUntilMs }: StateOf<'starting'>): PlaceInQueue {
  return { queueSeq, waitUntilMs };
}

function ended(nowMs: number, reason: EndReason, cause: string | null): LeaseState {
  return { kind: 'ended', atMs: nowMs, reason, cause };
}
