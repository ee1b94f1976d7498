/** `lease.extend`: a later end, as long as nobody was promised that time. */
import { formatTime } from '../../base/units.ts';
import type { UserCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Lease } from '../model/lease.ts';
import { termsFor } from '../policy/rules.ts';
import { schedule } from '../scheduler/pass.ts';
import { extension, latestEnd, longestEnd, type LatestEnd } from './latest-end.ts';
import { DONE, type Handled } from './handled.ts';
import { limitedEnd, refuseExtension as refuseOverLimit, tellExempt } from './limits.ts';
import { noSuchLease, timeInPast, wrongState } from './refusals.ts';

export function extendLease(
  draft: Draft,
  { leaseId, role, expiresAtMs, exempt = null }: Extract<UserCommand, { readonly type: 'lease.extend' }>,
): Handled {
  const { world, nowMs } = draft;
  const lease = world.leases.get(leaseId);
  if (lease === undefined) return noSuchLease(leaseId);
  if (lease.state.kind !== 'active') return wrongState(lease, 'extended', ['active']);
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    return timeInPast('expires_at', expiresAtMs, nowMs, 'Give a future time, or return the lease.');
  }
  const { projectId, request, state } = lease;
  const longest = longestEnd(state.sinceMs, termsFor(world, { projectId, role, demand: request.demand }));
  const wishMs =
    expiresAtMs ?? (exempt === null ? limitedEnd(draft, lease, longest).untilMs : longest.untilMs);
  const isLater = wishMs > state.expiresAtMs;
  if (wishMs > longest.untilMs && isLater) return refuseTooLate(longest);
  const over = refuseOverLimit(draft, lease, wishMs);
  if (over !== null && exempt === null) return over;
  if (expiresAtMs !== null && !isLater) {
    draft.lease(lease.id, extension(draft, wishMs), 'lease.shortened', null, data(lease, wishMs));
    if (exempt !== null) tellExempt(draft, lease.id, exempt, over);
    // Who was promised this GPU can have it earlier.
    schedule(draft);
    return DONE;
  }
  if (!isLater) return refuseTooLate(limitedEnd(draft, lease, longest));
  const latest = latestEnd(draft, lease, wishMs);
  const untilMs = expiresAtMs ?? latest.untilMs;
  if (untilMs > latest.untilMs || untilMs <= state.expiresAtMs)
    return refuseConflict(lease, state.expiresAtMs, latest);
  draft.lease(lease.id, extension(draft, untilMs), 'lease.extended', null, data(lease, untilMs));
  if (exempt !== null) tellExempt(draft, lease.id, exempt, over);
  // The head of the queue may have been promised this host, and now starts as early on another.
  schedule(draft);
  return DONE;
}

function data({ state }: Lease, untilMs: number): { readonly from: string | null; readonly until: string } {
  return { from: state.kind === 'active' ? formatTime(state.expiresAtMs) : null, until: formatTime(untilMs) };
}

function refuseTooLate({ untilMs, why }: ReturnType<typeof longestEnd>): Handled {
  const until = formatTime(untilMs);
  return refuse(
    'duration_too_long',
    `${why}, extensions included.`,
    `Extend to ${until} or earlier.`,
    'until',
    { until },
  );
}

function refuseConflict(lease: Lease, endsAtMs: number, { untilMs, why }: LatestEnd): Handled {
  const fix =
    untilMs > endsAtMs
      ? `It can be extended until ${formatTime(untilMs)}; --max does that.`
      : 'It keeps its end; save your work, or shelve it and come back through the queue.';
  return refuse(
    'promise_conflict',
    `The lease cannot be extended that far: ${why ?? 'others come after it'}.`,
    fix,
    'until',
    { until: formatTime(untilMs), lease: lease.id },
  );
}
