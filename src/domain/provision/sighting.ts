/**
 * What a provider shows of one lease, and the steps that can be taken for it: the vocabulary of `plan`. Owns
 * types only; what they mean for a lease is decided in `plan.ts`, how they are read and made is the adapters'
 * business.
 */
import type { HostId, LeaseId } from '../../base/ids.ts';
import type { AtEnd } from '../model/lease.ts';

/** The mark that everything made for a lease carries; null: not ours to know. */
export type BerthMark = { readonly deploymentId: string; readonly leaseId: LeaseId } | null;

/**
 * Nova's status names, as far as a decision depends on them. Soft-deleted, paused, unknown and so on:
 * `OTHER`.
 */
export const SERVER_STATUSES = [
  'BUILD',
  'ACTIVE',
  'SHUTOFF',
  'SHELVED',
  'SHELVED_OFFLOADED',
  'ERROR',
  'DELETED',
  'OTHER',
] as const;
export type ServerStatus = (typeof SERVER_STATUSES)[number];

/** What a server says of its lease beside whose it is; null: nothing. */
export interface Terms {
  /** For how long it was lent, ms; extensions do not count. */
  readonly durationMs: number | null;
  readonly atEnd: AtEnd | null;
}

/** A server as the cloud shows it. */
export interface ServerSeen {
  readonly id: string;
  readonly name: string;
  /** Whose it is, by the cloud's ids; null: it does not tell. */
  readonly projectId: string | null;
  readonly userId: string | null;
  readonly status: ServerStatus;
  /** What Nova is doing with it right now; null: nothing. */
  readonly taskState: string | null;
  /** null when it has no host (building, offloaded) or Nova hides it. */
  readonly hostId: HostId | null;
  readonly fault: string | null;
  readonly berth: BerthMark;
  readonly terms: Terms;
  readonly flavorName: string | null;
  readonly launchedAtMs: number | null;
  readonly locked: boolean;
  readonly createdAtMs: number | null;
}

export interface PortSeen {
  readonly id: string;
  /** The server that it is plugged into. */
  readonly serverId: string | null;
  readonly address: string | null;
  readonly berth: BerthMark;
}

export interface FloatingIpSeen {
  readonly id: string;
  readonly address: string;
  readonly portId: string | null;
  readonly berth: BerthMark;
}

/** What exists outside for one lease, found by its refs and its mark. */
export interface Sighting {
  readonly port: PortSeen | null;
  /** Normally one or none; two only after a repeated POST whose loser is still there. */
  readonly servers: readonly ServerSeen[];
  readonly floatingIp: FloatingIpSeen | null;
  /** The provider's own clock (HTTP Date), ms; null: it has none. */
  readonly dateMs: number | null;
}

/** One mutating outside call. Names are persisted in intents and shown to operators. */
export type Step =
  | { readonly kind: 'createPort' }
  | { readonly kind: 'createServer' }
  | { readonly kind: 'createFloatingIp' }
  /** Leads a floating IP of the lease to its port again. */
  | { readonly kind: 'associateFloatingIp'; readonly id: string; readonly portId: string }
  | { readonly kind: 'deleteFloatingIp'; readonly id: string }
  | { readonly kind: 'deleteServer'; readonly id: string }
  | { readonly kind: 'deletePort'; readonly id: string }
  | { readonly kind: 'shelve'; readonly id: string }
  | { readonly kind: 'shelveOffload'; readonly id: string }
  | { readonly kind: 'unshelve'; readonly id: string }
  /** So that its owner does not bring it back past the queue. */
  | { readonly kind: 'lock'; readonly id: string; readonly reason: string }
  | { readonly kind: 'unlock'; readonly id: string }
  /**
   * Takes a server out of ERROR, so that it can be shelved; nothing happens to the machine or its disk. An
   * administrator's right.
   */
  | { readonly kind: 'resetState'; readonly id: string }
  | { readonly kind: 'snapshot'; readonly id: string; readonly name: string };

export type StepKind = Step['kind'];

/** Of a lease for which nothing was ever announced: there is nothing to look for. */
export const NOTHING_SEEN: Sighting = { port: null, servers: [], floatingIp: null, dateMs: null };

/** Where a lease is to be brought. */
export type Goal = 'running' | 'shelved' | 'gone';
