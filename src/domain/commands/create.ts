/** `lease.create`: a place in the queue and perhaps at once a host, or a window in the future for several. */
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Flavor } from '../model/flavor.ts';
import type { Demand, Lease, LeaseState } from '../model/lease.ts';
import { fits, totalDevices } from '../scheduler/free.ts';
import { scheduleNewcomer } from '../scheduler/pass.ts';
import type { World } from '../world.ts';
import { bookWindow } from './book.ts';
import type { Handled } from './handled.ts';
import { refuseTicket } from './shelf.ts';
import { demandOf, newLease, resolveWanted, settleRequest, type CreateCommand } from './request.ts';

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
  ensureProject(draft, command);
  if (command.window !== null) return bookWindow(draft, command, command.window, { flavor, demand });
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
    if (command.waitUntilMs !== null && command.waitUntilMs <= nowMs && isQueued(world, leaseId)) {
      return refuse(
        'no_capacity',
        `Nothing for ${flavor.name} is free now, and you asked not to wait.`,
        'Ask with a wait limit to join the queue, or see `berth explain` for what is in the way.',
        'wait',
      );
    }
  }
  return { kind: 'reply', reply: { kind: 'leases', leaseIds: command.leaseIds } };
}

function isQueued(world: World, leaseId: Lease['id']): boolean {
  return world.leases.get(leaseId)?.state.kind === 'queued';
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
  return checkQuota(world, command, demand);
}

/** A quota that the request alone exceeds is refused; one that is only used up at present makes it wait. */
function checkQuota(world: World, command: CreateCommand, demand: Demand): Handled | null {
  const quota = world.projects.get(command.projectId)?.quota;
  if (quota === undefined) return null;
  // A window is claimed at once and whole, so it must fit beside what is held; others start one by one.
  const together = command.window === null ? 1 : command.leaseIds.length;
  const gpus = totalDevices(demand.devices) * together;
  const holding = command.window === null ? { gpus: 0, leases: 0 } : world.holding(command.projectId);
  if (quota.gpus !== null && holding.gpus + gpus > quota.gpus)
    return overQuota('GPUs', quota.gpus, holding.gpus, gpus);
  if (quota.leases !== null && holding.leases + together > quota.leases)
    return overQuota('leases', quota.leases, holding.leases, together);
  return null;
}

function overQuota(what: string, limit: number, inUse: number, wanted: number): Handled {
  return refuse(
    'quota_exceeded',
    `Your project may hold ${limit} ${what} at once; it holds ${inUse} and this asks for ${wanted}.`,
    'Return something, ask for less, or ask an administrator for a larger quota.',
    null,
    { quota: what, limit, in_use: inUse, wanted },
  );
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
  const project = {
    id: command.projectId,
    name: command.projectId,
    quota: { gpus: null, leases: null },
    servedSeq: 0,
  };
  draft.put({ entity: 'project', id: project.id, after: project });
}
