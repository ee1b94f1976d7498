import { assert } from '../base/assert.ts';
import { asId, type FlavorId, type ProviderId } from '../base/ids.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { DeviceClass, DeviceCounts, Resources } from '../domain/model/host.ts';

/**
 * Names of one device under several PCI aliases: alias → class, where the class is the aggregates'
 * `gpu_type`.
 */
export type Aliases = Readonly<Record<string, DeviceClass>>;

/** What a server of a flavor takes of its host. */
export interface FlavorSize {
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly rootGiB: number;
  readonly ephemeralGiB: number;
  readonly swapMiB: number;
}

export const ALIAS_KEY = 'pci_passthrough:alias';

/**
 * Devices by class of an alias extra spec: `V100:1, A100:2`; equal names are summed. An error says what Nova
 * would not accept. Source: nova 26.2.2, nova/api/validation/extra_specs/pci_passthrough.py,
 * nova/pci/request.py.
 */
export function parseAliasSpec(text: string, aliases: Aliases): Result<DeviceCounts, string> {
  const counts: Record<DeviceClass, number> = {};
  for (const part of text.split(',')) {
    const match = /^\s*([^:]*[^:\s])\s*:\s*(\d{1,4})\s*$/.exec(part);
    if (match === null) return err(`${ALIAS_KEY}='${text}' is not <alias>:<count>`);
    const deviceClass = classOf(match[1] ?? '', aliases);
    const count = Number(match[2]);
    if (count > 0) counts[deviceClass] = (counts[deviceClass] ?? 0) + count;
  }
  return ok(counts);
}

export function classOf(alias: string, aliases: Aliases): DeviceClass {
  return Object.hasOwn(aliases, alias) ? (aliases[alias] ?? alias) : alias;
}

/**
 * Nova rounds swap up to whole GB where it counts disk (nova/scheduler/utils.py `resources_from_flavor`,
 * 26.2.2).
 */
export function scratchGiBOf(size: FlavorSize): number {
  return size.ephemeralGiB + Math.ceil(size.swapMiB / 1024);
}

export function resourcesOf(size: FlavorSize): Resources {
  const diskGiB = size.rootGiB + scratchGiBOf(size);
  return { vcpus: size.vcpus, memoryMiB: size.memoryMiB, diskGiB };
}

/**
 * Nova's ids are unique within one cloud only, and operators give the same ones to flavors of all their
 * clouds.
 */
export function flavorIdOf(providerId: ProviderId, novaId: string): FlavorId {
  return asId(`${providerId}:${novaId}`);
}

/** Nova's id of a flavor that this provider has shown. */
export function novaFlavorId(providerId: ProviderId, flavorId: FlavorId): string {
  const prefix = `${providerId}:`;
  assert(flavorId.startsWith(prefix), `flavor ${flavorId} is of provider ${providerId}`);
  return flavorId.slice(prefix.length);
}
