/** One lease in each state, for the tests of the machine and of the specification. */
import { asId } from '../../base/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Claim } from '../model/claim.ts';
import {
  NO_REFS,
  type Lease,
  type LeaseState,
  type LeaseStateKind,
  type ProviderRefs,
} from '../model/lease.ts';
import type { LeaseEvent, LeaseEventType } from './machine.ts';

export const BEGAN_MS = Date.UTC(2026, 10, 21, 12, 0, 0);
export const NOW_MS = BEGAN_MS + 10 * MINUTE_MS;
export const DURATION_MS = HOUR_MS;
export const WAIT_UNTIL_MS = BEGAN_MS + HOUR_MS;
export const END_ESTIMATE_MS = 2 * MINUTE_MS;
export const KEEP_UNTIL_MS = NOW_MS + 30 * DAY_MS;

/** Two cards, so that device time and time differ. */
export const CLAIM: Claim = {
  kind: 'slot',
  provisional: true,
  hostId: asId('h1'),
  resources: { vcpus: 8, memoryMiB: 8192, diskGiB: 20 },
  devices: { V100: 2 },
  fromMs: BEGAN_MS,
  untilMs: BEGAN_MS + DURATION_MS,
};

export const OTHER_CLAIM: Claim = { ...CLAIM, hostId: asId('h2'), provisional: false };

export const SERVER_REFS: ProviderRefs = { ...NO_REFS, portId: 'port-1', serverId: 'server-1' };

type StateOf<K extends LeaseStateKind> = Extract<LeaseState, { readonly kind: K }>;

const STATES: { readonly [K in LeaseStateKind]: StateOf<K> } = {
  reserved: { kind: 'reserved', claim: CLAIM },
  queued: {
    kind: 'queued',
    sinceMs: BEGAN_MS,
    queueSeq: 7,
    waitUntilMs: WAIT_UNTIL_MS,
    promise: { hostId: asId('h1'), startMs: NOW_MS },
    comeback: false,
  },
  starting: {
    kind: 'starting',
    sinceMs: BEGAN_MS,
    queueSeq: 7,
    waitUntilMs: WAIT_UNTIL_MS,
    claim: CLAIM,
    deadlineMs: BEGAN_MS + HOUR_MS,
    comeback: false,
    progress: 'waiting',
    obstacle: null,
    calledHome: false,
  },
  active: {
    kind: 'active',
    sinceMs: BEGAN_MS,
    claim: CLAIM,
    expiresAtMs: BEGAN_MS + DURATION_MS,
    connection: { host: '192.0.2.7', port: 22, user: 'ubuntu' },
    warnedMs: null,
    renewedAtMs: null,
    graceUntilMs: null,
  },
  shelving: { kind: 'shelving', sinceMs: BEGAN_MS, claim: CLAIM, reason: 'asked', again: null },
  shelved: { kind: 'shelved', sinceMs: BEGAN_MS, keepUntilMs: null, warnedMs: null },
  ending: {
    kind: 'ending',
    sinceMs: BEGAN_MS,
    claim: CLAIM,
    then: { kind: 'end', reason: 'released', cause: null },
  },
  ended: { kind: 'ended', atMs: BEGAN_MS, reason: 'released', cause: null },
};

/** Nothing of these exists outside before their first start. */
const WITHOUT_SERVER: ReadonlySet<LeaseStateKind> = new Set(['reserved', 'queued', 'ended']);
const HOLDING: ReadonlySet<LeaseStateKind> = new Set(['starting', 'active', 'shelving', 'ending']);

export const STATE_KINDS = Object.values(STATES).map(({ kind }) => kind);

/** A lease in that state: one failure behind it, reachable, with a server where there is one by then. */
export function leaseIn(kind: LeaseStateKind, more: Partial<Lease> = {}): Lease {
  return {
    id: asId('lease-1'),
    projectId: asId('demo'),
    ownerId: 'ann',
    name: 'training',
    createdAtMs: BEGAN_MS,
    generation: 3,
    request: {
      flavorId: asId('two'),
      flavorName: 'two',
      demand: {
        providerId: asId('p'),
        resources: CLAIM.resources,
        devices: CLAIM.devices,
        hostId: null,
        key: 'two',
      },
      durationMs: DURATION_MS,
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
    refs: WITHOUT_SERVER.has(kind) ? NO_REFS : SERVER_REFS,
    unreachableSinceMs: null,
    setbacks: [{ atMs: BEGAN_MS, code: 'no_valid_host', message: 'No valid host', hostId: asId('h3') }],
    usedDeviceMs: 1000,
    claimedAtMs: HOLDING.has(kind) ? BEGAN_MS : null,
    state: STATES[kind],
    ...more,
  };
}

/** As `leaseIn`, with some fields of the state replaced. */
export function leaseWith<K extends LeaseStateKind>(
  kind: K,
  fields: Partial<StateOf<K>>,
  more: Partial<Lease> = {},
): Lease {
  return leaseIn(kind, { state: { ...STATES[kind], ...fields }, ...more });
}

/** One event of each type, such that it means something wherever its type does. */
export const EVENTS: { readonly [T in LeaseEventType]: Extract<LeaseEvent, { readonly type: T }> } = {
  grant: { type: 'grant', claim: CLAIM, deadlineMs: NOW_MS + HOUR_MS },
  promise: { type: 'promise', promise: { hostId: asId('h2'), startMs: NOW_MS + HOUR_MS } },
  windowBegins: { type: 'windowBegins', queueSeq: 9, waitUntilMs: null },
  waitedOut: { type: 'waitedOut', keepUntilMs: KEEP_UNTIL_MS },
  progress: { type: 'progress', progress: 'building', obstacle: null },
  calledHome: { type: 'calledHome' },
  setupTold: { type: 'setupTold', word: '1/2 cuda: installing CUDA 12.4' },
  ready: {
    type: 'ready',
    connection: { host: '192.0.2.8', port: 22, user: 'ubuntu' },
    endEstimateMs: END_ESTIMATE_MS,
  },
  retryElsewhere: { type: 'retryElsewhere' },
  fail: { type: 'fail', cause: 'image not found' },
  extend: { type: 'extend', expiresAtMs: NOW_MS + 2 * HOUR_MS, endEstimateMs: END_ESTIMATE_MS },
  renew: { type: 'renew', expiresAtMs: NOW_MS + 2 * HOUR_MS, endEstimateMs: END_ESTIMATE_MS },
  warn: { type: 'warn', beforeMs: HOUR_MS },
  grace: { type: 'grace', untilMs: NOW_MS + MINUTE_MS },
  expire: { type: 'expire', again: null },
  release: { type: 'release' },
  shelve: { type: 'shelve' },
  offloaded: { type: 'offloaded', keepUntilMs: KEEP_UNTIL_MS },
  unshelvable: { type: 'unshelvable', cause: 'no space left on the image store' },
  keep: { type: 'keep', untilMs: KEEP_UNTIL_MS },
  unshelve: {
    type: 'unshelve',
    queueSeq: 11,
    waitUntilMs: NOW_MS + HOUR_MS,
    durationMs: 2 * HOUR_MS,
    exempt: null,
  },
  gone: { type: 'gone' },
  lost: { type: 'lost', reason: 'host_lost', cause: 'host h1 is down' },
  relocate: { type: 'relocate', claim: OTHER_CLAIM },
  refs: { type: 'refs', refs: { floatingIpId: 'fip-1' } },
  setback: {
    type: 'setback',
    setback: { atMs: NOW_MS, code: 'quota', message: 'Quota exceeded', hostId: null },
  },
  forgive: { type: 'forgive', beforeMs: BEGAN_MS },
  reach: { type: 'reach', reachable: false },
  ticket: { type: 'ticket', ticket: { kind: 'now' } },
};
