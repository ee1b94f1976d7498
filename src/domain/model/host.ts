import type { DeviceId, HostId, ProviderId } from '../../base/ids.ts';

/** What a lease takes from a host besides devices. Integers. */
export interface Resources {
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly diskGiB: number;
}

export const NO_RESOURCES: Resources = { vcpus: 0, memoryMiB: 0, diskGiB: 0 };

/**
 * A kind of accelerator that can stand in for another of its kind: the PCI alias or resource class on
 * OpenStack (`V100`), the model elsewhere (`rtx2080`).
 */
export type DeviceClass = string;

/** Devices by class; classes with 0 are left out. */
export type DeviceCounts = Readonly<Record<DeviceClass, number>>;

export const NO_DEVICES: DeviceCounts = {};

/** One card (or slice) that Berth knows by itself: on declared hosts and hosts with an agent. */
export interface Device {
  readonly id: DeviceId;
  readonly deviceClass: DeviceClass;
  /** PCI address, e.g. `0000:3b:00.0`; null where nobody told us. */
  readonly address: string | null;
  /** Devices with the same group on one host can only go to one lease. null: alone in its group. */
  readonly iommuGroup: string | null;
  readonly numaNode: number | null;
  /** The card that this slice (MIG, vGPU) is cut from. */
  readonly parentId: DeviceId | null;
  /** Why the device may not be handed out; null: healthy. */
  readonly quarantine: string | null;
}

export type HostStatus =
  | { readonly kind: 'up' }
  /** An operator said so (in Nova or in the config file). */
  | { readonly kind: 'disabled'; readonly reason: string }
  /** It does not answer. What runs there keeps running as far as we know. */
  | { readonly kind: 'down'; readonly sinceMs: number; readonly reason: string }
  /** No longer reported by its provider; kept while leases are on it. */
  | { readonly kind: 'missing'; readonly sinceMs: number };

/** A maintenance window: nothing lands whose time would touch it. `untilMs` null: until undrained. */
export interface Drain {
  readonly fromMs: number;
  readonly untilMs: number | null;
  readonly reason: string;
  readonly actor: string;
}

export interface Host {
  readonly id: HostId;
  readonly providerId: ProviderId;
  readonly name: string;
  /** `unit`: Berth knows and picks the cards. `slot`: Nova picks them, Berth counts. */
  readonly claimKind: 'unit' | 'slot';
  /** What leases may use in all: allocation ratios applied, reserved amounts taken off. */
  readonly capacity: Resources;
  /** unit: the cards. Empty for slot. */
  readonly devices: readonly Device[];
  /** slot: cards by class. For unit hosts the counts follow from `devices`. */
  readonly slots: DeviceCounts;
  /** What instances outside Berth use. */
  readonly foreign: { readonly resources: Resources; readonly devices: DeviceCounts };
  readonly status: HostStatus;
  readonly drain: Drain | null;
}
