import type { FlavorId, ProviderId } from '../../base/ids.ts';
import type { DeviceCounts, Resources } from './host.ts';

/** Something that can be borrowed, as its provider offers it. */
export interface Flavor {
  readonly id: FlavorId;
  readonly providerId: ProviderId;
  readonly name: string;
  readonly description: string;
  readonly resources: Resources;
  readonly devices: DeviceCounts;
  /** Of `resources.diskGiB`, what shelving does not keep (ephemeral and swap disks). */
  readonly scratchGiB: number;
  readonly disabled: boolean;
  /** Position in the provider's own list: the order of `/gpus/flavors`. */
  readonly position: number;
  /** Why it can never be booted (e.g. a PCI alias without count); null: fine. */
  readonly misconfigured: string | null;
  /** False: an accelerator flavor that the GPU flavor report leaves out (`DEPRECATED` in its name). */
  readonly reported: boolean;
}
