/** What the controllers report about the machines of leases. */
import { assert } from '../../base/assert.ts';
import type { HostId, LeaseId } from '../../base/ids.ts';
import { formatTime } from '../../base/units.ts';
import type { StepFailure, SystemCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Lease, ProviderRefs } from '../model/lease.ts';
import { SETUP_WORD_LENGTH_MAX } from '../model/setup.ts';
import { fits, isOverdrawn } from '../scheduler/free.ts';
import type { HostRow } from '../scheduler/host-row.ts';
import { schedule } from '../scheduler/pass.ts';
import { afterEndMs } from '../settings.ts';
import { claimOf } from '../world.ts';
import { DONE, type Handled } from './handled.ts';
import { recordRefs } from './refs.ts';
import { keepUntil, useTicket } from './shelf.ts';

/** Tries on different hosts, or after different failures, before a start is given up. */
const START_TRIES_MAX = 5;

type Reported<T extends SystemCommand['type']> = Extract<SystemCommand, { readonly type: T }>;

export function leaseRefs(draft: Draft, leaseId: LeaseId, refs: Partial<ProviderRefs>): Handled {
  return tookPlace(recordRefs(draft, leaseId, refs, 'lease.found_outside'));
}

export function leaseProgress(draft: Draft, command: Reported<'lease.progress'>): Handled {
  const { progress, obstacle } = command;
  const event = { type: 'progress', progress, obstacle } as const;
  return tookPlace(draft.lease(command.leaseId, event, 'lease.progressed', obstacle, { progress }));
}

/** Refused as `stale` where nothing is starting: who calls then is not waited for. */
export function leaseCalledHome(draft: Draft, leaseId: LeaseId): Handled {
  const lease = draft.world.leases.get(leaseId);
  if (lease?.state.kind !== 'starting') return stale();
  draft.lease(leaseId, { type: 'calledHome' }, 'lease.called_home');
  return DONE;
}

/** As `leaseCalledHome`. */
export function leaseSetupTold(draft: Draft, command: Reported<'lease.setupTold'>): Handled {
  const lease = draft.world.leases.get(command.leaseId);
  if (lease?.state.kind !== 'starting') return stale();
  const word = command.word.slice(0, SETUP_WORD_LENGTH_MAX);
  draft.lease(command.leaseId, { type: 'setupTold', word }, 'lease.setup_told', word);
  return DONE;
}

export function leaseReady(draft: Draft, command: Reported<'lease.ready'>): Handled {
  const { world } = draft;
  const { connection, notes = [] } = command;
  const event = { type: 'ready', connection, endEstimateMs: afterEndMs(world.settings), notes } as const;
  const told = notes.length === 0 ? null : notes.join('; ');
  const ready = draft.lease(command.leaseId, event, 'lease.activated', told, {
    host: connection.host,
    port: connection.port,
  });
  // The end is known better now: the promise to the head of the queue may have become earlier.
  if (ready) schedule(draft);
  return tookPlace(ready);
}

export function leaseStartFailed(draft: Draft, leaseId: LeaseId, failure: StepFailure): Handled {
  const lease = draft.world.leases.get(leaseId);
  if (lease?.state.kind !== 'starting') return stale();
  return startFailed(draft, lease, failure);
}

/** A start that did not work: elsewhere, or never. Bounded by START_TRIES_MAX. */
export function startFailed(draft: Draft, lease: Lease, failure: StepFailure): Handled {
  const { nowMs } = draft;
  const claim = claimOf(lease);
  assert(claim !== null && lease.state.kind === 'starting', 'a start that fails was under way');
  const setback = { atMs: nowMs, code: failure.code, message: failure.message, hostId: claim.hostId };
  draft.lease(lease.id, { type: 'setback', setback }, null);
  const tries =
    lease.setbacks.filter((past) => past.hostId !== null || past.code === failure.code).length + 1;
  const about = { code: failure.code, tries };
  if (failure.next === 'final' || tries >= START_TRIES_MAX) {
    const event = { type: 'fail', cause: failure.message } as const;
    draft.lease(lease.id, event, 'lease.start_failed', failure.message, about);
  } else if (failure.code === 'unshelve_refused') {
    // Nothing was started, so nothing has to be taken away.
    const event = { type: 'offloaded', keepUntilMs: null } as const;
    draft.lease(lease.id, event, 'lease.unshelve_refused', failure.message, about);
  } else if (failure.next === 'other_host') {
    draft.lease(lease.id, { type: 'retryElsewhere' }, 'lease.start_retried', failure.message, about);
  }
  schedule(draft);
  return DONE;
}

export function leaseShelved(draft: Draft, leaseId: LeaseId): Handled {
  const lease = draft.world.leases.get(leaseId);
  if (lease?.state.kind !== 'shelving') return stale();
  const event = { type: 'offloaded', keepUntilMs: keepUntil(draft, lease) } as const;
  const { again, reason } = lease.state;
  if (again === null) {
    draft.lease(leaseId, event, 'lease.shelved', null, { keep_until: timeOrNull(event.keepUntilMs) });
    // Given after its end: from then on it could only be used here.
    const shelved = draft.world.leases.get(leaseId);
    if (reason === 'expired' && shelved?.ticket?.kind === 'now') useTicket(draft, shelved);
  } else if (reason === 'expired') {
    const why = 'its disk is on the shelf, and it waits with its return ticket';
    draft.lease(leaseId, event, 'lease.ticket_used', why, { queue_seq: again.queueSeq });
  } else {
    draft.lease(leaseId, event, 'lease.requeued', 'it is back on the shelf, and waits again');
  }
  schedule(draft);
  return DONE;
}

/** Refused as `stale` where the borrower has not agreed to have it deleted then. */
export function leaseUnshelvable(draft: Draft, leaseId: LeaseId, cause: string): Handled {
  return tookPlace(draft.lease(leaseId, { type: 'unshelvable', cause }, 'lease.unshelvable', cause));
}

export function leaseGone(draft: Draft, leaseId: LeaseId): Handled {
  const lease = draft.world.leases.get(leaseId);
  if (lease?.state.kind !== 'ending') return stale();
  const { then } = lease.state;
  const reason =
    then.kind === 'end' ? (then.cause ?? then.reason) : 'its remains are cleared, it waits again';
  draft.lease(leaseId, { type: 'gone' }, then.kind === 'end' ? 'lease.ended' : 'lease.requeued', reason);
  schedule(draft);
  return DONE;
}

export function leaseLost(draft: Draft, command: Reported<'lease.lost'>): Handled {
  const lease = draft.world.leases.get(command.leaseId);
  const claim = lease === undefined ? null : claimOf(lease);
  const hostStatus = claim === null ? undefined : draft.world.hosts.get(claim.hostId)?.host.status.kind;
  const reason = hostStatus === 'down' || hostStatus === 'missing' ? 'host_lost' : 'failed';
  const lost = draft.lease(
    command.leaseId,
    { type: 'lost', reason, cause: command.cause },
    'lease.lost',
    command.cause,
  );
  if (lost) schedule(draft);
  return tookPlace(lost);
}

/**
 * Nova chose another host than was booked, or confirms it: the books follow what is, even past a host's
 * capacity.
 */
export function leaseLocated(draft: Draft, command: Reported<'lease.located'>): Handled {
  const { world } = draft;
  const lease = world.leases.get(command.leaseId);
  const claim = lease === undefined ? null : claimOf(lease);
  if (lease === undefined || claim === null || claim.kind !== 'slot') return stale();
  const row = world.hosts.get(command.hostId);
  if (row === undefined || (claim.hostId === command.hostId && !claim.provisional)) return stale();
  const moved = claim.hostId !== command.hostId;
  const located = draft.lease(
    lease.id,
    { type: 'relocate', claim: { ...claim, hostId: command.hostId, provisional: false } },
    moved ? 'lease.relocated' : 'lease.located',
    null,
    { host: row.host.name, from: hostName(draft, claim.hostId) },
  );
  if (located && moved) {
    makeRoom(draft, row, claim.hostId);
    schedule(draft);
  }
  return tookPlace(located);
}

/**
 * Nova has put a server where another, not yet seen one was booked: that one must then be where the first
 * was booked, or else the vacated place would be given away a second time. Only provisional claims are moved.
 */
function makeRoom(draft: Draft, row: HostRow, vacatedHostId: HostId): void {
  const { world } = draft;
  const vacated = world.hosts.get(vacatedHostId);
  if (vacated === undefined) return;
  for (const [leaseId, { claim }] of Array.from(row.claims)) {
    if (!isOverdrawn(row.free)) return;
    if (claim.kind !== 'slot' || !claim.provisional || !fits(vacated.free, claim)) continue;
    const event = { type: 'relocate', claim: { ...claim, hostId: vacatedHostId } } as const;
    draft.lease(leaseId, event, 'lease.rebooked', 'the cloud has used its place for another lease', {
      host: vacated.host.name,
      from: row.host.name,
    });
  }
}

export function leaseReachability(draft: Draft, command: Reported<'lease.reachability'>): Handled {
  const { reachable } = command;
  const type = reachable ? 'lease.reachable' : 'lease.unreachable';
  return tookPlace(draft.lease(command.leaseId, { type: 'reach', reachable }, type));
}

function hostName(draft: Draft, hostId: HostId): string {
  return draft.world.hosts.get(hostId)?.host.name ?? hostId;
}

function timeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : formatTime(timeMs);
}

function tookPlace(done: boolean): Handled {
  return done ? DONE : stale();
}

function stale(): Handled {
  return refuse('stale', 'The lease has moved on.', 'Look again and plan anew.');
}
