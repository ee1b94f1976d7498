import type { HostId, LeaseId, ProjectId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { Change } from './model/entities.ts';

/** Every way to say no. The API's error catalogue has one entry for each. */
export type RefusalCode =
  | 'not_found'
  | 'forbidden'
  | 'invalid'
  | 'missing_field'
  | 'time_in_past'
  | 'flavor_unknown'
  | 'flavor_unavailable'
  | 'host_unknown'
  | 'never_fits'
  | 'no_capacity'
  | 'quota_exceeded'
  | 'budget_exceeded'
  | 'queue_full'
  | 'invalid_state'
  | 'promise_conflict'
  | 'window_infeasible'
  | 'duration_too_long'
  | 'idempotency_mismatch'
  | 'cloud_refused'
  | 'cloud_unavailable'
  | 'stale'
  | 'already_exists';

/** A no with a reason that a user can act on. Nothing was changed. */
export interface Refusal {
  readonly code: RefusalCode;
  /** One sentence: what is wrong. */
  readonly message: string;
  /** What to do instead. */
  readonly fix: string;
  /** The field of the request that it is about. */
  readonly field: string | null;
  /** Numbers behind it (limit, in use, nearest window …). */
  readonly details: { readonly [key: string]: Json };
}

/** Why a request does not get a host now. Counted per reason by `decide`, listed per host by `explain`. */
export type WaitReason =
  | 'host_disabled'
  | 'host_down'
  | 'host_drained'
  | 'other_host_wanted'
  | 'no_such_device'
  | 'devices_taken'
  | 'devices_quarantined'
  | 'iommu_group_taken'
  | 'vcpus_short'
  | 'memory_short'
  | 'disk_short'
  | 'window_reserved'
  | 'recent_failure'
  | 'quota'
  | 'frozen'
  | 'queued_behind'
  | 'would_delay_head';

/** What happened and why, for the audit log; the engine adds number, time and actor. */
export interface EventDraft {
  /** `<entity>.<past participle>`, e.g. `lease.granted`. */
  readonly type: string;
  readonly entity: Change['entity'];
  readonly id: string;
  /** Whose members may see it; null: admins, and everybody for hosts, flavors and the service itself. */
  readonly projectId: ProjectId | null;
  /** State names of a lease before and after; null where there is none. */
  readonly before: string | null;
  readonly after: string | null;
  /** A sentence for humans; null where the type says all. */
  readonly reason: string | null;
  readonly data: { readonly [key: string]: Json };
}

/** What a command answers. */
export type Reply =
  | { readonly kind: 'done' }
  | { readonly kind: 'leases'; readonly leaseIds: readonly LeaseId[] }
  | { readonly kind: 'host'; readonly hostId: HostId }
  | { readonly kind: 'more'; readonly more: boolean };

export type Decision =
  | {
      readonly kind: 'decided';
      readonly changes: readonly Change[];
      readonly events: readonly EventDraft[];
      readonly reply: Reply;
      /** Hosts ruled out per reason, when a request had to wait. */
      readonly ruledOut: Readonly<Partial<Record<WaitReason, number>>>;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export function refuse(
  code: RefusalCode,
  message: string,
  fix: string,
  field: string | null = null,
  details: Refusal['details'] = {},
): { readonly kind: 'refused'; readonly refusal: Refusal } {
  return { kind: 'refused', refusal: { code, message, fix, field, details } };
}
