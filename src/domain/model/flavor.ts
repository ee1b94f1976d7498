import type { FlavorId, ProviderId } from '../../base/ids.ts';
import type { DeviceCounts, Resources } from './host.ts';

/** Something that can be borrowed, as its provider offers it. */
export interface Flavor {
  /** Ours: unique over all providers, `<provider>:<externalId>`. */
  readonly id: FlavorId;
  /** Its id at its provider, such as Nova's; two providers may use the same. */
  readonly externalId: string;
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

/**
 * The flavors that a text may mean: the one with that id; else all that their providers know by that id;
 * else all with that name. More than one only where several providers have it.
 */
export function flavorsMeant(flavors: ReadonlyMap<string, Flavor>, text: string): readonly Flavor[] {
  const own = flavors.get(text);
  if (own !== undefined) return [own];
  const all = [...flavors.values()];
  const external = all.filter(({ externalId }) => externalId === text);
  return external.length > 0 ? external : all.filter(({ name }) => name === text);
}
