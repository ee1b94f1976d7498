/** What is on the shelf: how long its disk is kept, and the ticket that brings it back by itself. */
import { formatDuration, formatTime } from '../../base/units.ts';
import type { UserCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import { ticketAt } from '../due.ts';
import type { Lease, ReturnTicket } from '../model/lease.ts';
import { keepWarningAt } from '../policy/warnings.ts';
import { scheduleNewcomer } from '../scheduler/pass.ts';
import { DONE, type Handled } from './handled.ts';
import { refuseComeback, refuseWaiting } from './limits.ts';
import { noSuchLease, timeInPast, wrongState } from './refusals.ts';

type Shelved = Extract<Lease['state'], { readonly kind: 'shelved' }>;

/**
 * Until when a disk is kept that comes to the shelf now; null: without end. A ticket is not cut off by it.
 */
export function keepUntil(draft: Draft, { ticket }: Lease): number | null {
  const { keepShelvedMs } = draft.world.settings;
  if (keepShelvedMs === null) return null;
  const fromMs = ticket?.kind === 'at' ? Math.max(draft.nowMs, ticket.atMs) : draft.nowMs;
  return fromMs + keepShelvedMs;
}

/** False: nothing is due that may be done now. */
export function shelvedDue(draft: Draft, lease: Lease, state: Shelved): boolean {
  const { world, nowMs } = draft;
  const comesAtMs = ticketAt(lease);
  if (comesAtMs !== null && comesAtMs <= nowMs) return useTicket(draft, lease);
  const { keepUntilMs } = state;
  if (keepUntilMs === null) return false;
  if (keepUntilMs > nowMs) return warn(draft, lease, state, keepUntilMs);
  const { freeze, clockDoubt, mode } = world.control;
  if (freeze !== null || clockDoubt !== null || mode.kind === 'observe') return false;
  const kept = formatDuration(nowMs - state.sinceMs);
  return draft.lease(
    lease.id,
    { type: 'expire', again: null },
    'lease.keep_expired',
    `its disk was on the shelf for ${kept}`,
    { kept_s: Math.round((nowMs - state.sinceMs) / 1000) },
  );
}

/**
 * Joins the queue with the ticket of a lease that is on the shelf. Where a limit of its project or owner is
 * in the way it stays there, and the ticket is void: else it would be tried again and again.
 */
export function useTicket(draft: Draft, lease: Lease): boolean {
  const { durationMs } = lease.request;
  const over = refuseComeback(draft, lease, durationMs);
  if (over !== null) return voidTicket(draft, lease, over.refusal.message);
  const mark = draft.mark();
  const queueSeq = draft.nextQueueSeq();
  const queued = draft.lease(
    lease.id,
    { type: 'unshelve', queueSeq, waitUntilMs: null, durationMs, exempt: null },
    'lease.ticket_used',
    'it comes back by itself, with its return ticket',
    { duration_s: durationMs / 1000 },
  );
  if (!queued) return false;
  scheduleNewcomer(draft, lease.id);
  if (draft.world.leases.get(lease.id)?.state.kind !== 'queued') return true;
  const crowded = refuseWaiting(draft.world, lease);
  if (crowded === null) return true;
  draft.rollbackTo(mark);
  return voidTicket(draft, lease, crowded.refusal.message);
}

function voidTicket(draft: Draft, { id }: Lease, why: string): boolean {
  return draft.lease(id, { type: 'ticket', ticket: null }, 'lease.ticket_void', why);
}

export function keepLease(
  draft: Draft,
  { leaseId, durationMs }: Extract<UserCommand, { readonly type: 'lease.keep' }>,
): Handled {
  const { world, nowMs } = draft;
  const lease = world.leases.get(leaseId);
  if (lease === undefined) return noSuchLease(leaseId);
  if (lease.state.kind !== 'shelved') return wrongState(lease, 'kept on the shelf', ['shelved']);
  const longestMs = world.settings.keepShelvedMs;
  if (longestMs === null || lease.state.keepUntilMs === null) {
    const fix = "Nothing to do; 'berth return' deletes it.";
    return refuse('invalid_state', 'Its disk is kept without a limit.', fix, null, { lease: leaseId });
  }
  if (durationMs > longestMs) {
    const most = formatDuration(longestMs);
    return refuse(
      'duration_too_long',
      `A disk is kept on the shelf for ${most} at most.`,
      `Ask for ${most} or less; before it is over you can ask again.`,
      'duration',
      { limit_s: longestMs / 1000 },
    );
  }
  const untilMs = nowMs + durationMs;
  draft.lease(leaseId, { type: 'keep', untilMs }, 'lease.kept', null, {
    from: formatTime(lease.state.keepUntilMs),
    until: formatTime(untilMs),
  });
  return DONE;
}

export function setTicket(
  draft: Draft,
  { leaseId, ticket }: Extract<UserCommand, { readonly type: 'lease.ticket' }>,
): Handled {
  const lease = draft.world.leases.get(leaseId);
  if (lease === undefined) return noSuchLease(leaseId);
  const refusal = refuseTicket(draft, lease, ticket);
  if (refusal !== null) return refusal;
  const type = ticket === null ? 'lease.ticket_cleared' : 'lease.ticket_set';
  if (!draft.lease(leaseId, { type: 'ticket', ticket }, type, null, { at: ticketTime(ticket) })) {
    return wrongState(lease, 'given a return ticket', [
      'queued',
      'starting',
      'active',
      'shelving',
      'shelved',
    ]);
  }
  return DONE;
}

/** null: such a lease may have such a ticket. */
export function refuseTicket(
  { nowMs }: Draft,
  { request, state, id }: Pick<Lease, 'request' | 'state' | 'id'>,
  ticket: ReturnTicket | null,
): ReturnType<typeof refuse> | null {
  if (ticket === null) return null;
  if (request.atEnd === 'delete') {
    const fix = 'Borrow with --at-end shelve to have it kept, or leave the ticket out.';
    return refuse('invalid', 'What is deleted at its end cannot come back.', fix, 'ticket');
  }
  if (ticket.kind === 'at' && ticket.atMs <= nowMs) {
    return timeInPast('ticket', ticket.atMs, nowMs, "Give a future time, or 'now' for: as soon as it ends.");
  }
  if (ticket.kind === 'now' && state.kind === 'shelved') {
    const fix = `Use 'berth lease unshelve ${id}', or give the ticket a time.`;
    return refuse('invalid_state', 'It is on the shelf already.', fix, 'ticket', { lease: id });
  }
  return null;
}

function ticketTime(ticket: ReturnTicket | null): string | null {
  return ticket === null || ticket.kind === 'now' ? (ticket?.kind ?? null) : formatTime(ticket.atMs);
}

function warn(draft: Draft, lease: Lease, state: Shelved, keepUntilMs: number): boolean {
  const warnAtMs = keepWarningAt(state, draft.world.settings);
  if (warnAtMs === null || warnAtMs > draft.nowMs) return false;
  const left = formatDuration(keepUntilMs - draft.nowMs);
  return draft.lease(
    lease.id,
    { type: 'warn', beforeMs: keepUntilMs - warnAtMs },
    'lease.keep_announced',
    `in ${left} its disk on the shelf is deleted; bring it back or keep it longer before`,
    { keep_until: formatTime(keepUntilMs) },
  );
}
