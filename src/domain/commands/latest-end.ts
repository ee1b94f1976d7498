/** How far an active lease can go on, and what is in the way of more. */
import { formatDuration } from '../../base/units.ts';
import type { Draft } from '../draft.ts';
import type { LeaseEvent } from '../lease/machine.ts';
import type { Lease } from '../model/lease.ts';
import type { Terms } from '../policy/rules.ts';
import { drainTouches } from '../scheduler/calendar.ts';
import { isWaitedFor } from '../scheduler/forecast.ts';
import { isOverdrawn } from '../scheduler/free.ts';
import { freeWith, type HostRow } from '../scheduler/host-row.ts';
import { afterEndMs } from '../settings.ts';
import type { World } from '../world.ts';
import { firstDelayed, PROTECTED_DEPTH, startsAt } from './book.ts';

/** Something else that is to begin in the time which the lease would take. */
interface Obstacle {
  /** A clause. */
  readonly what: string;
  readonly fromMs: number;
}

export interface LatestEnd {
  /** Not before the present end. */
  readonly untilMs: number;
  /** Why not until the wished end, as a clause; null: until then it is possible. */
  readonly why: string | null;
}

/**
 * Ends that are tried: each costs a forecast, and everybody waits for the decision. Behind one obstacle there
 * rarely is another.
 */
const TRIES_MAX = 4;

/**
 * The latest end up to `wishMs` (after the present one) that breaks no promise, to the second where it is not
 * the wish itself. Nothing of it stays.
 */
export function latestEnd(draft: Draft, lease: Lease, wishMs: number): LatestEnd {
  const { world } = draft;
  if (lease.state.kind !== 'active') return { untilMs: wishMs, why: null };
  const { expiresAtMs, claim } = lease.state;
  const row = world.hosts.get(claim.hostId);
  const before =
    row === undefined || !isWaitedFor(world, row, PROTECTED_DEPTH)
      ? new Map<Lease['id'], number>()
      : startsAt(draft, row.host.providerId);
  let endMs = wishMs;
  let why: string | null = null;
  for (let tries = 0; tries < TRIES_MAX && endMs > expiresAtMs; tries++) {
    const mark = draft.mark();
    draft.lease(lease.id, extension(draft, endMs), null);
    const obstacle = firstObstacle(draft, lease.id, before);
    draft.rollbackTo(mark);
    if (obstacle === null) return { untilMs: endMs, why };
    why = obstacle.what;
    // Whole seconds, rounded down: the time is printed without fractions.
    endMs = Math.min(endMs, Math.floor((obstacle.fromMs - afterEndMs(world.settings)) / 1000) * 1000);
  }
  return { untilMs: expiresAtMs, why };
}

/** The end that the terms allow, to the second, and the sentence that says so. */
export function longestEnd(
  sinceMs: number,
  terms: Terms,
): { readonly untilMs: number; readonly why: string } {
  const untilMs = Math.floor((sinceMs + terms.maxDurationMs) / 1000) * 1000;
  return { untilMs, why: `${terms.maxFor} can last ${formatDuration(terms.maxDurationMs)} at most` };
}

export function extension(
  draft: Draft,
  expiresAtMs: number,
): Extract<LeaseEvent, { readonly type: 'extend' }> {
  return { type: 'extend', expiresAtMs, endEstimateMs: afterEndMs(draft.world.settings) };
}

/** What the lease disturbs with the end that it now has; null: nothing. */
function firstObstacle(
  draft: Draft,
  leaseId: Lease['id'],
  before: ReadonlyMap<Lease['id'], number>,
): Obstacle | null {
  const lease = draft.world.leases.get(leaseId);
  if (lease === undefined) return null;
  const planned = plannedObstacle(draft.world, lease);
  if (planned !== null) return planned;
  const promisedMs = firstDelayed(draft, lease.request.demand.providerId, before);
  return promisedMs === null
    ? null
    : { what: 'somebody who waits was promised this GPU', fromMs: promisedMs };
}

/** The first drain or window on the host that is in the way. */
function plannedObstacle(world: World, lease: Lease): Obstacle | null {
  if (lease.state.kind !== 'active') return null;
  const { claim } = lease.state;
  const row = world.hosts.get(claim.hostId);
  if (row === undefined) return null;
  let first: Obstacle | null = null;
  for (const { claim: planned, held } of row.claims.values()) {
    if (held || planned.fromMs >= (first?.fromMs ?? claim.untilMs)) continue;
    if (overdrawn(row, planned.fromMs)) {
      first = { what: 'the time after it is reserved', fromMs: planned.fromMs };
    }
  }
  const { drain } = row.host;
  if (drain === null || !drainTouches(row, claim)) return first;
  if (first !== null && first.fromMs < drain.fromMs) return first;
  return { what: `host ${row.host.name} is drained from then on (${drain.reason})`, fromMs: drain.fromMs };
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
