/**
 * What the engine and the controllers need of the outside, as types. Adapters (`store`, `openstack`, `declared`)
 * implement these; nothing here does I/O.
 */
import type { HostId, LeaseId, ProjectId, ProviderId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { Change, EntityKind, Snapshot } from '../domain/model/entities.ts';
import type { Connection, Lease, ProviderRefs } from '../domain/model/lease.ts';
import type { ObservedHost } from '../domain/command.ts';

// ---------------------------------------------------------------------------------------------------- the store

/** An event as it is kept: number, time, who, what, why, before and after. */
export interface StoredEvent {
  /** Ascending without gaps over the whole store; also the position for resuming a stream. */
  readonly seq: number;
  readonly atMs: number;
  readonly actor: string;
  readonly type: string;
  readonly entity: EntityKind;
  readonly id: string;
  /** The project that may see it; null: only admins (or everybody for hosts and flavors, see the view). */
  readonly projectId: ProjectId | null;
  readonly reason: string | null;
  readonly data: { readonly [key: string]: Json };
  /** State names for leases, null where there was nothing. The whole entity afterwards is in the entity's own table. */
  readonly before: string | null;
  readonly after: string | null;
}

/** All that one group commit writes: one transaction. */
export interface CommitBatch {
  /** Unique; stored with the batch so that an in-doubt COMMIT can be looked up. */
  readonly batchId: string;
  /** The epoch that `open` handed out; a newer one in the store refuses the batch (fencing). */
  readonly epoch: number;
  /** Revision after this batch. */
  readonly revision: number;
  readonly atMs: number;
  /** In order; a later change of the same entity supersedes an earlier one (the store may write only the last). */
  readonly changes: readonly Change[];
  readonly events: readonly StoredEvent[];
}

export interface LoadedState {
  readonly snapshot: Snapshot;
  /** Last committed revision and event number; 0 in a new store. */
  readonly revision: number;
  readonly eventSeq: number;
  /** Time of the last commit, to notice a wall clock that went back while nobody ran. 0 in a new store. */
  readonly lastCommitAtMs: number;
  readonly epoch: number;
  /** True if the store was made by this opening. */
  readonly created: boolean;
}

export interface EventQuery {
  readonly afterSeq: number;
  readonly limit: number;
  readonly projectId: ProjectId | null;
  readonly leaseId: LeaseId | null;
  readonly type: string | null;
  readonly newestFirst: boolean;
}

/** Failures of the store. `in_doubt`: the transaction may or may not be there; ask `hasBatch` after reloading. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'in_doubt' | 'refused' | 'fenced' | 'full' | 'closed' | 'corrupt';
  constructor(code: StoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface Store {
  /** Loads everything live and takes a new epoch. May be called again after a failed commit. */
  load(): Promise<LoadedState>;
  /** All or nothing. Rejects with StoreError. */
  commit(batch: CommitBatch): Promise<void>;
  hasBatch(batchId: string): Promise<boolean>;
  readEvents(query: EventQuery): Promise<readonly StoredEvent[]>;
  /** A lease of any age, ended ones included; null if there was never one. */
  readLease(leaseId: LeaseId): Promise<Lease | null>;
  /** Ended leases, newest first. */
  readEndedLeases(query: {
    readonly projectId: ProjectId | null;
    readonly beforeMs: number | null;
    readonly limit: number;
  }): Promise<readonly Lease[]>;
  /** Whether an intent was ever recorded for the lease: the precondition for deleting anything outside. */
  hasIntent(leaseId: LeaseId): Promise<boolean>;
  close(): Promise<void>;
}

// ------------------------------------------------------------------------------------------------- the providers

/** A server as the cloud shows it (Nova's status names; others are `OTHER`). */
export interface ServerSeen {
  readonly id: string;
  readonly name: string;
  readonly status:
    | 'BUILD'
    | 'ACTIVE'
    | 'SHUTOFF'
    | 'SHELVED'
    | 'SHELVED_OFFLOADED'
    | 'ERROR'
    | 'DELETED'
    | 'OTHER';
  readonly taskState: string | null;
  /** Our host id when Nova shows the host (admin); null when it has none or hides it. */
  readonly hostId: HostId | null;
  readonly fault: string | null;
  /** Deployment and lease id from the Berth tag (or metadata); null: not ours to know. */
  readonly berth: { readonly deploymentId: string; readonly leaseId: LeaseId } | null;
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
  readonly berth: ServerSeen['berth'];
}

export interface FloatingIpSeen {
  readonly id: string;
  readonly address: string;
  readonly portId: string | null;
  readonly berth: ServerSeen['berth'];
}

/** Everything that the provider shows at one time; one poll whatever the number of leases. */
export interface ProviderSnapshot {
  readonly hosts: readonly ObservedHost[];
  readonly flavors: readonly Flavor[];
  /** Every server with a Berth tag of any deployment, and every other one that holds devices. */
  readonly servers: readonly ServerSeen[];
  readonly ports: readonly PortSeen[];
  readonly floatingIps: readonly FloatingIpSeen[];
  /** Things that were left out or look wrong, for the operator. */
  readonly warnings: readonly string[];
  /** The provider's own clock (HTTP Date), ms; null: it has none. */
  readonly dateMs: number | null;
}

/** What exists outside for one lease, found by its refs and its tag. */
export interface Sighting {
  readonly port: PortSeen | null;
  /** Normally one or none; two only after a repeated POST whose loser is still there. */
  readonly servers: readonly ServerSeen[];
  readonly floatingIp: FloatingIpSeen | null;
  /** The provider's own clock (HTTP Date), ms; null: it has none. */
  readonly dateMs: number | null;
}

/** What a provider needs to know of a lease to do a step. */
export interface Subject {
  readonly deploymentId: string;
  readonly lease: Lease;
}

/** One mutating outside call. Names are persisted in intents and shown to operators. */
export type Step =
  | { readonly kind: 'createPort' }
  | { readonly kind: 'createServer' }
  | { readonly kind: 'createFloatingIp' }
  | { readonly kind: 'deleteFloatingIp'; readonly id: string }
  | { readonly kind: 'deleteServer'; readonly id: string }
  | { readonly kind: 'deletePort'; readonly id: string }
  | { readonly kind: 'shelve'; readonly id: string }
  | { readonly kind: 'shelveOffload'; readonly id: string }
  | { readonly kind: 'unshelve'; readonly id: string }
  | { readonly kind: 'snapshot'; readonly id: string; readonly name: string };

export type StepKind = Step['kind'];

/** Where a lease is to be brought; each is a loop of observe → plan → one step. */
export type Goal = 'running' | 'shelved' | 'gone';

/**
 * A failed outside call. `effect: 'none'` only where the answer proves that nothing happened (4xx before the act);
 * a time-out, a dropped connection, and any 5xx leave it `unknown`.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code:
    | 'unauthorized'
    | 'forbidden'
    | 'not_found'
    | 'conflict'
    | 'quota'
    | 'bad_request'
    | 'rate_limited'
    | 'unavailable'
    | 'no_reply'
    | 'unsupported';
  readonly effect: 'none' | 'unknown';
  /** From Retry-After, ms. */
  readonly retryAfterMs: number | null;
  constructor(
    code: ProviderError['code'],
    effect: 'none' | 'unknown',
    message: string,
    options?: ErrorOptions & { readonly retryAfterMs?: number | null },
  ) {
    super(message, options);
    this.code = code;
    this.effect = effect;
    this.retryAfterMs = options?.retryAfterMs ?? null;
  }
}

/**
 * A source of hosts and the hands that start, stop, shelve, unshelve, and snapshot on them. A provider decides
 * nothing: `plan` (domain/provision) says which step is next, `perform` makes exactly that one call.
 */
export interface Provider {
  readonly id: ProviderId;
  /** `declared`: hosts from the config file, nothing is built. `openstack`: ports, servers, floating IPs. */
  readonly kind: 'declared' | 'openstack';
  /** Upper limit of one call, ms: how long a lost call may still take effect. */
  readonly callTimeoutMs: number;
  /** Reads everything once. Rejects with ProviderError. */
  snapshot(): Promise<ProviderSnapshot>;
  /** Reads what exists for one lease. Rejects with ProviderError. */
  inspect(subject: Subject): Promise<Sighting>;
  /** Makes one call; resolves with what it made. Repeating it is safe in the sense of its step. Rejects with ProviderError. */
  perform(step: Step, subject: Subject): Promise<Partial<ProviderRefs>>;
  /** How the borrower gets in, from what is known now; null: not yet. */
  connection(subject: Subject, sighting: Sighting): Connection | null;
}
