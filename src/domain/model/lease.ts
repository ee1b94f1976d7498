import type {
  FlavorId,
  HostId,
  IntentId,
  LeaseId,
  ProjectId,
  ProviderId,
  ReservationId,
} from '../../base/ids.ts';
import type { Claim } from './claim.ts';
import type { DeviceCounts, Resources } from './host.ts';
import type { Setup } from './setup.ts';
import type { Role } from './token.ts';

/** What it is for, as usage reports tell it: somebody works on it, or a pipeline does. */
export type Purpose = 'interactive' | 'ci';

/**
 * What happens at the end: keep the root disk (shelve), delete, or shelve and delete only what cannot be
 * shelved whatever is tried.
 */
export type AtEnd = 'shelve' | 'delete' | 'shelve_or_delete';

/**
 * What a lease asks of the capacity; copied from the flavor when asked, so that a later change of the
 * flavor cannot alter it.
 */
export interface Demand {
  readonly providerId: ProviderId;
  readonly resources: Resources;
  readonly devices: DeviceCounts;
  /** Only this host, when the caller named one. */
  readonly hostId: HostId | null;
  /** Equal for demands that any host satisfies alike; interned by `demandKey`. */
  readonly key: string;
}

export interface LeaseRequest {
  readonly flavorId: FlavorId;
  readonly flavorName: string;
  readonly demand: Demand;
  /** Counted from the moment of `active`, ms. */
  readonly durationMs: number;
  readonly atEnd: AtEnd;
  /** At its end it goes on by itself while nobody waits, as far as the terms allow. */
  readonly renew: boolean;
  /** Of who asked for it: some rules are for some roles. */
  readonly role: Role;
  /** Of its disks, what shelving does not keep (ephemeral and swap disks); copied from the flavor. */
  readonly scratchGiB: number;
  /** Provider's image name or id; null: the provider's default. */
  readonly image: string | null;
  /** OpenSSH public key of the borrower, put on the machine; null: none. */
  readonly sshPublicKey: string | null;
  readonly purpose: Purpose;
  /** Why an administrator lets it pass the limits of its project; null: they hold. */
  readonly exempt: string | null;
  /** Left out: nothing beside building it. */
  readonly setup?: Setup;
}

/** What exists outside for this lease; carried through all states so that nothing made is ever forgotten. */
export interface ProviderRefs {
  readonly portId: string | null;
  readonly serverId: string | null;
  readonly floatingIpId: string | null;
  /** Where the borrower connects (floating address, else fixed). */
  readonly address: string | null;
}

export const NO_REFS: ProviderRefs = { portId: null, serverId: null, floatingIpId: null, address: null };

/** How to reach what was borrowed. Secrets are not part of it. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/**
 * The order to bring a lease back from the shelf without being asked again. `now`: it queues as soon as its
 * time is over, with the place that it has then. `at`: it queues at that time, whoever has shelved it. It is
 * good for one journey.
 */
export type ReturnTicket = { readonly kind: 'now' } | { readonly kind: 'at'; readonly atMs: number };

/** A start that was told to the borrower. It moves only with an event that says why. */
export interface StartPromise {
  readonly hostId: HostId;
  readonly startMs: number;
}

export type EndReason =
  | 'released'
  | 'expired'
  | 'wait_timed_out'
  | 'cancelled'
  | 'failed'
  | 'host_lost'
  | 'preempted';

/** The outside call that was decided and recorded before it is made. At most one per lease is open. */
export interface Intent {
  readonly id: IntentId;
  readonly leaseId: LeaseId;
  /** The step's name, e.g. `createServer`. */
  readonly step: string;
  readonly openedAtMs: number;
  /** How long the call may take: nobody repeats it earlier without having seen its effect. */
  readonly timeoutMs: number;
}

/** Why the last try did not succeed; shown to the borrower as it is. */
export interface Setback {
  readonly atMs: number;
  readonly code: string;
  readonly message: string;
  /** The host that could not take it; the next try avoids it for a while. */
  readonly hostId: HostId | null;
}

/**
 * Each state carries only its own fields. Transitions: `src/domain/lease/machine.ts`; the specification with
 * its numbered invariants: `src/domain/lease/SPEC.md`.
 */
export type LeaseState =
  /** A future window on a host is promised; becomes `starting` at `claim.fromMs`. */
  | { readonly kind: 'reserved'; readonly claim: Claim }
  /** Waits for capacity. `shelved` leases that are to come back wait here too, with `comeback` true. */
  | {
      readonly kind: 'queued';
      readonly sinceMs: number;
      /**
       * Order of arrival over all projects; a retry keeps it, so nobody loses the place through a bad host.
       */
      readonly queueSeq: number;
      readonly waitUntilMs: number | null;
      readonly promise: StartPromise | null;
      /** The disk is waiting: start means unshelve. */
      readonly comeback: boolean;
    }
  /** Devices are claimed; the provider is at work. */
  | {
      readonly kind: 'starting';
      readonly sinceMs: number;
      readonly queueSeq: number;
      /** Kept for the case that it has to wait again. */
      readonly waitUntilMs: number | null;
      readonly claim: Claim;
      /** Past this, the start has failed. */
      readonly deadlineMs: number;
      readonly comeback: boolean;
      readonly progress: StartProgress;
      /** Why the borrower cannot get in yet, as the last look showed; null: nobody has looked yet. */
      readonly obstacle: string | null;
      /** The machine has told by itself that it is up. */
      readonly calledHome: boolean;
      /** What it has told of its set-up by calls, oldest first; at most SETUP_WORDS_MAX. Left out: nothing. */
      readonly setupWords?: readonly string[];
    }
  | {
      readonly kind: 'active';
      readonly sinceMs: number;
      readonly claim: Claim;
      readonly expiresAtMs: number;
      readonly connection: Connection;
      /**
       * The last warning that went out, as ms before the end; earlier ones are not given any more. null: none
       * yet.
       */
      readonly warnedMs: number | null;
      /** Since when it goes on only because nobody waits; null: its end was asked for. */
      readonly renewedAtMs: number | null;
      /** Its time is over, and its owner may still save something until then; null: no grace has begun. */
      readonly graceUntilMs: number | null;
      /** What its set-up wants the borrower to know, a line each. Left out: nothing. */
      readonly notes?: readonly string[];
    }
  /** On its way to the shelf; the devices are still claimed. `since` of the order, whoever gave it. */
  | {
      readonly kind: 'shelving';
      readonly sinceMs: number;
      readonly claim: Claim;
      readonly reason: 'expired' | 'asked' | 'start_failed';
      /**
       * It waits again as soon as it is on the shelf: it was to come back and could not, or has a return
       * ticket. null: it stays there.
       */
      readonly again: PlaceInQueue | null;
    }
  /** The disk is kept, no device is held. */
  | {
      readonly kind: 'shelved';
      readonly sinceMs: number;
      /** When the disk is deleted; null: never by time alone. */
      readonly keepUntilMs: number | null;
      /** As for `active`. */
      readonly warnedMs: number | null;
    }
  /**
   * Being taken away. `then` says where it goes once nothing is left outside: to its end, or back to the
   * queue (a failed start whose remains must be gone before the next try).
   */
  | {
      readonly kind: 'ending';
      readonly sinceMs: number;
      /** null: came from the shelf or the queue, nothing is held. */
      readonly claim: Claim | null;
      readonly then:
        | { readonly kind: 'end'; readonly reason: EndReason; readonly cause: string | null }
        | ({ readonly kind: 'requeue' } & PlaceInQueue);
    }
  | {
      readonly kind: 'ended';
      readonly atMs: number;
      readonly reason: EndReason;
      readonly cause: string | null;
    };

/** What somebody who has to wait again keeps. */
export interface PlaceInQueue {
  readonly queueSeq: number;
  readonly waitUntilMs: number | null;
}

export type LeaseStateKind = LeaseState['kind'];
export type StartProgress = 'waiting' | 'network' | 'building' | 'address' | 'checking';

export interface Lease {
  readonly id: LeaseId;
  readonly projectId: ProjectId;
  readonly ownerId: string;
  readonly name: string;
  readonly createdAtMs: number;
  /** +1 at each change; an answer for an older generation is stale and refused. */
  readonly generation: number;
  readonly request: LeaseRequest;
  /** Leases made together for one window. */
  readonly reservationId: ReservationId | null;
  /** Brings it back from the shelf by itself, once; null: it has none. */
  readonly ticket: ReturnTicket | null;
  readonly refs: ProviderRefs;
  /** Beside the state: an absent host or agent changes no lease. null: reachable. */
  readonly unreachableSinceMs: number | null;
  /** The newest last; at most SETBACKS_MAX. */
  readonly setbacks: readonly Setback[];
  /** Finished holding time, ms × devices; what is held now is counted from `claimedAtMs`. */
  readonly usedDeviceMs: number;
  /** When the present claim took effect; null: nothing is held. */
  readonly claimedAtMs: number | null;
  readonly state: LeaseState;
}

/** Enough to see a pattern, few enough to show. */
export const SETBACKS_MAX = 8;
