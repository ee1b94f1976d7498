/** `lease.extend`: a later end, as long as nobody was promised that time. */
import { formatDuration, formatTime } from '../../base/units.ts';
import type { UserCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { LeaseEvent } from '../lease/machine.ts';
import type { Lease } from '../model/lease.ts';
import { drainTouches } from '../scheduler/calendar.ts';
import { forecast, isWaitedFor } from '../scheduler/forecast.ts';
import { isOverdrawn } from '../scheduler/free.ts';
import { freeWith, type HostRow } from '../scheduler/host-row.ts';
import { schedule } from '../scheduler/pass.ts';
import { anyLater, PROTECTED_DEPTH } from './book.ts';
import { DONE, type Handled } from './handled.ts';
import { noSuchLease, timeInPast, wrongState } from './refusals.ts';

/** Ends that are tried for the offer in a refusal; each costs a forecast. */
const ENDS_TRIED_MAX = 16;

export function extendLease(
  draft: Draft,
  command: Extract<UserCommand, { readonly type: 'lease.extend' }>,
): Handled {
  const { world, nowMs } = draft;
  const lease = world.leases.get(command.leaseId);
  if (lease === undefined) return noSuchLease(command.leaseId);
  if (lease.state.kind !== 'active') return wrongState(lease, 'extended', ['active']);
  const { state } = lease;
  if (command.expiresAtMs <= nowMs) {
    return timeInPast('expires_at', command.expiresAtMs, nowMs, 'Give a future time, or return the lease.');
  }
  const furthestMs = nowMs + world.settings.leaseDurationMsMax;
  if (command.expiresAtMs > furthestMs) {
    const most = formatDuration(world.settings.leaseDurationMsMax);
    return refuse(
      'duration_too_long',
      `A lease may end at most ${most} from now.`,
      `Extend to ${formatTime(furthestMs)} or earlier.`,
      'until',
      {
        limit_s: world.settings.leaseDurationMsMax / 1000,
        until: formatTime(furthestMs),
      },
    );
  }
  const row = world.hosts.get(state.claim.hostId);
  const before =
    row === undefined || !isWaitedFor(world, row, PROTECTED_DEPTH)
      ? new Map<Lease['id'], number>()
      : forecast(world, nowMs, PROTECTED_DEPTH);
  const mark = draft.mark();
  const previousEndMs = state.expiresAtMs;
  draft.lease(
    lease.id,
    extension(draft, command.expiresAtMs),
    command.expiresAtMs >= previousEndMs ? 'lease.extended' : 'lease.shortened',
    null,
    {
      from: formatTime(previousEndMs),
      until: formatTime(command.expiresAtMs),
    },
  );
  if (command.expiresAtMs <= previousEndMs) {
    // Who was promised this GPU can have it earlier.
    schedule(draft);
    return DONE;
  }
  const conflict = windowConflict(draft, lease.id);
  if (conflict === null && !anyLater(draft, before)) {
    // The head of the queue may have been promised this host, and now starts as early on another.
    schedule(draft);
    return DONE;
  }
  draft.rollbackTo(mark);
  return refuseExtension(draft, lease, previousEndMs, conflict, before);
}

function extension(draft: Draft, expiresAtMs: number): Extract<LeaseEvent, { readonly type: 'extend' }> {
  return { type: 'extend', expiresAtMs, endEstimateMs: draft.world.settings.endEstimateMs };
}

/**
 * What else is planned on the host in the time that the lease would now take; null: nothing that it disturbs.
 */
function windowConflict(draft: Draft, leaseId: Lease['id']): { readonly what: string } | null {
  const lease = draft.world.leases.get(leaseId);
  if (lease?.state.kind !== 'active') return null;
  const { claim } = lease.state;
  const row = draft.world.hosts.get(claim.hostId);
  if (row === undefined) return null;
  const { drain } = row.host;
  if (drain !== null && drainTouches(row, claim))
    return { what: `host ${row.host.name} is drained from then on (${drain.reason})` };
  for (const { claim: planned, held } of row.claims.values()) {
    if (held || planned.fromMs >= claim.untilMs) continue;
    if (overdrawn(row, planned.fromMs)) return { what: 'the time after it is reserved' };
  }
  return null;
}

/**
 * True when the claims that are expected on the host at that time exceed it, or two of them want one card.
 */
function overdrawn(row: HostRow, atMs: number): boolean {
  const seen = new Set<string>();
  let twice = false;
  const free = freeWith(row, ({ claim }) => {
    const there = claim.fromMs <= atMs && claim.untilMs > atMs;
    if (there && claim.kind === 'unit') {
      for (const id of claim.deviceIds) {
        if (seen.has(id)) twice = true;
        seen.add(id);
      }
    }
    return there;
  });
  return twice || isOverdrawn(free);
}

function refuseExtension(
  draft: Draft,
  lease: Lease,
  endsAtMs: number,
  conflict: { readonly what: string } | null,
  before: ReadonlyMap<Lease['id'], number>,
): Handled {
  const untilMs = furthestEnd(draft, lease, endsAtMs, before);
  const why = conflict?.what ?? 'somebody who waits was promised this GPU';
  const fix =
    untilMs > endsAtMs
      ? `It can be extended until ${formatTime(untilMs)}.`
      : 'It keeps its end; save your work, or shelve it and come back through the queue.';
  return refuse('promise_conflict', `The lease cannot be extended that far: ${why}.`, fix, 'until', {
    until: formatTime(untilMs),
    lease: lease.id,
  });
}

/**
 * The latest end that is in nobody's way, as far as it is looked for: ends just before something else begins.
 */
function furthestEnd(
  draft: Draft,
  lease: Lease,
  endsAtMs: number,
  before: ReadonlyMap<Lease['id'], number>,
): number {
  const { world } = draft;
  const begins = [...before.values()];
  const row = lease.state.kind === 'active' ? world.hosts.get(lease.state.claim.hostId) : undefined;
  for (const { claim, held } of row?.claims.values() ?? []) if (!held) begins.push(claim.fromMs);
  if (row !== undefined && row.host.drain !== null) begins.push(row.host.drain.fromMs);
  // Whole seconds, rounded down: the time is printed without fractions.
  const ends = begins.map((atMs) => Math.floor((atMs - world.settings.endEstimateMs) / 1000) * 1000);
  const tried = [...new Set(ends)].filter((endMs) => endMs > endsAtMs).toSorted((a, b) => a - b);
  for (const endMs of tried.slice(0, ENDS_TRIED_MAX).toReversed()) {
    const mark = draft.mark();
    draft.lease(lease.id, extension(draft, endMs), null);
    const isFree = windowConflict(draft, lease.id) === null && !anyLater(draft, before);
    draft.rollbackTo(mark);
    if (isFree) return endMs;
  }
  return endsAtMs;
}
