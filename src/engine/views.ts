/**
 * What the doors (HTTP, console, CLI through them) may read and do, always as somebody: every call of a
 * `Session` is authorized here, so no route can forget it. What the actor may not see is answered as if it
 * did not exist.
 */
import type { HostId, LeaseId, ProjectId, ProviderId } from '../base/ids.ts';
import type { Account } from '../domain/accounts.ts';
import type { Actor } from '../domain/actor.ts';
import type { Command, Wanted } from '../domain/command.ts';
import type { Refusal, Reply, WaitReason } from '../domain/decision.ts';
import type { Control, EventFloor } from '../domain/model/control.ts';
import type { Finding } from '../domain/model/finding.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceCounts, Host } from '../domain/model/host.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { Project } from '../domain/model/project.ts';
import type { ServerSeen } from '../domain/provision/sighting.ts';
import type { Token } from '../domain/model/token.ts';
import type { Json } from '../base/json.ts';
import type { CloudAccount } from './cloud-account.ts';
import type { CloudCaller, EventQuery, StoredEvent } from './ports.ts';
import type { UsageQuestion, UsageReport } from './usage.ts';

/** A lease with what only the whole world knows about it. */
export interface LeaseView {
  readonly lease: Lease;
  /** 1-based place in the queue over all projects; null when not queued. */
  readonly position: number | null;
  /** Expected start (queued) or null: not queued, or nothing known ends. */
  readonly forecastMs: number | null;
  /** Why it waits: the reasons with the number of hosts that each rules out. */
  readonly waitReasons: Readonly<Partial<Record<WaitReason, number>>>;
  /** The name of its host, when it has one. */
  readonly hostName: string | null;
  /** What its project is called, where that is known. */
  readonly projectName: string | null;
}

export interface FlavorView {
  readonly flavor: Flavor;
  /** How many leases of it fit at once on all healthy hosts, and how many right now. */
  readonly total: number;
  /** null: nobody knows, since what others use of its cloud is not seen. */
  readonly available: number | null;
  /** When its cloud was last seen as a whole; null: not since the service began. */
  readonly observedAtMs: number | null;
  /** What a reader of the numbers should know, a sentence without its full stop; null: nothing. */
  readonly note: string | null;
  /** When the next one gets free if none is now; null: one is free, or nothing known ends. */
  readonly nextFreeMs: number | null;
}

export interface HostView {
  readonly host: Host;
  readonly devicesTotal: DeviceCounts;
  readonly devicesFree: DeviceCounts;
  readonly vcpusUsed: number;
  readonly memoryUsedMiB: number;
  readonly diskUsedGiB: number;
  /** Leases on it that the actor may see. */
  readonly leaseIds: readonly LeaseId[];
  readonly leaseCount: number;
}

export interface QueueEntryView {
  readonly position: number;
  /** null where the entry belongs to a project that the actor may not see. */
  readonly leaseId: LeaseId | null;
  readonly projectId: ProjectId | null;
  readonly flavorName: string | null;
  readonly sinceMs: number;
  readonly forecastMs: number | null;
}

export interface HostExplanation {
  readonly hostId: HostId;
  readonly hostName: string;
  readonly possible: boolean;
  /** Empty when possible. `text` is a sentence with the numbers. */
  readonly reasons: readonly { readonly code: WaitReason; readonly text: string }[];
  /** Earliest time at which it fits here as things stand; null: nothing known ends. */
  readonly earliestMs: number | null;
}

export interface Explanation {
  /** True exactly when the same request would be granted now. */
  readonly possible: boolean;
  /** Reasons that are about no single host (quota, frozen, queue …). */
  readonly reasons: readonly { readonly code: WaitReason; readonly text: string }[];
  readonly flavorName: string;
  readonly earliestMs: number | null;
  readonly hosts: readonly HostExplanation[];
}

export interface StatusView {
  readonly revision: number;
  readonly nowMs: number;
  readonly control: Control;
  readonly leaseCounts: Readonly<Record<string, number>>;
  readonly providers: readonly ProviderStatus[];
  /** What would be done outside if the service were allowed to: while it is frozen, or only observes. */
  readonly plannedSteps: readonly PlannedStepView[];
}

export interface PlannedStepView {
  readonly leaseId: LeaseId;
  /** e.g. `createServer`. */
  readonly step: string;
  readonly why: string;
}

export interface ProviderStatus {
  readonly id: string;
  readonly kind: string;
  readonly reachable: boolean;
  /** Time of the newest complete observation; null: none yet. */
  readonly observedAtMs: number | null;
  readonly error: string | null;
  readonly warnings: readonly string[];
  /** Berth's own account there; null: there is none, or it was not seen yet. */
  readonly account: CloudAccount | null;
}

/** A server with a Berth mark that no lease has: made twice, or of a store that was lost. */
export interface AdoptableView {
  readonly providerId: ProviderId;
  readonly server: ServerSeen;
  /** The host that it runs on; null: none, or not one that is lent. */
  readonly hostName: string | null;
  readonly portId: string | null;
  readonly floatingIpId: string | null;
  /** Where its borrower connects (floating address, else fixed). */
  readonly address: string | null;
}

/** What is held and used in a project, at one moment. */
export interface ProjectUse {
  /** The present month, as the accounts number it, and as an interval. */
  readonly month: number;
  readonly monthFromMs: number;
  readonly monthUntilMs: number;
  readonly project: Readonly<Account>;
  /** Of the actor in it. */
  readonly user: Readonly<Account>;
}

export interface Idempotency {
  /** The caller's key, scoped by the session to its project and user. */
  readonly key: string;
  /** SHA-256 (hex) over method, path and body. */
  readonly requestHash: string;
}

export type Outcome =
  | {
      readonly ok: true;
      readonly reply: Reply;
      readonly revision: number;
      /** Answered before. */ readonly replayed: boolean;
    }
  | { readonly ok: false; readonly refusal: Refusal };

export type Found<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export interface ExplainQuery {
  readonly wanted: Wanted;
  readonly projectId: ProjectId;
  readonly hostId: HostId | null;
  readonly durationMs: number;
  readonly fromMs: number | null;
}

export interface EventNotice {
  readonly event: StoredEvent;
  readonly revision: number;
}

export interface Session {
  readonly actor: Actor;
  /** `cloud`: where the actor came with a token of a cloud, what that says of it. */
  submit(command: Command, idempotency?: Idempotency | null, cloud?: CloudCaller | null): Promise<Outcome>;
  status(): StatusView;
  flavors(): readonly FlavorView[];
  flavor(idOrName: string): Found<FlavorView>;
  hosts(): readonly HostView[];
  host(idOrName: string): Found<HostView>;
  /** Live leases of the actor's project (admins: of all, or of one project), oldest first. */
  leases(projectId: ProjectId | null): readonly LeaseView[];
  endedLeases(
    projectId: ProjectId | null,
    beforeMs: number | null,
    limit: number,
  ): Promise<readonly LeaseView[]>;
  /** Live or ended. `id` may be the name of a live lease, or a unique prefix of at least 4 characters. */
  lease(id: string): Promise<Found<LeaseView>>;
  queue(): readonly QueueEntryView[];
  explain(query: ExplainQuery): Found<Explanation>;
  /** Why an existing queued lease waits. */
  explainLease(id: string): Found<Explanation>;
  /** Where the audit log begins; null: at its first event. */
  eventFloor(): EventFloor | null;
  events(query: Omit<EventQuery, 'projectId'>): Promise<readonly StoredEvent[]>;
  /** Calls back for each committed event that the actor may see; returns the unsubscriber. */
  subscribe(onEvent: (notice: EventNotice) => void): () => void;
  /** What was used of the actor's project (admins: of all, or of one). */
  usage(question: UsageQuestion): Promise<Found<UsageReport>>;
  projects(): Found<readonly Project[]>;
  /** One of them, with what is held and used there. */
  project(id: ProjectId): Found<{ readonly project: Project; readonly use: ProjectUse }>;
  tokens(): Found<readonly Token[]>;
  findings(): Found<readonly Finding[]>;
  /** As the newest look at each cloud shows them. */
  adoptable(): Found<readonly AdoptableView[]>;
}

export interface PublicFlavors {
  /** Of the clouds whose capacity is known, and not too long ago. */
  readonly flavors: readonly FlavorView[];
  /** The oldest of the observations behind it; null: there is none. */
  readonly observedAtMs: number | null;
  /** Why the other clouds are left out, by provider. */
  readonly unpublished: ReadonlyMap<ProviderId, string>;
  /** Their flavors. */
  readonly leftOut: readonly FlavorView[];
}

/** The engine as the server sees it. */
export interface EnginePort {
  readonly revision: number;
  /** The judged time: see `engine/time.ts`. */
  nowMs(): number;
  /** True once the store is loaded and the first observation of each provider is in. */
  ready(): boolean;
  as(actor: Actor): Session;
  /** Finds the actor behind an API token; null: unknown. Constant-time on the secret. */
  authenticate(secret: string): Actor | 'expired' | null;
  /** The committed state for the public GPU flavor report. */
  publicFlavors(): PublicFlavors;
  /** Resolves true once `revision` is committed here, false after `timeoutMs`. */
  waitForRevision(revision: number, timeoutMs: number): Promise<boolean>;
  /** Numbers for /metrics. */
  metrics(): { readonly [name: string]: Json };
}
