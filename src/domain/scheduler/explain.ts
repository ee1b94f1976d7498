/**
 * Why not? The host-by-host list behind a decision, built on demand from the same predicates that decide
 * (property test: explain says possible exactly when decide grants).
 */
import { formatDuration, formatTime } from '../../base/units.ts';
import type { HostId, ProjectId } from '../../base/ids.ts';
import type { WaitReason } from '../decision.ts';
import type { Demand, Lease } from '../model/lease.ts';
import type { World } from '../world.ts';
import { drainTouches, fitsWindow, presentAt, presentDuring, type Window } from './calendar.ts';
import { earliestOn } from './earliest-on.ts';
import { countOf, devicesFree, type Free } from './free.ts';
import { deviceTotals, freeWith, type HostRow } from './host-row.ts';
import { excessText } from './limit-text.ts';
import { heldExcess, longestLease, monthExcess, wishOf } from './limits.ts';
import { promisedLeases } from './order.ts';
import { avoidedHosts, claimOn, windowFor } from './place.ts';
import { leavesPromises } from './promise-guard.ts';

export interface Reason {
  readonly code: WaitReason;
  /** A sentence with the numbers. */
  readonly text: string;
}

export interface HostVerdict {
  readonly hostId: HostId;
  readonly hostName: string;
  readonly possible: boolean;
  readonly reasons: readonly Reason[];
  readonly earliestMs: number | null;
}

export interface Verdict {
  readonly possible: boolean;
  readonly reasons: readonly Reason[];
  readonly earliestMs: number | null;
  readonly hosts: readonly HostVerdict[];
}

/** What is asked about: a request that could be made, or (with `lease`) one that waits. */
export interface Question {
  readonly demand: Demand;
  readonly projectId: ProjectId;
  readonly ownerId: string;
  readonly durationMs: number;
  /** null: as soon as possible. */
  readonly fromMs: number | null;
  readonly lease: Lease | null;
}

export function explain(world: World, question: Question, nowMs: number): Verdict {
  const { demand } = question;
  const window = windowFor(question.durationMs, question.fromMs ?? nowMs, world.settings);
  const avoided =
    question.lease === null ? new Set<HostId>() : avoidedHosts(question.lease, nowMs, world.settings);
  const hosts: HostVerdict[] = [];
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const row of world.pools.get(demand.providerId)?.rows ?? []) {
    if (row === null) continue;
    const reasons = hostReasons(world, row, question, window, nowMs, avoided);
    const onHostMs =
      demand.hostId !== null && demand.hostId !== row.host.id
        ? Number.POSITIVE_INFINITY
        : earliestOn(row, demand, window.untilMs - window.fromMs, Math.max(nowMs, question.fromMs ?? nowMs));
    earliestMs = Math.min(earliestMs, onHostMs);
    hosts.push({
      hostId: row.host.id,
      hostName: row.host.name,
      possible: reasons.length === 0,
      reasons,
      earliestMs: Number.isFinite(onHostMs) ? onHostMs : null,
    });
  }
  const reasons = generalReasons(world, question, nowMs);
  const possible = reasons.length === 0 && hosts.some((host) => host.possible);
  return { possible, reasons, earliestMs: Number.isFinite(earliestMs) ? earliestMs : null, hosts };
}

/**
 * Why a host does not take the demand in the window; empty: it does. Its free room is looked at as
 * `fitsWindow` does.
 */
function hostReasons(
  world: World,
  row: HostRow,
  question: Question,
  window: Window,
  nowMs: number,
  avoided: ReadonlySet<HostId>,
): readonly Reason[] {
  const { demand } = question;
  const { host } = row;
  if (demand.hostId !== null && demand.hostId !== host.id) {
    return [{ code: 'other_host_wanted', text: `another host (${demand.hostId}) was asked for` }];
  }
  const closed = closedReason(row, window);
  if (closed !== null) return [closed];
  const reasons: Reason[] = [];
  if (avoided.has(host.id)) {
    reasons.push({
      code: 'recent_failure',
      text: 'it failed this lease a short while ago and is not tried again yet',
    });
  }
  if (!fitsWindow(row, demand, window, nowMs)) {
    const atStart = freeWith(row, presentAt(window.fromMs, nowMs));
    const short = shortages(row, demand, atStart);
    if (short.length > 0) reasons.push(...short);
    else reasons.push(reservedReason(row, window, nowMs));
  }
  const delay =
    question.fromMs === null && reasons.length === 0 ? delaysHead(world, row, question, window, nowMs) : null;
  if (delay !== null) reasons.push(delay);
  return reasons;
}

function closedReason(row: HostRow, window: Window): Reason | null {
  const { host } = row;
  switch (host.status.kind) {
    case 'disabled':
      return { code: 'host_disabled', text: `it is disabled: ${host.status.reason}` };
    case 'down':
      return {
        code: 'host_down',
        text: `it is down since ${formatTime(host.status.sinceMs)}: ${host.status.reason}`,
      };
    case 'missing':
      return {
        code: 'host_down',
        text: `its provider lists it no longer since ${formatTime(host.status.sinceMs)}`,
      };
    case 'up':
      break;
  }
  if (!drainTouches(row, window) || host.drain === null) return null;
  const until = host.drain.untilMs === null ? '' : ` until ${formatTime(host.drain.untilMs)}`;
  return {
    code: 'host_drained',
    text: `it is in maintenance from ${formatTime(host.drain.fromMs)}${until}: ${host.drain.reason}`,
  };
}

function shortages(row: HostRow, demand: Demand, free: Free): readonly Reason[] {
  const reasons: Reason[] = [];
  for (const deviceClass in demand.devices) {
    const wanted = countOf(demand.devices, deviceClass);
    const have = devicesFree(free, deviceClass);
    if (have < wanted) reasons.push(deviceReason(row, deviceClass, wanted, have));
  }
  const resource = (code: WaitReason, what: string, have: number, wanted: number): void => {
    if (wanted > 0 && have < wanted)
      reasons.push({ code, text: `${wanted} ${what} wanted, ${Math.max(0, have)} free` });
  };
  resource('vcpus_short', 'vCPUs', free.resources.vcpus, demand.resources.vcpus);
  resource('memory_short', 'MiB of memory', free.resources.memoryMiB, demand.resources.memoryMiB);
  resource('disk_short', 'GiB of disk', free.resources.diskGiB, demand.resources.diskGiB);
  return reasons;
}

function deviceReason(row: HostRow, deviceClass: string, wanted: number, have: number): Reason {
  const { host } = row;
  const total = countOf(deviceTotals(host), deviceClass);
  const sick = host.devices.filter(
    (device) => device.deviceClass === deviceClass && device.quarantine !== null,
  ).length;
  if (total + sick === 0) return { code: 'no_such_device', text: `it has no ${deviceClass}` };
  if (total < wanted && total + sick >= wanted) {
    return {
      code: 'devices_quarantined',
      text: `${wanted} ${deviceClass} wanted, ${sick} of its ${total + sick} are in quarantine`,
    };
  }
  if (total < wanted)
    return { code: 'no_such_device', text: `${wanted} ${deviceClass} wanted, it has ${total}` };
  const claimed = new Set<string>();
  for (const { claim, held } of row.claims.values()) {
    if (held && claim.kind === 'unit') for (const id of claim.deviceIds) claimed.add(id);
  }
  const loose = host.devices.filter(
    (device) => device.deviceClass === deviceClass && device.quarantine === null && !claimed.has(device.id),
  ).length;
  if (host.claimKind === 'unit' && loose >= wanted) {
    return {
      code: 'iommu_group_taken',
      text: `${loose} ${deviceClass} are unused, but they share an IOMMU group with a card that somebody has`,
    };
  }
  return {
    code: 'devices_taken',
    text: `${wanted} ${deviceClass} wanted, ${Math.max(0, have)} of ${total} free`,
  };
}

function reservedReason(row: HostRow, window: Window, nowMs: number): Reason {
  const during = presentDuring(window, nowMs);
  let firstMs = Number.POSITIVE_INFINITY;
  for (const entry of row.claims.values()) {
    if (during(entry) && entry.claim.fromMs > window.fromMs) firstMs = Math.min(firstMs, entry.claim.fromMs);
  }
  const from = Number.isFinite(firstMs) ? ` from ${formatTime(firstMs)}` : '';
  return { code: 'window_reserved', text: `it is reserved${from}, before this lease would end` };
}

/** The rule about overtaking, for this host, on which the demand fits. */
function delaysHead(
  world: World,
  row: HostRow,
  question: Question,
  window: Window,
  nowMs: number,
): Reason | null {
  const heads: Lease[] = [];
  for (const head of promisedLeases(world, nowMs)) {
    if (head.id === question.lease?.id) break;
    heads.push(head);
  }
  if (leavesPromises(world, heads, row, claimOn(row, question.demand, window, nowMs), nowMs)) return null;
  const here = heads.find(
    (head) => head.state.kind === 'queued' && head.state.promise?.hostId === row.host.id,
  );
  const startMs = here?.state.kind === 'queued' ? (here.state.promise?.startMs ?? nowMs) : nowMs;
  return {
    code: 'would_delay_head',
    text: `it is promised to somebody before you in the queue at ${formatTime(startMs)}, and this would still run then`,
  };
}

function generalReasons(world: World, question: Question, nowMs: number): readonly Reason[] {
  const reasons: Reason[] = [];
  const { freeze, mode } = world.control;
  if (freeze !== null) reasons.push({ code: 'frozen', text: `the service is frozen: ${freeze.reason}` });
  if (mode.kind === 'observe')
    reasons.push({ code: 'frozen', text: `the service only observes: ${mode.reason}` });
  for (const text of limitTexts(world, question, nowMs)) reasons.push({ code: 'quota', text });
  return reasons;
}

/** Limits of the project and of the owner that the question is over. */
function limitTexts(world: World, question: Question, nowMs: number): readonly string[] {
  const { projectId, ownerId, durationMs, lease } = question;
  if (lease !== null && lease.request.exempt !== null) return [];
  const longest = longestLease(world, projectId, ownerId);
  const wish = wishOf(world, question, question, question.fromMs ?? nowMs);
  const over = [heldExcess(world, wish), monthExcess(world, wish)].filter((excess) => excess !== null);
  return [
    ...(lease === null && longest !== null && durationMs > longest.durationMs
      ? [`leases may last ${formatDuration(longest.durationMs)} at most there`]
      : []),
    ...over.map(excessText),
  ];
}
