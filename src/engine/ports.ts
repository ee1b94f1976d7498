/**
 * What the engine and the controllers need of the outside, as types. Adapters (`store`, `openstack`,
 * `declared`) implement these; nothing here does I/O.
 */
import type { FlavorId, LeaseId, ProjectId, ProviderId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceClass } from '../domain/model/host.ts';
import type { FloatingIpSeen, PortSeen, ServerSeen, Sighting, Step } from '../domain/provision/sighting.ts';
import type { EventFloor } from '../domain/model/control.ts';
import type { Change, EntityKind, Snapshot } from '../domain/model/entities.ts';
import type { Connection, Lease, ProviderRefs, Purpose } from '../domain/model/lease.ts';
import type { Setup } from '../domain/model/setup.ts';
import type { ObservedHost } from '../domain/command.ts';
import type { CloudAccount } from './cloud-account.ts';

// ---------------------------------------------------------------------------------------------------- the
// store

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
  /**
   * State names for leases, null where there was nothing. The whole entity afterwards is in the entity's
   * own table.
   */
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
  /**
   * In order; a later change of the same entity supersedes an earlier one (the store may write only the
   * last).
   */
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

/** Times in ms since the Unix epoch; null: kept for ever. */
export interface ExpiredQuery {
  readonly endedBeforeMs: number | null;
  readonly eventsBeforeMs: number | null;
  readonly limit: number;
}

export interface Expired {
  /** Leases that ended before. */
  readonly leaseIds: readonly LeaseId[];
  /** The last event that may go; null: none. */
  readonly eventFloor: EventFloor | null;
}

export interface EventQuery {
  readonly afterSeq: number;
  readonly limit: number;
  readonly projectId: ProjectId | null;
  readonly leaseId: LeaseId | null;
  readonly type: string | null;
  readonly newestFirst: boolean;
}

/** What used time can be told apart by. */
export const USAGE_KEYS = ['project', 'user', 'class', 'flavor', 'purpose'] as const;
export type UsageKey = (typeof USAGE_KEYS)[number];

export interface UsageQuery {
  /** What was held in [fromMs, untilMs), and of longer times the part within. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** null: of all. */
  readonly projectId: ProjectId | null;
  readonly ownerId: string | null;
  readonly by: readonly UsageKey[];
  /** Also what is held still, as if it was given back at `untilMs`. */
  readonly withRunning: boolean;
  readonly limit: number;
}

/** Device time of one group; null where the groups are not told apart by it. */
export interface UsageSum {
  readonly projectId: ProjectId | null;
  /** As it was called last. */
  readonly projectName: string | null;
  readonly ownerId: string | null;
  readonly deviceClass: DeviceClass | null;
  readonly flavorId: FlavorId | null;
  readonly flavorName: string | null;
  readonly purpose: Purpose | null;
  /** ms × devices. */
  readonly deviceMs: number;
}

/**
 * Failures of the store. `in_doubt`: the transaction may or may not be there; ask `hasBatch` after
 * reloading.
 */
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
  /** Leases of any age whose id begins with `prefix`, at most `limit`. */
  findLeases(prefix: string, limit: number): Promise<readonly Lease[]>;
  /** Ended leases, newest first. */
  readEndedLeases(query: {
    readonly projectId: ProjectId | null;
    readonly beforeMs: number | null;
    readonly limit: number;
  }): Promise<readonly Lease[]>;
  /** Sums over the records of usage, in no order. Costs a look at each that reaches into the time. */
  sumUsage(query: UsageQuery): Promise<readonly UsageSum[]>;
  /** ms × devices by the records of each lease; those without any are left out. At most 1000 ids. */
  readUsed(leaseIds: readonly LeaseId[]): Promise<ReadonlyMap<LeaseId, number>>;
  /** Whether an intent was ever recorded for the lease: the precondition for deleting anything outside. */
  hasIntent(leaseId: LeaseId): Promise<boolean>;
  /**
   * What has been kept for long enough, at most `limit` leases and events, the oldest first. The newest event
   * always stays.
   */
  readExpired(query: ExpiredQuery): Promise<Expired>;
  close(): Promise<void>;
}

// ------------------------------------------------------------------------------------------------- the
// providers

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

/** A server by its id and the lease that it is marked with. */
export interface SeenServer {
  readonly id: string;
  /** null: it has no mark of this deployment. */
  readonly leaseId: LeaseId | null;
}

/** A caller whose Keystone token the cloud has vouched for. */
export interface CloudCaller {
  /** The cloud that issued the token. */
  readonly providerId: ProviderId;
  /** The token itself: never logged, never stored. */
  readonly token: string;
  readonly userId: string;
  readonly userName: string;
  readonly projectId: ProjectId;
  readonly projectName: string;
  /** Names, as Keystone has them. */
  readonly roles: readonly string[];
  /** False for tokens of application credentials and of trusts: Keystone lets them make no trust. */
  readonly canDelegate: boolean;
}

/** For whom a lease is about to be made. `cloud` null: the caller has a token of Berth. */
export interface Borrower {
  readonly userId: string;
  readonly projectId: ProjectId;
  readonly cloud: CloudCaller | null;
  /** The image that the lease names; null: none. */
  readonly image: string | null;
  /** Left out: nothing. */
  readonly setup?: Setup;
}

/** Why the cloud would refuse what is asked; both are sentences. */
export interface Objection {
  readonly message: string;
  readonly fix: string;
  /** The field of the request that it is about; null: the borrower. */
  readonly field: 'image' | 'profiles' | 'network' | 'address' | null;
}

/** Whether a machine is usable by its borrower. */
export type Readiness =
  /** `notes`: what the borrower should know, a line each. */
  | { readonly ready: true; readonly notes?: readonly string[] }
  /** `failed`: it never will be, by its own account, so that waiting on is in vain. */
  | { readonly ready: false; readonly why: string; readonly failed?: boolean };

/** What a provider needs to know of a lease to do a step. */
export interface Subject {
  readonly deploymentId: string;
  readonly lease: Lease;
}

/**
 * A failed outside call. `effect: 'none'` only where the answer proves that nothing happened (4xx before the
 * act); a time-out, a dropped connection, and any 5xx leave it `unknown`.
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
 * A source of hosts and the hands that start, stop, shelve, unshelve, and snapshot on them. A provider
 * decides nothing: `plan` (domain/provision) says which step is next, `perform` makes exactly that one call.
 */
export interface Provider {
  readonly id: ProviderId;
  /** `declared`: hosts from the config file, nothing is built. `openstack`: ports, servers, floating IPs. */
  readonly kind: 'declared' | 'openstack';
  /** Borrowers reach its servers by a floating IP; known once anything of it was read. */
  readonly wantsFloatingIp: boolean;
  /** It may act on servers that it has locked, which their owners may not. */
  readonly overridesLocks: boolean;
  /** Upper limit of one call, ms: how long a lost call may still take effect. */
  readonly callTimeoutMs: number;
  /**
   * Reads everything once. What a server uses of its host counts as used by others, unless `isCounted` says
   * that a claim stands for it already. Rejects with ProviderError.
   */
  snapshot(isCounted: (server: SeenServer) => boolean): Promise<ProviderSnapshot>;
  /** Reads what exists for one lease. Rejects with ProviderError. */
  inspect(subject: Subject): Promise<Sighting>;
  /**
   * What has become of the servers of a sighting, from a look that is shared with all who ask at that time;
   * the rest of it is taken to be as it was. Rejects with ProviderError.
   */
  watch(subject: Subject, sighting: Sighting): Promise<Sighting>;
  /**
   * Makes one call; resolves with what it made. Repeating it is safe in the sense of its step. Rejects with
   * ProviderError.
   */
  perform(step: Step, subject: Subject): Promise<Partial<ProviderRefs>>;
  /** How the borrower gets in, from what is known now; null: not yet. */
  connection(subject: Subject, sighting: Sighting): Connection | null;
  /** Looks once whether the machine is usable. Bounded in time; never rejects. */
  probe(subject: Subject, connection: Connection, sighting: Sighting): Promise<Readiness>;
  /**
   * Before a lease is made: sees to it that the provider will be able to act for its borrower, and that what
   * the lease names is there. null: it will. Rejects with ProviderError where the cloud does not tell.
   */
  admit(borrower: Borrower): Promise<Objection | null>;
  /** Berth's own account there, as last seen; null: not seen yet. Left out where there is none. */
  account?(): CloudAccount | null;
}
