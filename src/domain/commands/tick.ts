/** `tick`: everything that happens by the passing of time alone. */
import { formatDuration } from '../../base/units.ts';
import { forgivenAt, ticketAt, type DueKey } from '../due.ts';
import type { Draft } from '../draft.ts';
import type { Lease } from '../model/lease.ts';
import { findHost, windowFor } from '../scheduler/place.ts';
import { grant, schedule, startsPaused } from '../scheduler/pass.ts';
import type { Handled } from './handled.ts';
import { undrainHost } from './drain.ts';
import { activeDue } from './end.ts';
import { countMonths } from './limits.ts';
import { startFailed } from './provider.ts';
import { keepUntil, shelvedDue } from './shelf.ts';

/**
 * Due entries handled by one tick: keeps a transaction short; the engine ticks again while there are more.
 */
const DUE_PER_TICK_MAX = 128;

/** Answers whether more is due that could be handled now. */
export function tick(draft: Draft): Handled {
  const { world, nowMs } = draft;
  const due = world.due.dueBy(nowMs, DUE_PER_TICK_MAX, (key) => !isHeldBack(draft, key));
  let handled = 0;
  for (const key of due) if (handleDue(draft, key)) handled += 1;
  if (handled > 0) schedule(draft);
  const next = world.due.nextMs();
  const more = handled > 0 && next !== null && next <= nowMs;
  return { kind: 'reply', reply: { kind: 'more', more } };
}

/** Due, but it has to wait: the service is frozen or only observes, or its clock is in doubt. */
function isHeldBack(draft: Draft, key: DueKey): boolean {
  const { world, nowMs } = draft;
  const lease = key.kind === 'lease' ? world.leases.get(key.id) : undefined;
  if (lease === undefined) return false;
  const { freeze, clockDoubt, mode } = world.control;
  const paused = freeze !== null || mode.kind === 'observe';
  switch (lease.state.kind) {
    case 'reserved':
    case 'starting':
      return paused;
    case 'active':
      return lease.state.expiresAtMs <= nowMs && (paused || clockDoubt !== null);
    case 'shelved': {
      const { keepUntilMs } = lease.state;
      const comesAtMs = ticketAt(lease);
      if (keepUntilMs === null || keepUntilMs > nowMs) return false;
      return (comesAtMs === null || comesAtMs > nowMs) && (paused || clockDoubt !== null);
    }
    case 'queued':
    case 'shelving':
    case 'ending':
    case 'ended':
      return false;
  }
}

function handleDue(draft: Draft, key: DueKey): boolean {
  if (key.kind === 'month') {
    countMonths(draft);
    return true;
  }
  if (key.kind === 'host') {
    undrainHost(draft, key.id);
    return true;
  }
  const lease = draft.world.leases.get(key.id);
  return lease !== undefined && leaseDue(draft, lease);
}

/** False: it is due, but has to wait (frozen, or the clock is in doubt). */
function leaseDue(draft: Draft, lease: Lease): boolean {
  const { world, nowMs } = draft;
  const { state } = lease;
  switch (state.kind) {
    case 'reserved':
      return startsPaused(draft) ? false : beginWindow(draft, lease);
    case 'queued': {
      if (state.waitUntilMs !== null && state.waitUntilMs <= nowMs) {
        return draft.lease(
          lease.id,
          { type: 'waitedOut', keepUntilMs: keepUntil(draft, lease) },
          'lease.wait_timed_out',
          'nothing became free within the time it was to wait',
        );
      }
      const forgivenMs = forgivenAt(lease, world.settings);
      if (forgivenMs === null || forgivenMs > nowMs) return false;
      return draft.lease(lease.id, { type: 'forgive', beforeMs: nowMs - world.settings.avoidHostMs }, null);
    }
    case 'starting': {
      // It was due for something else, and something handled before it in this tick has let it start.
      if (state.deadlineMs > nowMs) return false;
      if (world.control.freeze !== null || world.control.mode.kind === 'observe') return false;
      const waited = formatDuration(state.deadlineMs - state.sinceMs);
      startFailed(draft, lease, {
        code: 'start_timed_out',
        message: `it was not ready after ${waited}${state.obstacle === null ? '' : `: ${state.obstacle}`}`,
        next: 'other_host',
      });
      return true;
    }
    case 'active':
      return activeDue(draft, lease, state);
    case 'shelved':
      return shelvedDue(draft, lease, state);
    case 'shelving':
    case 'ending':
    case 'ended':
      return false;
  }
}

/**
 * A reserved window has come: first on its own host, else anywhere, else first in the queue with the reason
 * told.
 */
function beginWindow(draft: Draft, lease: Lease): boolean {
  const { world, nowMs } = draft;
  if (lease.state.kind !== 'reserved') return false;
  const bookedHostId = lease.state.claim.hostId;
  const queueSeq = draft.nextQueueSeq();
  draft.lease(lease.id, { type: 'windowBegins', queueSeq, waitUntilMs: null }, 'lease.window_began');
  const queued = world.leases.get(lease.id);
  if (queued === undefined) return false;
  const window = windowFor(lease.request.durationMs, nowMs, world.settings);
  const { demand } = lease.request;
  const row =
    findHost(world, { ...demand, hostId: bookedHostId }, window, nowMs, () => true) ??
    findHost(world, demand, window, nowMs, () => true);
  if (row !== null) {
    grant(draft, queued, row);
    return true;
  }
  const host = world.hosts.get(bookedHostId)?.host;
  const why =
    host === undefined || host.status.kind !== 'up'
      ? 'its host is not available'
      : `host ${host.name} is not free yet`;
  draft.events.push({
    type: 'lease.window_late',
    entity: 'lease',
    id: lease.id,
    projectId: lease.projectId,
    before: 'queued',
    after: 'queued',
    reason: `${why}; it starts as soon as something is free, before everybody else`,
    data: {},
  });
  return true;
}
