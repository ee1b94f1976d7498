/** `lease.create`: a place in the queue and perhaps at once a host, or a window in the future for several. */
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Flavor } from '../model/flavor.ts';
import type { Demand, Lease, LeaseState } from '../model/lease.ts';
import { newProject } from '../model/project.ts';
import { fits } from '../scheduler/free.ts';
import { startExcess, wishOf } from '../scheduler/limits.ts';
import { scheduleNewcomer } from '../scheduler/pass.ts';
import type { World } from '../world.ts';
import { bookWindow } from './book.ts';
import type { Handled } from './handled.ts';
import { overLimit, refuseLength, refuseWaiting, refuseWish, tellExempt } from './limits.ts';
import { demandOf, newLease, resolveWanted, settleRequest } from './request.ts';
import type { CreateCommand, SettledRequest } from './request.ts';
import { refuseTicket } from './shelf.ts';

export function createLeases(draft: Draft, asked: CreateCommand): Handled {
  const { world, nowMs } = draft;
  const found = resolveWanted(world, asked.wanted);
  if (found.kind === 'refused') return found;
  const { flavor } = found;
  const demand = demandOf(flavor, asked.hostId);
  const unavailable = refuseUnavailable(flavor);
  if (unavailable !== null) return unavailable;
  const settled = settleRequest(world, asked, demand);
  if (settled.kind === 'refused') return settled;
  const command = settled.request;
  const refusal = checkRequest(draft, command, flavor, demand);
  if (refusal !== null) return refusal;
  const over = checkLimits(world, command, demand, nowMs);
  if (over !== null && command.exempt === null) return over;
  ensureProject(draft, command);
  const handled =
    command.window === null
      ? enqueue(draft, command, flavor, demand)
      : bookWindow(draft, command, command.window, { flavor, demand });
  if (handled.kind === 'reply' && command.exempt !== null)
    for (const leaseId of command.leaseIds) tellExempt(draft, leaseId, command.exempt, over);
  return handled;
}

/** Each joins the queue, and starts at once where it can. */
function enqueue(draft: Draft, command: SettledRequest, flavor: Flavor, demand: Demand): Handled {
  const { world, nowMs } = draft;
  const queueSeq = draft.nextQueueSeq(command.leaseIds.length);
  for (const [index, leaseId] of command.leaseIds.entries()) {
    const state: LeaseState = {
      kind: 'queued',
      sinceMs: nowMs,
      queueSeq: queueSeq + index,
      waitUntilMs: command.waitUntilMs,
      promise: null,
      comeback: false,
    };
    const lease = newLease(draft, command, leaseId, { flavor, demand, state });
    const noTicket = refuseTicket(draft, lease, lease.ticket);
    if (noTicket !== null) return noTicket;
    draft.addLease(lease, 'lease.requested', {
      flavor: flavor.name,
      duration_s: command.durationMs / 1000,
    });
    scheduleNewcomer(draft, leaseId);
    const waiting = world.leases.get(leaseId);
    if (waiting?.state.kind !== 'queued') continue;
    if (command.waitUntilMs !== null && command.waitUntilMs <= nowMs)
      return mayNotWait(world, waiting, nowMs);
    const refusal = command.exempt === null ? refuseWaiting(world, command) : null;
    if (refusal !== null) return refusal;
  }
  return { kind: 'reply', reply: { kind: 'leases', leaseIds: command.leaseIds } };
}

/** For who asked now or never: it is a limit that stands in the way, or there is no room. */
function mayNotWait(world: World, lease: Lease, nowMs: number): Handled {
  const over = startExcess(world, lease, nowMs);
  if (over !== null) return overLimit(over, null);
  return refuse(
    'no_capacity',
    `Nothing for ${lease.request.flavorName} is free now, and you asked not to wait.`,
    'Ask with a wait limit to join the queue, or see `berth explain` for what is in the way.',
    'wait',
  );
}

/** What the project, or the owner in it, may not ask for, whatever is free. */
function checkLimits(
  world: World,
  command: SettledRequest,
  demand: Demand,
  nowMs: number,
): ReturnType<typeof refuse> | null {
  const { durationMs, window, leaseIds } = command;
  const wish = wishOf(world, command, { demand, durationMs }, window?.fromMs ?? nowMs, leaseIds.length);
  return refuseLength(world, command, durationMs) ?? refuseWish(world, wish, window !== null);
}

function refuseUnavailable(flavor: Flavor): ReturnType<typeof refuse> | null {
  if (!flavor.disabled && flavor.misconfigured === null) return null;
  const why = flavor.misconfigured ?? 'its provider has disabled it';
  return refuse(
    'flavor_unavailable',
    `Flavor ${flavor.name} cannot be borrowed: ${why}.`,
    'Choose another flavor, or tell the operator.',
    'flavor',
  );
}

function checkRequest(draft: Draft, command: CreateCommand, flavor: Flavor, demand: Demand): Handled | null {
  const { world } = draft;
  if (command.hostId !== null && world.hosts.get(command.hostId)?.host.providerId !== flavor.providerId) {
    return refuse(
      'host_unknown',
      `There is no host '${command.hostId}' for flavor ${flavor.name}.`,
      'See `berth host list`.',
      'host',
    );
  }
  if (!everFits(world, demand)) {
    return refuse(
      'never_fits',
      `No host is large enough for flavor ${flavor.name}, even when empty.`,
      'Choose a smaller flavor, or see `berth explain`.',
      'flavor',
    );
  }
  if (command.window === null && world.queue.size + command.leaseIds.length > world.settings.queueMax) {
    return refuse(
      'queue_full',
      `${world.queue.size} requests are waiting already, which is the limit.`,
      'Try again later.',
      null,
      {
        limit: world.settings.queueMax,
      },
    );
  }
  return null;
}

function everFits(world: World, demand: Demand): boolean {
  if (demand.hostId !== null) {
    const row = world.hosts.get(demand.hostId);
    return row !== undefined && fits(row.empty, demand);
  }
  const pool = world.pools.get(demand.providerId);
  for (const capacity of pool?.capacities.values() ?? []) if (fits(capacity.free, demand)) return true;
  return false;
}

function ensureProject(draft: Draft, command: CreateCommand): void {
  if (draft.world.projects.has(command.projectId)) return;
  const project = newProject(command.projectId, command.projectId);
  draft.put({ entity: 'project', id: project.id, after: project });
}
