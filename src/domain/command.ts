import type {
  FlavorId,
  HostId,
  IntentId,
  LeaseId,
  ProjectId,
  ProviderId,
  ReservationId,
  TokenId,
} from '../base/ids.ts';
import type { EventFloor } from './model/control.ts';
import type { DeviceClass } from './model/host.ts';
import type { Finding } from './model/finding.ts';
import type { Flavor } from './model/flavor.ts';
import type { Host } from './model/host.ts';
import type {
  AtEnd,
  Connection,
  Intent,
  ProviderRefs,
  Purpose,
  ReturnTicket,
  StartProgress,
} from './model/lease.ts';
import type { ProjectLimits } from './model/limits.ts';
import type { Setup } from './model/setup.ts';
import type { Role, Token } from './model/token.ts';

/**
 * What the borrower wants: a flavor, or what any flavor must have (then the smallest that has it is taken).
 */
export type Wanted =
  | { readonly kind: 'flavor'; /** Id or name. */ readonly flavor: string }
  | {
      readonly kind: 'requirements';
      readonly deviceClass: DeviceClass;
      readonly count: number;
      readonly vcpus: number;
      readonly memoryMiB: number;
      readonly diskGiB: number;
    };

/** Commands of people and CI; the role that each needs stands in `authorize.ts`. */
export type UserCommand =
  | {
      readonly type: 'lease.create';
      /** One id per lease, made by the caller; their number is the count. */
      readonly leaseIds: readonly LeaseId[];
      readonly projectId: ProjectId;
      readonly ownerId: string;
      readonly name: string;
      readonly wanted: Wanted;
      readonly hostId: HostId | null;
      /** Of who asks: the rules for lengths go by it. */
      readonly role: Role;
      /** null: as the rules say, also of the two after it. */
      readonly durationMs: number | null;
      readonly atEnd: AtEnd | null;
      readonly renew: boolean | null;
      readonly ticket: ReturnTicket | null;
      readonly purpose: Purpose;
      readonly image: string | null;
      readonly sshPublicKey: string | null;
      readonly setup?: Setup;
      /** Give up waiting at this time; null: wait without end. 0 or a past time: now or never. */
      readonly waitUntilMs: number | null;
      /** Claim this future window instead of queueing. */
      readonly window: { readonly fromMs: number; readonly reservationId: ReservationId } | null;
      /** Why an administrator lets it pass the limits of its project; null: they hold. */
      readonly exempt: string | null;
    }
  | {
      readonly type: 'lease.extend';
      readonly leaseId: LeaseId;
      readonly role: Role;
      /** null: as far as is possible. */
      readonly expiresAtMs: number | null;
      /** As at `lease.create`; left out: they hold. */
      readonly exempt?: string | null;
    }
  | { readonly type: 'lease.release'; readonly leaseId: LeaseId }
  | { readonly type: 'lease.shelve'; readonly leaseId: LeaseId }
  | {
      readonly type: 'lease.unshelve';
      readonly leaseId: LeaseId;
      readonly role: Role;
      readonly durationMs: number | null;
      readonly waitUntilMs: number | null;
      readonly exempt?: string | null;
    }
  /** Keeps a disk on the shelf for so long from now. */
  | { readonly type: 'lease.keep'; readonly leaseId: LeaseId; readonly durationMs: number }
  | { readonly type: 'lease.ticket'; readonly leaseId: LeaseId; readonly ticket: ReturnTicket | null }
  | {
      readonly type: 'lease.adopt';
      readonly leaseId: LeaseId;
      readonly projectId: ProjectId;
      readonly ownerId: string;
      readonly name: string;
      readonly flavorId: FlavorId;
      /** Where it runs; null: it is on the shelf. */
      readonly running: { readonly hostId: HostId; readonly connection: Connection } | null;
      readonly refs: ProviderRefs;
      /** From now; of what is on the shelf: once it is back. */
      readonly durationMs: number;
      readonly atEnd: AtEnd;
    }
  | {
      readonly type: 'host.drain';
      readonly hostId: HostId;
      readonly fromMs: number;
      readonly untilMs: number | null;
      readonly reason: string;
    }
  | { readonly type: 'host.undrain'; readonly hostId: HostId }
  | { readonly type: 'service.freeze'; readonly reason: string }
  | { readonly type: 'service.thaw' }
  /** An empty store takes the place of a lost one: what carries that deployment's mark is its own again. */
  | { readonly type: 'service.takeOver'; readonly deploymentId: string }
  | ({
      readonly type: 'project.set';
      readonly projectId: ProjectId;
      readonly name: string;
    } & ProjectLimits)
  | { readonly type: 'token.create'; readonly token: Token }
  | { readonly type: 'token.revoke'; readonly tokenId: TokenId };

/** Why an outside step did not work, and what to do with the lease. */
export interface StepFailure {
  readonly code: string;
  readonly message: string;
  /**
   * `again`: the controller repeats it by itself, the lease stays as it is.
   * `other_host`: this host cannot; back to the queue, keeping the place.
   * `final`: no repetition will help (unknown image, quota of the cloud …).
   */
  readonly next: 'again' | 'other_host' | 'final';
}

/** What the controllers saw and did. Only `system` actors may give them. */
export type SystemCommand =
  /**
   * Handles everything that is due: ends, warnings, wait limits, start deadlines, windows. Bounded; says if
   * more is due.
   */
  | { readonly type: 'tick' }
  /**
   * What a provider has now. Hosts and flavors that it no longer lists go (or become `missing` while leases
   * are on them).
   */
  | {
      readonly type: 'inventory.observed';
      readonly providerId: ProviderId;
      readonly hosts: readonly ObservedHost[];
      readonly flavors: readonly Flavor[];
    }
  /** The persisted intent before each outside call. Refused as `stale` when the lease has moved on. */
  | { readonly type: 'intent.open'; readonly intent: Intent; readonly generation: number }
  /**
   * The call was answered. `refs` holds what it made (only the named fields change); null refs: nothing to
   * record.
   */
  | {
      readonly type: 'intent.done';
      readonly intentId: IntentId;
      readonly leaseId: LeaseId;
      readonly refs: Partial<ProviderRefs> | null;
      readonly failure: StepFailure | null;
    }
  /** What was found outside without a call of ours (after a lost reply, or gone by another hand). */
  | { readonly type: 'lease.refs'; readonly leaseId: LeaseId; readonly refs: Partial<ProviderRefs> }
  | {
      readonly type: 'lease.progress';
      readonly leaseId: LeaseId;
      readonly progress: StartProgress;
      /** Why the borrower cannot get in yet; null: not looked at. */
      readonly obstacle: string | null;
    }
  /** The machine of a start says that it is up. A repetition changes nothing. */
  | { readonly type: 'lease.calledHome'; readonly leaseId: LeaseId }
  /** A machine tells one word of its set-up; `src/profiles` knows what it means. A repetition changes nothing. */
  | { readonly type: 'lease.setupTold'; readonly leaseId: LeaseId; readonly word: string }
  /** `notes`: what its set-up wants the borrower to know. */
  | {
      readonly type: 'lease.ready';
      readonly leaseId: LeaseId;
      readonly connection: Connection;
      readonly notes?: readonly string[];
    }
  /** The start cannot succeed as it is; the remains are taken away, then it is queued again or ends. */
  | { readonly type: 'lease.startFailed'; readonly leaseId: LeaseId; readonly failure: StepFailure }
  /** The server is offloaded: nothing is held any more, the disk is kept. */
  | { readonly type: 'lease.shelved'; readonly leaseId: LeaseId }
  /** The cloud does not shelve the server, whatever was tried. Refused where it is not to be deleted then. */
  | { readonly type: 'lease.unshelvable'; readonly leaseId: LeaseId; readonly cause: string }
  /** Nothing of it exists outside any more. */
  | { readonly type: 'lease.gone'; readonly leaseId: LeaseId }
  /** Its server vanished or was deleted by somebody else. */
  | { readonly type: 'lease.lost'; readonly leaseId: LeaseId; readonly cause: string }
  /** Nova shows on which host it is: the provisional claim becomes the observed one. */
  | { readonly type: 'lease.located'; readonly leaseId: LeaseId; readonly hostId: HostId }
  | { readonly type: 'lease.reachability'; readonly leaseId: LeaseId; readonly reachable: boolean }
  /** A caller came with a project that its cloud calls so. */
  | { readonly type: 'project.seen'; readonly projectId: ProjectId; readonly name: string }
  | { readonly type: 'finding.raise'; readonly finding: Finding }
  | { readonly type: 'finding.clear'; readonly code: string; readonly subject: string }
  | { readonly type: 'clock.doubt'; readonly divergenceMs: number }
  | { readonly type: 'clock.trust' }
  /** What has been kept for long enough: ended leases with their intents, and the events up to the floor. */
  | {
      readonly type: 'records.remove';
      readonly leaseIds: readonly LeaseId[];
      readonly eventFloor: EventFloor | null;
    }
  | {
      readonly type: 'service.mode';
      readonly mode: { readonly kind: 'act' } | { readonly kind: 'observe'; readonly reason: string };
    };

/** A host as its provider reports it; drains are Berth's own and stay. */
export type ObservedHost = Omit<Host, 'drain'>;

export type Command = UserCommand | SystemCommand;
export type CommandType = Command['type'];
