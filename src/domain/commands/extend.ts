/** `lease.extend`: a later end, as long as nobody was promised that time. */
import { formatDuration, formatTime } from '../../base/units.ts';
import type { UserCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { LeaseEvent } from '../lease/machine.ts';
import type { Lease } from '../model/lease.ts';
import { drainTouches } from '../scheduler/calendar.ts';
import { isWaitedFor } from '../scheduler/forecast.ts';
import { isOverdrawn } from '../scheduler/free.ts';
import { freeWith, type HostRow } from '../scheduler/host-row.ts';
import { schedule } from '../scheduler/pass.ts';
import type { World } from '../world.ts';
import { firstDelayed, PROTECTED_DEPTH, startsAt } from './book.ts';
import { DONE, type Handled } from './handled.ts';
import { refuseExtension as refuseOverLimit, tellExempt } from './limits.ts';
import { noSuchLease, timeInPast, wrongState } from './refusals.ts';

/** Something else that is to begin in the time which the lease would take. */
interface Obstacle {
  readonly what: string;
  readonly fromMs: number;
}

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
  const exempt = command.exempt ?? null;
  const over = refuseOverLimit(draft, lease, command.expiresAtMs);
  if (over !== null && exempt === null) return over;
  const row = world.hosts.get(state.claim.hostId);
  const before =
    row === undefined || !isWaitedFor(world, row, PROTECTED_DEPTH)
      ? new Map<Lease['id'], number>()
      : startsAt(draft, row.host.providerId);
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
  if (exempt !== null) tellExempt(draft, lease.id, exempt, over);
  if (command.expiresAtMs <= previousEndMs) {
    // Who was promised this GPU can have it earlier.
    schedule(draft);
    return DONE;
  }
  const obstacle = firstObstacle(draft, lease.id, before);
  if (obstacle === null) {
    // The head of the queue may have been promised this host, and now starts as early on another.
    schedule(draft);
    return DONE;
  }
  draft.rollbackTo(mark);
  return refuseExtension(draft, lease, previousEndMs, obstacle, before);
}

function extension(draft: Draft, expiresAtMs: number): Extract<LeaseEvent, { readonly type: 'extend' }> {
  return { type: 'extend', expiresAtMs, endEstimateMs: draft.world.settings.endEstimateMs };
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

function refuseExtension(
  draft: Draft,
  lease: Lease,
  endsAtMs: number,
  obstacle: Obstacle,
  before: ReadonlyMap<Lease['id'], number>,
): Handled {
  const untilMs = endBefore(draft, lease, endsAtMs, obstacle, before);
  const fix =
    untilMs > endsAtMs
      ? `It can be extended until ${formatTime(untilMs)}.`
      : 'It keeps its end; save your work, or shelve it and come back through the queue.';
  return refuse(
    'promise_conflict',
    `The lease cannot be extended that far: ${obstacle.what}.`,
    fix,
    'until',
    { until: formatTime(untilMs), lease: lease.id },
  );
}

/**
 * The end just before the obstacle, or the present one where another is in the way even so. Only one is
 * tried, because each costs a forecast and everybody waits for the decision.
 */
function endBefore(
  draft: Draft,
  lease: Lease,
  endsAtMs: number,
  obstacle: Obstacle,
  before: ReadonlyMap<Lease['id'], number>,
): number {
  // Whole seconds, rounded down: the time is printed without fractions.
  const endMs = Math.floor((obstacle.fromMs - draft.world.settings.endEstimateMs) / 1000) * 1000;
  if (endMs <= endsAtMs) return endsAtMs;
  const mark = draft.mark();
  draft.lease(lease.id, extension(draft, endMs), null);
  const isFree = firstObstacle(draft, lease.id, before) === null;
  draft.rollbackTo(mark);
  return isFree ? endMs : endsAtMs;
}
