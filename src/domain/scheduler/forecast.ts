/**
 * When will each waiting request start? The queue is played forward in order on imagined claims: each entry
 * gets the earliest host that is free for its whole time, given those before it. For the head this is its
 * promise; for the others an estimate that gets better with each early return and worse only for reasons
 * that are told.
 */
import type { LeaseId, ProviderId } from '../../base/ids.ts';
import type { Claim } from '../model/claim.ts';
import { SETBACKS_MAX, type Lease } from '../model/lease.ts';
import type { World } from '../world.ts';
import { fits } from './free.ts';
import type { HostRow } from './host-row.ts';
import { startExcess } from './limits.ts';
import { queueOrder } from './order.ts';
import { claimOn, windowFor } from './place.ts';
import { earliestStart, expectAnew } from './start.ts';

/**
 * Entries that get a forecast; those further back are told their place only. Bounds the cost of one
 * reading.
 */
const FORECAST_DEPTH = 256;

/** The expected start of each waiting lease, at most `depth` of them; missing: nothing known ends in time. */
export function forecast(
  world: World,
  nowMs: number,
  depth: number = FORECAST_DEPTH,
): ReadonlyMap<LeaseId, number> {
  const starts = new Map<LeaseId, number>();
  for (const { lease, startMs } of playForward(world, nowMs, depth)) {
    if (startMs !== null) starts.set(lease.id, startMs);
  }
  return starts;
}

/**
 * The same one by one, for who may know enough before the end, and for who asks for one provider only (null:
 * for all); a start of null: nothing known ends in time. The world must not change until it is through, or
 * left.
 */
export function* playForward(
  world: World,
  nowMs: number,
  depth: number,
  providerId: ProviderId | null = null,
): Generator<{ readonly lease: Lease; readonly startMs: number | null }, void> {
  const imagined = new Map<HostRow, Claim[]>();
  try {
    for (const waiting of queueOrder(world, nowMs, depth)) {
      const lease = world.leases.get(waiting.leaseId);
      if (lease === undefined || !isOf(lease, providerId)) continue;
      const isKept = startExcess(world, lease, nowMs) !== null;
      const startMs = isKept ? null : startOf(world, lease, nowMs, imagined);
      yield { lease, startMs };
    }
  } finally {
    for (const row of imagined.keys()) expectAnew(world, row);
  }
}

/**
 * False: surely none of the first `depth` who wait will be placed on this host, so that a later end of what
 * lies there moves nobody's start. Each of them takes one host, and is kept off few.
 */
export function isWaitedFor(world: World, row: HostRow, depth: number = FORECAST_DEPTH): boolean {
  const earliest = world.pools.get(row.host.providerId)?.earliest;
  for (const demandKey of world.queue.demandKeys()) {
    const any = world.queue.anyFor(demandKey);
    const demand = any === null ? undefined : world.leases.get(any.leaseId)?.request.demand;
    if (demand?.providerId !== row.host.providerId || !fits(row.empty, demand)) continue;
    if (demand.hostId === row.host.id) return true;
    if (demand.hostId !== null) continue;
    if (earliest?.isAmongFirst(demandKey, demand, row, depth + SETBACKS_MAX) === true) return true;
  }
  return false;
}

/** Providers share no hosts, so that those who wait for one are in nobody's way at another. */
function isOf(lease: Lease, providerId: ProviderId | null): boolean {
  return providerId === null || lease.request.demand.providerId === providerId;
}

function startOf(world: World, lease: Lease, nowMs: number, imagined: Map<HostRow, Claim[]>): number | null {
  const { demand, durationMs } = lease.request;
  const found = earliestStart(world, lease, nowMs, imagined);
  if (found === null) return null;
  const window = windowFor(durationMs, found.startMs, world.settings);
  const claim = claimOn(found.row, demand, window, nowMs, imagined.get(found.row));
  const onHost = imagined.get(found.row);
  if (onHost === undefined) imagined.set(found.row, [claim]);
  else onHost.push(claim);
  expectAnew(world, found.row);
  return found.startMs;
}
