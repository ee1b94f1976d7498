/** A window in the future: `count` leases on named hosts from a time on, all or none. */
import { formatTime } from '../../base/units.ts';
import type { LeaseId, ReservationId } from '../../base/ids.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Flavor } from '../model/flavor.ts';
import type { Demand } from '../model/lease.ts';
import { forecast } from '../scheduler/forecast.ts';
import { claimOn, findHost, windowFor } from '../scheduler/place.ts';
import { newLease, type CreateCommand } from './request.ts';
import type { Handled } from './handled.ts';

interface Parts {
  readonly flavor: Flavor;
  readonly demand: Demand;
}

/** Starts that are tried when looking for the nearest feasible window. */
const ALTERNATIVES_MAX = 256;

export function bookWindow(
  draft: Draft,
  command: CreateCommand,
  window: { readonly fromMs: number; readonly reservationId: ReservationId },
  parts: Parts,
): Handled {
  const { nowMs } = draft;
  if (window.fromMs <= nowMs) {
    return refuse(
      'invalid',
      `The start ${formatTime(window.fromMs)} is in the past.`,
      'Give a future time, or leave `from` out to start as soon as possible.',
      'from',
    );
  }
  const promisedBefore = forecast(draft.world, nowMs, PROTECTED_DEPTH);
  const mark = draft.mark();
  if (tryBook(draft, command, window.fromMs, parts) && !anyLater(draft, promisedBefore)) {
    return { kind: 'reply', reply: { kind: 'leases', leaseIds: command.leaseIds } };
  }
  draft.rollbackTo(mark);
  const nearest = nearestStart(draft, command, window.fromMs, parts, promisedBefore);
  const what = `${command.leaseIds.length} × ${parts.flavor.name}`;
  if (nearest === null) {
    return refuse(
      'window_infeasible',
      `${what} never fit together from ${formatTime(window.fromMs)} on, as far as is known.`,
      'Ask for fewer, for a smaller flavor, or for a shorter time.',
      'from',
      { nearest_from: null },
    );
  }
  return refuse(
    'window_infeasible',
    `${what} are not free from ${formatTime(window.fromMs)} on.`,
    `The nearest feasible start is ${formatTime(nearest)}: use --from ${formatTime(nearest)}.`,
    'from',
    {
      nearest_from: formatTime(nearest),
    },
  );
}

/** Waiting requests whose forecast a booking or an extension must not move. */
export const PROTECTED_DEPTH = 64;

/** True when somebody who waits would now start later than forecast before. */
export function anyLater(draft: Draft, before: ReadonlyMap<LeaseId, number>): boolean {
  if (before.size === 0) return false;
  const after = forecast(draft.world, draft.nowMs, PROTECTED_DEPTH);
  for (const [leaseId, startMs] of before) {
    const now = after.get(leaseId);
    if (now === undefined || now > startMs) return true;
  }
  return false;
}

/** Books all on hosts that are free in the whole window; on failure nothing of it stays. */
function tryBook(draft: Draft, command: CreateCommand, fromMs: number, parts: Parts): boolean {
  const { world, nowMs } = draft;
  const mark = draft.mark();
  const window = windowFor(command.durationMs, fromMs, world.settings);
  for (const leaseId of command.leaseIds) {
    const row = findHost(world, parts.demand, window, nowMs, () => true);
    if (row === null) {
      draft.rollbackTo(mark);
      return false;
    }
    const claim = claimOn(row, parts.demand, window, nowMs);
    const lease = newLease(draft, command, leaseId, { ...parts, state: { kind: 'reserved', claim } });
    draft.addLease(lease, 'lease.reserved', {
      flavor: parts.flavor.name,
      from: formatTime(fromMs),
      host: row.host.name,
    });
  }
  return true;
}

/**
 * The first later start at which all fit: capacity only grows when something ends, so ends are the times to try, those
 * of leases that still wait included.
 */
function nearestStart(
  draft: Draft,
  command: CreateCommand,
  fromMs: number,
  parts: Parts,
  promisedBefore: ReadonlyMap<LeaseId, number>,
): number | null {
  const ends = new Set<number>();
  for (const row of draft.world.pools.get(parts.demand.providerId)?.rows ?? []) {
    for (const { claim } of row?.claims.values() ?? []) if (claim.untilMs > fromMs) ends.add(claim.untilMs);
    const drainEndMs = row?.host.drain?.untilMs ?? null;
    if (drainEndMs !== null && drainEndMs > fromMs) ends.add(drainEndMs);
  }
  for (const [leaseId, startMs] of promisedBefore) {
    const durationMs = draft.world.leases.get(leaseId)?.request.durationMs ?? 0;
    const endMs = windowFor(durationMs, startMs, draft.world.settings).untilMs;
    if (endMs > fromMs) ends.add(endMs);
  }
  // Whole seconds, rounded up: the time is printed without fractions and must still be feasible when typed in.
  const starts = [...ends].map((endMs) => Math.ceil(endMs / 1000) * 1000).toSorted((a, b) => a - b);
  for (const startMs of starts.slice(0, ALTERNATIVES_MAX)) {
    const mark = draft.mark();
    const feasible = tryBook(draft, command, startMs, parts) && !anyLater(draft, promisedBefore);
    draft.rollbackTo(mark);
    if (feasible) return startMs;
  }
  return null;
}
