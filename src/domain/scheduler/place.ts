/** Where a lease may go now: the index proposes hosts, the predicates of `calendar.ts` decide. */
import type { HostId } from '../../base/ids.ts';
import type { Claim } from '../model/claim.ts';
import type { Demand, Lease } from '../model/lease.ts';
import { afterEndMs, type Settings } from '../settings.ts';
import type { World } from '../world.ts';
import { fitsWindow, presentDuring, type Window } from './calendar.ts';
import { fits } from './free.ts';
import { hasCalendar, pickDevices, type HostRow } from './host-row.ts';

/** Hosts of the index that are tried for one lease; more than its possible setbacks plus the head's host. */
const VISITS_MAX = 64;

/** The time for which a lease that starts at `fromMs` will need its host. */
export function windowFor(durationMs: number, fromMs: number, settings: Settings): Window {
  return { fromMs, untilMs: fromMs + settings.startEstimateMs + durationMs + afterEndMs(settings) };
}

const NO_HOSTS: ReadonlySet<HostId> = new Set();

/** Hosts that failed this lease lately. */
export function avoidedHosts(lease: Lease, nowMs: number, settings: Settings): ReadonlySet<HostId> {
  if (lease.setbacks.length === 0) return NO_HOSTS;
  const hosts = new Set<HostId>();
  for (const setback of lease.setbacks) {
    if (setback.hostId !== null && setback.atMs + settings.avoidHostMs > nowMs) hosts.add(setback.hostId);
  }
  return hosts;
}

/** The claim on this very host, which must fit besides its own claims and the `imagined` ones. */
export function claimOn(
  row: HostRow,
  demand: Demand,
  window: Window,
  nowMs: number,
  imagined: readonly Claim[] = [],
): Claim {
  const base = {
    hostId: row.host.id,
    resources: demand.resources,
    devices: demand.devices,
    fromMs: window.fromMs,
    untilMs: window.untilMs,
  };
  if (row.host.claimKind === 'slot') return { kind: 'slot', ...base, provisional: true };
  const isPresent = presentDuring(window, nowMs);
  const present: Claim[] = [];
  for (const entry of row.claims.values()) if (isPresent(entry)) present.push(entry.claim);
  for (const claim of imagined) {
    if (claim.fromMs < window.untilMs && claim.untilMs > window.fromMs) present.push(claim);
  }
  return { kind: 'unit', ...base, deviceIds: pickDevices(row, demand, present) };
}

/**
 * The first host on which the demand fits for the window, in the order of the placement policy, and that
 * `accept` takes; null if there is none.
 */
export function findHost(
  world: World,
  demand: Demand,
  window: Window,
  nowMs: number,
  accept: (row: HostRow) => boolean,
): HostRow | null {
  const pool = world.pools.get(demand.providerId);
  if (pool === undefined) return null;
  if (demand.hostId !== null) {
    const row = world.hosts.get(demand.hostId);
    return row !== undefined && fitsWindow(row, demand, window, nowMs) && accept(row) ? row : null;
  }
  if (window.fromMs > nowMs) return firstOf(pool.rows, demand, window, nowMs, accept);
  let found: HostRow | null = null;
  pool.shapes.visit(demand.key, demand, VISITS_MAX, (row) => {
    if (!accept(row)) return false;
    found = row;
    return true;
  });
  return found ?? firstOf(pool.calendar, demand, window, nowMs, accept);
}

/** Cheap test whether `findHost` could find anything now: for leaving out whole classes of requests. */
export function mayFit(world: World, demand: Demand): boolean {
  if (demand.hostId !== null) {
    const row = world.hosts.get(demand.hostId);
    return row !== undefined && (hasCalendar(row) || fits(row.free, demand));
  }
  const pool = world.pools.get(demand.providerId);
  return pool !== undefined && (pool.calendar.size > 0 || pool.shapes.anyFits(demand.key, demand));
}

function firstOf(
  rows: Iterable<HostRow | null>,
  demand: Demand,
  window: Window,
  nowMs: number,
  accept: (row: HostRow) => boolean,
): HostRow | null {
  for (const row of rows) {
    if (row !== null && fitsWindow(row, demand, window, nowMs) && accept(row)) return row;
  }
  return null;
}
