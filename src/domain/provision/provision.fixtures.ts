import { asId, type LeaseId } from '../../base/ids.ts';
import { NO_REFS, type Lease, type LeaseState } from '../model/lease.ts';
import type { FloatingIpSeen, PortSeen, ServerSeen, ServerStatus } from './sighting.ts';

/** Values for the tests of this folder: one lease and what could be seen of it. */
const LEASE_ID: LeaseId = asId('11111111-2222-4333-8444-555555555555');
export const BERTH = { deploymentId: 'd0d0d0d0', leaseId: LEASE_ID };

const CLAIM = {
  kind: 'slot',
  provisional: true,
  hostId: asId<'host'>('cloud:gpu1'),
  resources: { vcpus: 4, memoryMiB: 2048, diskGiB: 20 },
  devices: { V100: 1 },
  fromMs: 0,
  untilMs: 1_000_000,
} as const;

export const STATES = {
  starting: {
    kind: 'starting',
    sinceMs: 0,
    queueSeq: 1,
    waitUntilMs: null,
    claim: CLAIM,
    deadlineMs: 900_000,
    comeback: false,
    progress: 'waiting',
    obstacle: null,
    calledHome: false,
  },
  comeback: {
    kind: 'starting',
    sinceMs: 0,
    queueSeq: 1,
    waitUntilMs: null,
    claim: CLAIM,
    deadlineMs: 900_000,
    comeback: true,
    progress: 'waiting',
    obstacle: null,
    calledHome: false,
  },
  active: {
    kind: 'active',
    sinceMs: 0,
    claim: CLAIM,
    expiresAtMs: 1_000_000,
    connection: { host: '203.0.113.10', port: 22, user: 'ubuntu' },
    warnedMs: null,
    renewedAtMs: null,
    graceUntilMs: null,
  },
  shelving: { kind: 'shelving', sinceMs: 0, claim: CLAIM, reason: 'expired', again: null },
  ending: {
    kind: 'ending',
    sinceMs: 0,
    claim: CLAIM,
    then: { kind: 'end', reason: 'released', cause: null },
  },
} as const satisfies Record<string, LeaseState>;

export function leaseIn(state: LeaseState, refs: Partial<Lease['refs']> = {}): Lease {
  return {
    id: LEASE_ID,
    projectId: asId('p1'),
    ownerId: 'u1',
    name: 'train',
    createdAtMs: 0,
    generation: 3,
    request: {
      flavorId: asId('f1'),
      flavorName: 'gpu_tiny',
      demand: {
        providerId: asId('cloud'),
        resources: { vcpus: 4, memoryMiB: 2048, diskGiB: 20 },
        devices: { V100: 1 },
        hostId: null,
        key: 'k',
      },
      durationMs: 3_600_000,
      atEnd: 'shelve',
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
    refs: { ...NO_REFS, ...refs },
    unreachableSinceMs: null,
    setbacks: [],
    usedDeviceMs: 0,
    claimedAtMs: null,
    state,
  };
}

export function serverSeen(id: string, status: ServerStatus, more: Partial<ServerSeen> = {}): ServerSeen {
  return {
    id,
    name: 'train',
    projectId: 'ml',
    userId: 'ada',
    status,
    taskState: null,
    hostId: null,
    fault: null,
    berth: BERTH,
    flavorName: 'gpu_tiny',
    terms: { durationMs: null, atEnd: null },
    launchedAtMs: null,
    locked: false,
    createdAtMs: 0,
    ...more,
  };
}

export function portSeen(serverId: string | null): PortSeen {
  return { id: 'port', serverId, address: '10.0.0.5', berth: BERTH };
}

export function floatingIpSeen(portId: string | null): FloatingIpSeen {
  return { id: 'fip', address: '203.0.113.10', portId, berth: BERTH };
}
