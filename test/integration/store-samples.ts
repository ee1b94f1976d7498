/** Entities and batches for the store's tests and benchmark: complete, plausible, and easy to vary. */
import { asId } from '../../src/base/ids.ts';
import type { Claim } from '../../src/domain/model/claim.ts';
import type { Change } from '../../src/domain/model/entities.ts';
import type { Device, Host } from '../../src/domain/model/host.ts';
import { NO_REFS, type Lease, type LeaseState } from '../../src/domain/model/lease.ts';
import type { CommitBatch, LoadedState, StoredEvent } from '../../src/engine/ports.ts';

export const NOW_MS = 1_795_250_000_000;
export const PROVIDER = asId<'provider'>('cloud');

export function sampleHost(id: string, more: Partial<Host> = {}): Host {
  return {
    id: asId(id),
    providerId: PROVIDER,
    name: `${id}.example.org`,
    claimKind: 'slot',
    capacity: { vcpus: 64, memoryMiB: 524_288, diskGiB: 2000 },
    devices: [],
    slots: { V100: 4 },
    foreign: { resources: { vcpus: 0, memoryMiB: 0, diskGiB: 0 }, devices: {} },
    status: { kind: 'up' },
    drain: null,
    ...more,
  };
}

export function sampleDevice(id: string, more: Partial<Device> = {}): Device {
  return {
    id: asId(id),
    deviceClass: 'rtx2080',
    address: '0000:3b:00.0',
    iommuGroup: null,
    numaNode: 0,
    parentId: null,
    quarantine: null,
    ...more,
  };
}

export function unitHost(id: string, devices: readonly Device[]): Host {
  return sampleHost(id, { claimKind: 'unit', devices, slots: {} });
}

const CLAIM = {
  resources: { vcpus: 8, memoryMiB: 65_536, diskGiB: 100 },
  fromMs: NOW_MS,
  untilMs: NOW_MS + 3_600_000,
};

export function slotClaim(hostId: string, count: number, provisional = true): Claim {
  return { ...CLAIM, kind: 'slot', hostId: asId(hostId), devices: { V100: count }, provisional };
}

export function unitClaim(hostId: string, deviceIds: readonly string[]): Claim {
  const devices = { rtx2080: deviceIds.length };
  return {
    ...CLAIM,
    kind: 'unit',
    hostId: asId(hostId),
    devices,
    deviceIds: deviceIds.map((id) => asId(id)),
  };
}

export function starting(claim: Claim): LeaseState {
  return {
    kind: 'starting',
    sinceMs: NOW_MS,
    queueSeq: 1,
    waitUntilMs: null,
    claim,
    deadlineMs: NOW_MS + 900_000,
    comeback: false,
    progress: 'waiting',
    obstacle: null,
    calledHome: false,
  };
}

export function active(claim: Claim): LeaseState {
  return {
    kind: 'active',
    sinceMs: NOW_MS,
    claim,
    expiresAtMs: NOW_MS + 3_600_000,
    connection: { host: '192.0.2.17', port: 22, user: 'ubuntu' },
    warnedMs: null,
    renewedAtMs: null,
    graceUntilMs: null,
  };
}

export function ended(atMs: number): LeaseState {
  return { kind: 'ended', atMs, reason: 'released', cause: null };
}

export function sampleLease(id: string, state: LeaseState, more: Partial<Lease> = {}): Lease {
  return {
    id: asId(id),
    projectId: asId('p1'),
    ownerId: 'u1',
    name: 'training',
    createdAtMs: NOW_MS,
    generation: 1,
    request: {
      flavorId: asId('f1'),
      flavorName: 'gpu.v100',
      demand: {
        providerId: PROVIDER,
        resources: CLAIM.resources,
        devices: { V100: 1 },
        hostId: null,
        key: 'cloud|8/65536/100|V100:1',
      },
      durationMs: 3_600_000,
      atEnd: 'shelve',
      renew: false,
      role: 'member',
      scratchGiB: 0,
      image: 'ubuntu-24.04',
      purpose: 'ci',
      exempt: null,
      sshPublicKey:
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Hq0cCkN8yqvV5o6k8qk4eXx5vJ0Z0q0b8y0v9m1Zk user@example.org',
    },
    reservationId: null,
    ticket: null,
    refs: NO_REFS,
    unreachableSinceMs: null,
    setbacks: [],
    usedDeviceMs: 0,
    claimedAtMs: null,
    state,
    ...more,
  };
}

export function put(lease: Lease): Change {
  return { entity: 'lease', id: lease.id, after: lease };
}

export function putHost(host: Host): Change {
  return { entity: 'host', id: host.id, after: host };
}

export function sampleEvent(seq: number, more: Partial<StoredEvent> = {}): StoredEvent {
  return {
    seq,
    atMs: NOW_MS,
    actor: 'user:u1@p1',
    type: 'lease.granted',
    entity: 'lease',
    id: 'l1',
    projectId: asId('p1'),
    reason: 'placed where it leaves the least fragmentation',
    data: { hostId: 'h1', devices: { V100: 1 } },
    before: 'queued',
    after: 'starting',
    ...more,
  };
}

/** Batches that follow each other as the engine makes them. */
export function batchMaker(
  loaded: LoadedState,
): (changes: readonly Change[], events?: readonly StoredEvent[]) => CommitBatch {
  let revision = loaded.revision;
  return (changes, events = []) => {
    revision += 1;
    const batchId = `batch-${loaded.epoch}-${revision}`;
    return { batchId, epoch: loaded.epoch, revision, atMs: NOW_MS + revision, changes, events };
  };
}
