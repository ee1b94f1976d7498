import type { LeaseJson } from '../../api/leases.ts';
import { SECOND_MS } from '../../base/units.ts';
import type { Claim } from '../../domain/model/claim.ts';
import type { DeviceCounts } from '../../domain/model/host.ts';
import type { Connection, Lease, LeaseState } from '../../domain/model/lease.ts';
import type { LeaseView } from '../../engine/views.ts';
import { formatTime } from '../../base/units.ts';
import { timeOrNull } from './time.ts';

/** A lease on the wire. `nowMs` is for what is still running: the used GPU time. */
export function leaseToJson(view: LeaseView, nowMs: number): LeaseJson {
  const { lease } = view;
  const { request, state } = lease;
  return {
    id: lease.id,
    name: lease.name,
    project_id: lease.projectId,
    project_name: view.projectName,
    owner_id: lease.ownerId,
    state: state.kind,
    flavor: request.flavorName,
    flavor_id: request.flavorId,
    gpus: request.demand.devices,
    host: view.hostName,
    image: request.image,
    created_at: formatTime(lease.createdAtMs),
    duration_seconds: Math.round(request.durationMs / SECOND_MS),
    starts_at: state.kind === 'reserved' ? formatTime(state.claim.fromMs) : null,
    expires_at: state.kind === 'active' ? formatTime(state.expiresAtMs) : null,
    ended_at: state.kind === 'ended' ? formatTime(state.atMs) : null,
    wait_until: state.kind === 'queued' ? timeOrNull(state.waitUntilMs) : null,
    position: view.position,
    forecast_at: timeOrNull(view.forecastMs),
    wait_reasons: view.waitReasons,
    progress: state.kind === 'starting' ? state.progress : null,
    obstacle: state.kind === 'starting' ? state.obstacle : null,
    profiles: (request.setup?.profiles ?? []).map(({ name, params }) => ({ name, params: { ...params } })),
    notes: state.kind === 'active' ? [...(state.notes ?? [])] : [],
    connection: state.kind === 'active' ? connectionToJson(state.connection) : null,
    renewed_since: state.kind === 'active' ? timeOrNull(state.renewedAtMs) : null,
    grace_until: state.kind === 'active' ? timeOrNull(state.graceUntilMs) : null,
    keep_until: state.kind === 'shelved' ? timeOrNull(state.keepUntilMs) : null,
    at_end: request.atEnd,
    renew: request.renew,
    ticket: ticketToJson(lease.ticket),
    scratch_gib: request.scratchGiB,
    purpose: request.purpose,
    ...endOf(state),
    setbacks: lease.setbacks.map(({ atMs, code, message, hostId }) => ({
      at: formatTime(atMs),
      code,
      message,
      host_id: hostId,
    })),
    reservation_id: lease.reservationId,
    unreachable_since: timeOrNull(lease.unreachableSinceMs),
    generation: lease.generation,
    gpu_seconds: gpuSeconds(lease, nowMs),
  };
}

function connectionToJson(connection: Connection): NonNullable<LeaseJson['connection']> {
  const { host, port, user } = connection;
  return { host, port, user, ssh: `ssh -p ${port} ${user}@${host}` };
}

function ticketToJson(ticket: Lease['ticket']): string | null {
  if (ticket === null) return null;
  return ticket.kind === 'now' ? 'now' : formatTime(ticket.atMs);
}

/** Why it ended, or is about to. */
function endOf(state: LeaseState): Pick<LeaseJson, 'end_reason' | 'cause'> {
  if (state.kind === 'ended') return { end_reason: state.reason, cause: state.cause };
  if (state.kind === 'ending' && state.then.kind === 'end') {
    return { end_reason: state.then.reason, cause: state.then.cause };
  }
  return { end_reason: null, cause: null };
}

function gpuSeconds(lease: Lease, nowMs: number): number {
  const held = claimOf(lease.state)?.devices;
  const runningMs =
    lease.claimedAtMs === null || !held ? 0 : Math.max(0, nowMs - lease.claimedAtMs) * sum(held);
  return Math.floor((lease.usedDeviceMs + runningMs) / SECOND_MS);
}

function claimOf(state: LeaseState): Claim | null {
  return 'claim' in state ? state.claim : null;
}

function sum(counts: DeviceCounts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
