/**
 * Fills a store as years of use would: many ended leases, many live ones. Through the store's own commits.
 */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../src/base/clock.ts';
import { asId } from '../src/base/ids.ts';
import { HOUR_MS } from '../src/base/units.ts';
import { demandOf } from '../src/domain/commands/request.ts';
import type { UnitClaim } from '../src/domain/model/claim.ts';
import type { Change } from '../src/domain/model/entities.ts';
import { newProject } from '../src/domain/model/project.ts';
import type { Flavor } from '../src/domain/model/flavor.ts';
import type { Host } from '../src/domain/model/host.ts';
import { NO_REFS, type Lease, type LeaseState } from '../src/domain/model/lease.ts';
import type { StoredEvent } from '../src/engine/ports.ts';
import { openSqliteStore } from '../src/store/sqlite/store.ts';
import { CARDS_PER_HOST } from './service.ts';

/** Leases per commit: few commits, each well below the store's time-out. */
const GROUP = 5000;
const PROJECTS = 50;

/**
 * Hosts that carry the leases have `CARDS_PER_HOST` cards of one lease each; they and `flavor` as observed.
 */
export async function fillStore(
  dir: string,
  hosts: readonly Host[],
  flavor: Flavor,
  counts: { readonly live: number; readonly ended: number },
): Promise<void> {
  const nowMs = Date.now();
  const store = await openSqliteStore({
    dir,
    version: 'bench',
    clock: systemClock,
    ids: { next: () => randomUUID() },
  });
  const { epoch, revision: first } = await store.load();
  let revision = first;
  let seq = 0;
  const commit = async (changes: readonly Change[], events: readonly StoredEvent[]): Promise<void> => {
    revision += 1;
    await store.commit({ batchId: randomUUID(), epoch, revision, atMs: nowMs, changes, events });
  };
  await commit(
    [
      ...hosts.map((host): Change => ({ entity: 'host', id: host.id, after: host })),
      { entity: 'flavor', id: flavor.id, after: flavor },
      ...Array.from({ length: PROJECTS }, (_unused, index): Change => putProject(index)),
    ],
    [],
  );
  const total = counts.live + counts.ended;
  for (let from = 0; from < total; from += GROUP) {
    const leases = Array.from({ length: Math.min(GROUP, total - from) }, (_unused, offset) => {
      const index = from + offset;
      const state = index < counts.live ? active(hosts, index, flavor, nowMs) : ended(nowMs, index);
      return leaseOf(index, flavor, state, nowMs);
    });
    await commit(
      leases.map((lease) => ({ entity: 'lease', id: lease.id, after: lease })),
      leases.map((lease) => eventOf(lease, (seq += 1), nowMs)),
    );
  }
  await store.close();
}

function putProject(index: number): Change {
  const id = projectOf(index);
  return {
    entity: 'project',
    id,
    after: newProject(id, id),
  };
}

function projectOf(index: number): Lease['projectId'] {
  return asId(`project-${index % PROJECTS}`);
}

function active(hosts: readonly Host[], index: number, flavor: Flavor, nowMs: number): LeaseState {
  const host = hosts[Math.floor(index / CARDS_PER_HOST)];
  const device = host?.devices[index % CARDS_PER_HOST];
  if (host === undefined || device === undefined) throw new RangeError('more live leases than cards');
  // Spread over a day, so that none ends while the start is measured.
  const expiresAtMs = nowMs + HOUR_MS + (index % 86_400) * 1000;
  const claim: UnitClaim = {
    kind: 'unit',
    hostId: host.id,
    deviceIds: [device.id],
    resources: flavor.resources,
    devices: flavor.devices,
    fromMs: nowMs,
    untilMs: expiresAtMs,
  };
  const connection = { host: '192.0.2.17', port: 22, user: 'ubuntu' };
  return {
    kind: 'active',
    sinceMs: nowMs,
    claim,
    expiresAtMs,
    connection,
    warnedMs: null,
    renewedAtMs: null,
    graceUntilMs: null,
  };
}

function ended(nowMs: number, index: number): LeaseState {
  return { kind: 'ended', atMs: nowMs - index * 1000, reason: 'released', cause: null };
}

function leaseOf(index: number, flavor: Flavor, state: LeaseState, nowMs: number): Lease {
  return {
    id: asId(randomUUID()),
    projectId: projectOf(index),
    ownerId: `user-${index % 500}`,
    name: `training-${index}`,
    createdAtMs: nowMs - index * 1000,
    generation: 3,
    request: {
      flavorId: flavor.id,
      flavorName: flavor.name,
      demand: demandOf(flavor, null),
      durationMs: HOUR_MS,
      atEnd: 'delete',
      renew: false,
      role: 'member',
      scratchGiB: 0,
      image: null,
      sshPublicKey: null,
      purpose: 'interactive',
      exempt: null,
    },
    reservationId: null,
    ticket: null,
    refs: NO_REFS,
    unreachableSinceMs: null,
    setbacks: [],
    usedDeviceMs: 0,
    claimedAtMs: state.kind === 'active' ? nowMs : null,
    state,
  };
}

function eventOf({ id, projectId, state }: Lease, seq: number, atMs: number): StoredEvent {
  return {
    seq,
    atMs,
    actor: 'user:bench',
    type: state.kind === 'ended' ? 'lease.ended' : 'lease.activated',
    entity: 'lease',
    id,
    projectId,
    reason: null,
    data: {},
    before: state.kind === 'ended' ? 'ending' : 'starting',
    after: state.kind,
  };
}
