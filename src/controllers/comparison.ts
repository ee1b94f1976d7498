/** What a snapshot says about the leases that are handed out or on the shelf. Pure. */
import type { HostId, LeaseId, ProviderId } from '../base/ids.ts';
import type { Lease } from '../domain/model/lease.ts';
import { claimOf, type World } from '../domain/world.ts';
import type { ServerSeen } from '../domain/provision/sighting.ts';
import type { ProviderSnapshot } from '../engine/ports.ts';
import { stateKeyOf } from './lease-facts.ts';

/**
 * Above this share of the known servers, and this number, it is the cloud's view that is broken, not the
 * servers.
 */
const VANISHED_SHARE_MAX = 0.2;
const VANISHED_COUNT_MIN = 3;

export interface Comparison {
  /** Leases whose server is there, with it. */
  readonly seen: readonly { readonly lease: Lease; readonly server: ServerSeen }[];
  /** Leases whose server is not in the snapshot, or shown as deleted. */
  readonly missing: readonly Lease[];
  /** Of the missing, those that were not missing in the snapshot before. */
  readonly vanishedCount: number;
  /** Servers that were there until now. */
  readonly knownCount: number;
}

/** What one server means for its lease. */
export interface Assessment {
  /** null: not a matter of this state. */
  readonly reachable: boolean | null;
  /** What somebody else did to it; null: nothing. */
  readonly changed: string | null;
  /** Its host, where the books say otherwise. */
  readonly movedTo: HostId | null;
  /** Shelved by somebody else: to be brought in line. */
  readonly shelvedOutside: boolean;
}

/** Leases of the provider with a server that nobody of us is working on. */
export function restingLeases(world: World, providerId: ProviderId): ReadonlyMap<LeaseId, Lease> {
  const resting = new Map<LeaseId, Lease>();
  for (const lease of world.leases.values()) {
    if (lease.request.demand.providerId === providerId && isResting(lease)) resting.set(lease.id, lease);
  }
  return resting;
}

/** `before`: the resting leases when the snapshot was asked for; those that moved on since are left out. */
export function compare(
  before: ReadonlyMap<LeaseId, Lease>,
  world: World,
  snapshot: ProviderSnapshot,
  missingBefore: ReadonlySet<LeaseId>,
): Comparison {
  const servers = new Map(snapshot.servers.map((server) => [server.id, server]));
  const seen: { lease: Lease; server: ServerSeen }[] = [];
  const missing: Lease[] = [];
  for (const earlier of before.values()) {
    const lease = stillThere(world, earlier);
    if (lease === null || lease.refs.serverId === null) continue;
    const server = servers.get(lease.refs.serverId);
    if (server === undefined || server.status === 'DELETED') missing.push(lease);
    else seen.push({ lease, server });
  }
  const vanishedCount = missing.filter((lease) => !missingBefore.has(lease.id)).length;
  return { seen, missing, vanishedCount, knownCount: seen.length + vanishedCount };
}

export function isMassVanishing({ vanishedCount, knownCount }: Comparison): boolean {
  return vanishedCount >= VANISHED_COUNT_MIN && vanishedCount > VANISHED_SHARE_MAX * knownCount;
}

/** The lease as it is now, if it is still in the state and has the server that it had; null: it moved on. */
export function stillThere(world: World, earlier: Lease): Lease | null {
  const lease = world.leases.get(earlier.id);
  if (lease === undefined || stateKeyOf(lease) !== stateKeyOf(earlier)) return null;
  return lease.refs.serverId === earlier.refs.serverId ? lease : null;
}

export function assess(lease: Lease, server: ServerSeen): Assessment {
  const isOffloaded = server.status === 'SHELVED_OFFLOADED' && server.taskState === null;
  if (lease.state.kind !== 'active') {
    const onShelf = server.status === 'SHELVED_OFFLOADED' || server.status === 'SHELVED';
    const changed = onShelf
      ? null
      : `the lease is on the shelf, but somebody else made its server ${server.status}`;
    return { reachable: null, changed, movedTo: null, shelvedOutside: false };
  }
  const isRunning = server.status === 'ACTIVE';
  return {
    reachable: isRunning,
    changed: isRunning ? null : `the lease is active, but its server is ${server.status}${faultOf(server)}`,
    movedTo: movedTo(lease, server),
    shelvedOutside: isOffloaded,
  };
}

/** True where a server is expected and nobody of us is working on it. */
export function isResting({ refs, state }: Lease): boolean {
  if (refs.serverId === null) return false;
  return state.kind === 'active' || state.kind === 'shelved' || (state.kind === 'queued' && state.comeback);
}

function movedTo(lease: Lease, { hostId }: ServerSeen): HostId | null {
  const claim = claimOf(lease);
  if (hostId === null || claim?.kind !== 'slot') return null;
  return claim.hostId === hostId && !claim.provisional ? null : hostId;
}

function faultOf({ fault }: ServerSeen): string {
  return fault === null ? '' : `: ${fault}`;
}
