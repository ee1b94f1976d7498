/**
 * What time does to an active lease: warnings, then at its end one of three things. While nobody waits it is
 * renewed; else its grace begins, if there is one; else it ends as its borrower wanted.
 */
import { formatDuration, formatTime, MINUTE_MS } from '../../base/units.ts';
import type { Json } from '../../base/json.ts';
import type { Draft } from '../draft.ts';
import type { Lease, PlaceInQueue } from '../model/lease.ts';
import { termsFor, type Terms } from '../policy/rules.ts';
import { nextWarningAt } from '../policy/warnings.ts';
import { isWanted } from '../scheduler/wanted.ts';
import { afterEndMs } from '../settings.ts';
import { latestEnd, longestEnd } from './latest-end.ts';
import { limitedEnd, refuseComeback, refuseWaiting } from './limits.ts';

type Active = Extract<Lease['state'], { readonly kind: 'active' }>;

/** A shorter renewal is none: who is told that a lease goes on counts on some time. */
const RENEWAL_MS_MIN = 10 * MINUTE_MS;

/** False: nothing is due that may be done now. */
export function activeDue(draft: Draft, lease: Lease, state: Active): boolean {
  const { world, nowMs } = draft;
  if (state.expiresAtMs > nowMs) return warn(draft, lease, state);
  const { freeze, clockDoubt, mode } = world.control;
  if (freeze !== null || clockDoubt !== null || mode.kind === 'observe') return false;
  if (renew(draft, lease, state)) return true;
  const graceEndMs = state.graceUntilMs ?? state.expiresAtMs + world.settings.graceMs;
  if (graceEndMs > nowMs) return state.graceUntilMs === null && beginGrace(draft, lease, graceEndMs);
  const lateMs = nowMs - state.expiresAtMs;
  const again = placeOfTicket(draft, lease);
  return draft.lease(lease.id, { type: 'expire', again }, 'lease.expired', whyOver(draft, lease, state), {
    late_ms: lateMs,
    at_end: lease.request.atEnd,
    ticket: again !== null,
  });
}

function warn(draft: Draft, lease: Lease, state: Active): boolean {
  const { world, nowMs } = draft;
  const warnAtMs = nextWarningAt(state, world.settings);
  if (warnAtMs === null || warnAtMs > nowMs) return false;
  const terms = termsOf(draft, lease);
  const longest = limitedEnd(draft, lease, longestEnd(state.sinceMs, terms));
  const latest =
    longest.untilMs > state.expiresAtMs
      ? latestEnd(draft, lease, longest.untilMs)
      : { untilMs: state.expiresAtMs, why: null };
  const left = formatDuration(state.expiresAtMs - nowMs);
  const isExtensible = latest.untilMs > state.expiresAtMs;
  return draft.lease(
    lease.id,
    { type: 'warn', beforeMs: state.expiresAtMs - warnAtMs },
    'lease.end_announced',
    `in ${left} the machine is ${whatHappens(lease, terms)}`,
    {
      expires_at: formatTime(state.expiresAtMs),
      at_end: lease.request.atEnd,
      renews: mayRenew(lease, terms),
      extendable_until: isExtensible ? formatTime(latest.untilMs) : null,
      not_longer: latest.why ?? longest.why,
      scratch_gib: lease.request.scratchGiB,
      ...ticketData(lease),
    },
  );
}

/** `shelved, unless nobody waits for its GPU then; …`: what the owner has to know of the end. */
function whatHappens({ request, ticket, refs }: Lease, terms: Terms): string {
  const isKept = request.atEnd !== 'delete' && refs.serverId !== null;
  const unless = request.renew && terms.renewMs > 0 ? ', unless nobody waits for its GPU then' : '';
  if (!isKept) return `deleted${unless}`;
  const lost =
    request.scratchGiB > 0
      ? `its root disk is kept, its ${request.scratchGiB} GiB of ephemeral and swap disks are lost`
      : 'only its root disk is kept';
  const back = ticket === null ? '' : '; it comes back by itself with its return ticket';
  return `shelved${unless}; ${lost}${back}`;
}

/** True: nobody waits for what it has, and it goes on. */
function renew(draft: Draft, lease: Lease, state: Active): boolean {
  const { world, nowMs } = draft;
  const terms = termsOf(draft, lease);
  const row = world.hosts.get(state.claim.hostId);
  if (!mayRenew(lease, terms) || row === undefined || isWanted(world, row, state.claim, nowMs)) return false;
  const wishMs = Math.min(nowMs + terms.renewMs, state.sinceMs + terms.maxDurationMs);
  const allowed = withinLimits(draft, lease, { untilMs: wishMs, why: null });
  const { untilMs } = latestEnd(draft, lease, allowed.untilMs);
  if (untilMs - nowMs < Math.min(terms.renewMs, RENEWAL_MS_MIN)) return false;
  return draft.lease(
    lease.id,
    { type: 'renew', expiresAtMs: untilMs, endEstimateMs: afterEndMs(world.settings) },
    'lease.renewed',
    'nobody waits for its GPU',
    {
      from: formatTime(state.expiresAtMs),
      until: formatTime(untilMs),
      longest_until: formatTime(withinLimits(draft, lease, longestEnd(state.sinceMs, terms)).untilMs),
    },
  );
}

function beginGrace(draft: Draft, lease: Lease, untilMs: number): boolean {
  const left = formatDuration(untilMs - draft.nowMs);
  return draft.lease(
    lease.id,
    { type: 'grace', untilMs },
    'lease.grace_began',
    `its time is over; in ${left} the machine is ${lease.request.atEnd === 'delete' ? 'deleted' : 'shelved'}`,
    { until: formatTime(untilMs) },
  );
}

/** Why it is not renewed; null: that was never a question. */
function whyOver(draft: Draft, lease: Lease, { claim, sinceMs }: Active): string | null {
  const { world, nowMs } = draft;
  const terms = termsOf(draft, lease);
  if (!mayRenew(lease, terms)) return null;
  const row = world.hosts.get(claim.hostId);
  if (row !== undefined && isWanted(world, row, claim, nowMs)) return 'others wait for its GPU';
  const longest = withinLimits(draft, lease, longestEnd(sinceMs, terms));
  if (longest.untilMs - nowMs < Math.min(terms.renewMs, RENEWAL_MS_MIN)) return longest.why;
  return 'its host is promised to others';
}

/** `limitedEnd`, but for a lease that an administrator lets pass the limits. */
function withinLimits<T extends string | null>(
  draft: Draft,
  lease: Lease,
  end: { readonly untilMs: number; readonly why: T },
): { readonly untilMs: number; readonly why: T | string } {
  return lease.request.exempt === null ? limitedEnd(draft, lease, end) : end;
}

/**
 * The place of a ticket that counts from the end on; null: there is none. Where a limit is in its way, the
 * ticket is looked at again when the disk is on the shelf.
 */
function placeOfTicket(draft: Draft, lease: Lease): PlaceInQueue | null {
  const { ticket, request, refs } = lease;
  const isDue = ticket !== null && (ticket.kind === 'now' || ticket.atMs <= draft.nowMs);
  if (!isDue || request.atEnd === 'delete' || refs.serverId === null) return null;
  const over = refuseComeback(draft, lease, request.durationMs) ?? refuseWaiting(draft.world, lease, 1);
  if (over !== null) return null;
  return { queueSeq: draft.nextQueueSeq(), waitUntilMs: null };
}

function ticketData({ ticket }: Lease): { readonly ticket: Json } {
  return {
    ticket: ticket === null || ticket.kind === 'now' ? (ticket?.kind ?? null) : formatTime(ticket.atMs),
  };
}

function mayRenew({ request }: Lease, terms: Terms): boolean {
  return request.renew && terms.renewMs > 0;
}

function termsOf(draft: Draft, { projectId, request }: Lease): Terms {
  return termsFor(draft.world, { projectId, role: request.role, demand: request.demand });
}
