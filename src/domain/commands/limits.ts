/** Limits of projects and users where something is asked for: what is over one is refused, or an exception. */
import { formatDuration, formatTime } from '../../base/units.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Lease } from '../model/lease.ts';
import { hasMonthlyLimit } from '../model/limits.ts';
import { excessData, excessFix, excessText, whoseText } from '../scheduler/limit-text.ts';
import {
  heldExcess,
  longestLease,
  monthExcess,
  queueExcess,
  wishOf,
  type Excess,
  type Wish,
} from '../scheduler/limits.ts';
import { afterEndMs } from '../settings.ts';
import type { World } from '../world.ts';

type Refused = ReturnType<typeof refuse>;
type Owner = Pick<Lease, 'projectId' | 'ownerId'>;

/**
 * Why somebody may not ask for this; null: they may. What is only held at present makes a request wait; but a
 * window is claimed at once (`isWindow`), and GPU-hours are not given back.
 */
export function refuseWish(world: World, wish: Wish, isWindow: boolean): Refused | null {
  const held = heldExcess(world, wish.count > 1 && !isWindow ? { ...wish, count: 1 } : wish, !isWindow);
  if (held !== null) return overLimit(held, null);
  const month = monthExcess(world, wish);
  if (month === null) return null;
  return overLimit(month, fittingLength(world, wish, month));
}

/** Why a lease may not last so long; null: it may. */
export function refuseLength(
  world: World,
  { projectId, ownerId }: Owner,
  durationMs: number,
): Refused | null {
  const longest = longestLease(world, projectId, ownerId);
  if (longest === null || durationMs <= longest.durationMs) return null;
  const most = formatDuration(longest.durationMs);
  return refuse(
    'duration_too_long',
    `${whoseText(longest.scope)} may have leases of ${most} at most.`,
    `Ask for ${most} or less, or ask an administrator for a higher limit.`,
    'duration',
    { limit_s: longest.durationMs / 1000, scope: longest.scope },
  );
}

/** Why a lease may not end so late; null: it may. Called while it still has its present end. */
export function refuseExtension(draft: Draft, lease: Lease, expiresAtMs: number): Refused | null {
  const { world } = draft;
  if (lease.state.kind !== 'active' || expiresAtMs <= lease.state.expiresAtMs) return null;
  const { sinceMs } = lease.state;
  const longest = longestLease(world, lease.projectId, lease.ownerId);
  if (longest !== null && expiresAtMs - sinceMs > longest.durationMs) {
    const until = formatTime(Math.max(sinceMs + longest.durationMs, lease.state.expiresAtMs));
    return refuse(
      'duration_too_long',
      `${whoseText(longest.scope)} may have leases of ${formatDuration(longest.durationMs)} at most, and this one ` +
        `is active since ${formatTime(sinceMs)}.`,
      `It can last until ${until}; or ask an administrator for a higher limit.`,
      'until',
      { limit_s: longest.durationMs / 1000, scope: longest.scope, until },
    );
  }
  const month = extensionExcess(world, lease, expiresAtMs);
  if (month === null) return null;
  const fitsMs = latestFit(world, month);
  const until = formatTime(Math.max(fitsMs, lease.state.expiresAtMs));
  return refuse(
    'budget_exceeded',
    `The lease cannot be extended that far: ${excessText(month)}.`,
    fitsMs > lease.state.expiresAtMs
      ? `It can be extended until ${until}.`
      : 'It keeps its end; ask an administrator for a higher limit.',
    'until',
    { ...excessData(month), until, lease: lease.id },
  );
}

/**
 * The given end, or the latest before it that the limits of the project and of the owner allow, and what says
 * so, as a clause. Never before the present end.
 */
export function limitedEnd<T extends string | null>(
  { world }: Draft,
  lease: Lease,
  end: { readonly untilMs: number; readonly why: T },
): { readonly untilMs: number; readonly why: T | string } {
  if (lease.state.kind !== 'active' || end.untilMs <= lease.state.expiresAtMs) return end;
  const { sinceMs, expiresAtMs } = lease.state;
  let { untilMs, why }: { untilMs: number; why: T | string } = end;
  const longest = longestLease(world, lease.projectId, lease.ownerId);
  if (longest !== null && untilMs - sinceMs > longest.durationMs) {
    untilMs = Math.floor((sinceMs + longest.durationMs) / 1000) * 1000;
    why = `${whoseText(longest.scope)} may have leases of ${formatDuration(longest.durationMs)} at most`;
  }
  // Of the project, then of the user: what fits the one may be too much for the other.
  for (let scopes = 0; scopes < 2 && untilMs > expiresAtMs; scopes++) {
    const month = extensionExcess(world, lease, untilMs);
    if (month === null) break;
    untilMs = latestFit(world, month);
    why = excessText(month);
  }
  return { untilMs: Math.max(untilMs, expiresAtMs), why };
}

/** Why a lease may not come back from the shelf for so long; null: it may. */
export function refuseComeback({ world, nowMs }: Draft, lease: Lease, durationMs: number): Refused | null {
  const wish = wishOf(world, lease, { ...lease.request, durationMs }, nowMs);
  return refuseLength(world, lease, durationMs) ?? refuseWish(world, wish, false);
}

/** Why somebody may not wait beside those of theirs who do already, itself and `more` counted; null: they may. */
export function refuseWaiting(world: World, owner: Owner, more = 0): Refused | null {
  const found = queueExcess(world, owner, more);
  if (found === null) return null;
  const { scope, limit, waiting } = found;
  return refuse(
    'quota_exceeded',
    `${whoseText(scope)} may have ${limit} waiting requests, and with this there would be ${waiting}.`,
    'Give up a request, or ask again when one of them has started.',
    null,
    { limited: 'queued', scope, limit, in_use: waiting - 1, wanted: 1 },
  );
}

/** Puts on record that a lease passed the limits, by an administrator's word, and which stood in its way. */
export function tellExempt(draft: Draft, leaseId: Lease['id'], exempt: string, passed: Refused | null): void {
  const lease = draft.world.leases.get(leaseId);
  if (lease === undefined) return;
  draft.events.push({
    type: 'lease.limits_overridden',
    entity: 'lease',
    id: leaseId,
    projectId: lease.projectId,
    before: lease.state.kind,
    after: lease.state.kind,
    reason: exempt,
    data: { limit: passed?.refusal.message ?? null },
  });
}

/** Sees to it that the beginning of each month is noticed where anything is limited by the month. */
export function countMonths(draft: Draft): void {
  const { world, nowMs } = draft;
  const isNeeded = [...world.projects.values()].some(hasMonthlyLimit);
  const monthFromMs = isNeeded ? world.months.startMs(world.months.at(nowMs)) : null;
  if (world.control.monthFromMs === monthFromMs) return;
  draft.put({ entity: 'control', id: 'control', after: { ...world.control, monthFromMs } });
}

/** The sentence for somebody who asked not to wait. */
export function overLimit(excess: Excess, longestMs: number | null): Refused {
  const text = excessText(excess);
  return refuse(
    excess.kind === 'gpu_hours' ? 'budget_exceeded' : 'quota_exceeded',
    `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.`,
    excessFix(excess, longestMs),
    null,
    excessData(excess),
  );
}

type MonthExcess = Extract<Excess, { readonly kind: 'gpu_hours' }>;

/** Of the time by which an active lease would hold its devices longer; null: the months have that much left. */
function extensionExcess(world: World, lease: Lease, expiresAtMs: number): MonthExcess | null {
  if (lease.state.kind !== 'active') return null;
  const { projectId, ownerId, state } = lease;
  const { devices, untilMs: fromMs } = state.claim;
  const untilMs = expiresAtMs + afterEndMs(world.settings);
  const month = monthExcess(world, { projectId, ownerId, devices, count: 1, fromMs, untilMs });
  return month?.kind === 'gpu_hours' ? month : null;
}

/** The latest end of a lease that fits. Whole seconds, rounded down: it is printed without fractions. */
function latestFit(world: World, { fitsUntilMs }: MonthExcess): number {
  return Math.floor((fitsUntilMs - afterEndMs(world.settings)) / 1000) * 1000;
}

/** How long a lease may last so that it does fit, ms; null: not at all. */
function fittingLength(world: World, wish: Wish, excess: Excess): number | null {
  if (excess.kind !== 'gpu_hours') return null;
  const { startEstimateMs } = world.settings;
  const lengthMs = excess.fitsUntilMs - wish.fromMs - startEstimateMs - afterEndMs(world.settings);
  const wholeMs = Math.floor(lengthMs / 1000) * 1000;
  return wholeMs > 0 ? wholeMs : null;
}
