/** A window in the future: `count` leases on named hosts from a time on, all or none. */
import { formatTime } from '../../base/units.ts';
import type { LeaseId, ProviderId, ReservationId } from '../../base/ids.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Flavor } from '../model/flavor.ts';
import type { Demand } from '../model/lease.ts';
import { playForward } from '../scheduler/forecast.ts';
import { fitsWindow } from '../scheduler/calendar.ts';
import { fits } from '../scheduler/free.ts';
import type { HostRow } from '../scheduler/host-row.ts';
import { schedule } from '../scheduler/pass.ts';
import { claimOn, windowFor } from '../scheduler/place.ts';
import type { World } from '../world.ts';
import { newLease, type SettledRequest } from './request.ts';
import type { Handled } from './handled.ts';
import { timeInPast } from './refusals.ts';

interface Parts {
  readonly flavor: Flavor;
  readonly demand: Demand;
}

/** Starts that are tried when looking for the nearest feasible window. */
const ALTERNATIVES_MAX = 256;
/**
 * … and fewer in a large or a much booked cloud: everybody waits for a decision, and a look at a host
 * compares its claims with each other, at some nanoseconds for each pair.
 */
const CLAIM_PAIRS_MAX = 2_000_000;
/** What a look at an empty host costs, in the same measure. */
const CLAIM_PAIRS_PER_LOOK = 100;
const ALTERNATIVES_MIN = 4;
/** Planned windows on one host: as many as a look at it may compare in a fraction of a millisecond. */
const WINDOWS_PER_HOST_MAX = 256;

export function bookWindow(
  draft: Draft,
  command: SettledRequest,
  window: { readonly fromMs: number; readonly reservationId: ReservationId },
  parts: Parts,
): Handled {
  const { nowMs } = draft;
  if (window.fromMs <= nowMs) {
    const fix = 'Give a future time, or leave `from` out to start as soon as possible.';
    return timeInPast('from', window.fromMs, nowMs, fix);
  }
  const promisedBefore = startsAt(draft, parts.demand.providerId);
  const mark = draft.mark();
  if (
    tryBook(draft, command, window.fromMs, parts) &&
    firstDelayed(draft, parts.demand.providerId, promisedBefore) === null
  ) {
    // The head of the queue may have been promised one of these hosts, and now starts as early on another.
    schedule(draft);
    return { kind: 'reply', reply: { kind: 'leases', leaseIds: command.leaseIds } };
  }
  draft.rollbackTo(mark);
  const { startMs: nearest, tried } = nearestStart(draft, command, window.fromMs, parts, promisedBefore);
  const what = `${command.leaseIds.length} × ${parts.flavor.name}`;
  if (nearest === null) {
    const full = [...candidateRows(draft.world, parts.demand)].filter(
      (row) => row.plannedCount + command.leaseIds.length > WINDOWS_PER_HOST_MAX,
    ).length;
    const limit =
      full === 0 ? '' : ` ${full} hosts would have more than ${WINDOWS_PER_HOST_MAX} planned windows each.`;
    return refuse(
      'window_infeasible',
      `${what} are not free from ${formatTime(window.fromMs)} on, nor at any of the next ${tried} times when something ends.${limit}`,
      'Ask for a later start, for fewer, for a smaller flavor, or for a shorter time.',
      'from',
      { nearest_from: null, tried, hosts_fully_booked: full },
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

/** When those start whom a booking or an extension at this provider might delay, by the present books. */
export function startsAt(draft: Draft, providerId: ProviderId): ReadonlyMap<LeaseId, number> {
  const starts = new Map<LeaseId, number>();
  for (const { lease, startMs } of playForward(draft.world, draft.nowMs, PROTECTED_DEPTH, providerId)) {
    if (startMs !== null) starts.set(lease.id, startMs);
  }
  return starts;
}

/**
 * The start by `before` of the first who would now start later; null: nobody would. Looks no further than
 * that one.
 */
export function firstDelayed(
  draft: Draft,
  providerId: ProviderId,
  before: ReadonlyMap<LeaseId, number>,
): number | null {
  if (before.size === 0) return null;
  const left = new Map(before);
  for (const { lease, startMs } of playForward(draft.world, draft.nowMs, PROTECTED_DEPTH, providerId)) {
    const beforeMs = left.get(lease.id);
    if (beforeMs === undefined) continue;
    if (startMs === null || startMs > beforeMs) return beforeMs;
    left.delete(lease.id);
    if (left.size === 0) return null;
  }
  // No longer in the protected part of the queue, and so behind somebody who was behind it.
  return left.values().next().value ?? null;
}

/** Books all on hosts that are free in the whole window; on failure nothing of it stays. */
function tryBook(draft: Draft, command: SettledRequest, fromMs: number, parts: Parts): boolean {
  const { world, nowMs } = draft;
  const mark = draft.mark();
  const window = windowFor(command.durationMs, fromMs, world.settings);
  // Hosts one after the other: what does not fit now does not fit when more is booked.
  const rows = candidateRows(world, parts.demand)[Symbol.iterator]();
  let row = rows.next().value ?? null;
  for (const leaseId of command.leaseIds) {
    while (row !== null && (isFullyBooked(row) || !fitsWindow(row, parts.demand, window, nowMs)))
      row = rows.next().value ?? null;
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

function isFullyBooked({ plannedCount }: HostRow): boolean {
  return plannedCount >= WINDOWS_PER_HOST_MAX;
}

function* candidateRows(world: World, demand: Demand): Iterable<HostRow> {
  for (const row of world.pools.get(demand.providerId)?.rows ?? []) {
    const isWanted = row !== null && (demand.hostId === null || demand.hostId === row.host.id);
    if (isWanted && fits(row.empty, demand)) yield row;
  }
}

/**
 * The first later start at which all fit: capacity only grows when something ends, so ends are the times to
 * try, those of leases that still wait included.
 */
function nearestStart(
  draft: Draft,
  command: SettledRequest,
  fromMs: number,
  parts: Parts,
  promisedBefore: ReadonlyMap<LeaseId, number>,
): { readonly startMs: number | null; readonly tried: number } {
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
  // Whole seconds, rounded up: the time is printed without fractions and must still be feasible when typed
  // in.
  const starts = [...ends].map((endMs) => Math.ceil(endMs / 1000) * 1000).toSorted((a, b) => a - b);
  let pairs = 1;
  for (const row of draft.world.pools.get(parts.demand.providerId)?.rows ?? [])
    pairs += CLAIM_PAIRS_PER_LOOK + (row?.claims.size ?? 0) ** 2;
  const tries = Math.min(
    starts.length,
    ALTERNATIVES_MAX,
    Math.max(ALTERNATIVES_MIN, Math.floor(CLAIM_PAIRS_MAX / pairs)),
  );
  for (const startMs of starts.slice(0, tries)) {
    const mark = draft.mark();
    const feasible =
      tryBook(draft, command, startMs, parts) &&
      firstDelayed(draft, parts.demand.providerId, promisedBefore) === null;
    draft.rollbackTo(mark);
    if (feasible) return { startMs, tried: tries };
  }
  return { startMs: null, tried: tries };
}
