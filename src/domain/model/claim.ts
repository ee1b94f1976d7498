import type { DeviceId, HostId } from '../../base/ids.ts';
import type { DeviceCounts, Resources } from './host.ts';

interface ClaimBase {
  readonly hostId: HostId;
  readonly resources: Resources;
  readonly devices: DeviceCounts;
  /** When it takes effect. Later than now: a reserved window. */
  readonly fromMs: number;
  /**
   * When the capacity is expected back: the lease's end plus the time that shelving or deleting takes.
   * Forecasts and promises stand on it; the capacity itself is free only when the provider shows it.
   */
  readonly untilMs: number;
}

/** Cards that Berth picked itself. */
export interface UnitClaim extends ClaimBase {
  readonly kind: 'unit';
  readonly deviceIds: readonly DeviceId[];
}

/**
 * n cards of a class on a host where Nova picks the cards, and at first the host too: `provisional` until
 * Nova shows where the server is. Never a bare class count, which would promise two GPUs on two hosts to a
 * two-GPU flavor.
 */
export interface SlotClaim extends ClaimBase {
  readonly kind: 'slot';
  readonly provisional: boolean;
}

/**
 * What a lease holds on a host. A third kind, where a Placement allocation *is* the claim and Berth mirrors
 * it, joins this union with the accelerator API (ADR 0004).
 */
export type Claim = UnitClaim | SlotClaim;
