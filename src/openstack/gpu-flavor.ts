import { assert } from '../base/assert.ts';
import { asId, type FlavorId, type ProviderId } from '../base/ids.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceClass, DeviceCounts, Resources } from '../domain/model/host.ts';
import type { NovaFlavor } from './nova/flavors.ts';

/**
 * Names of one device under several PCI aliases: alias → class, where the class is the aggregates'
 * `gpu_type`.
 */
export type Aliases = Readonly<Record<string, DeviceClass>>;

/** What a server of a flavor takes of its host. */
export interface FlavorDisks {
  readonly rootGiB: number;
  readonly ephemeralGiB: number;
  readonly swapMiB: number;
}

export const ALIAS_KEY = 'pci_passthrough:alias';

/**
 * `DEPRECATED` anywhere in the name, in capitals: how operators of the flavor report take a flavor out of it.
 */
const DEPRECATED = 'DEPRECATED';
/** Accelerators that Placement counts, not PCI aliases. */
const PLACEMENT_DEVICE = /^(accel:device_profile$|resources\w*:(VGPU|PGPU|CUSTOM_))/;

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
function scratchGiBOf(disks: FlavorDisks): number {
  return disks.ephemeralGiB + Math.ceil(disks.swapMiB / 1024);
}

export function resourcesOf(
  flavor: FlavorDisks & { readonly vcpus: number; readonly memoryMiB: number },
): Resources {
  const diskGiB = flavor.rootGiB + scratchGiBOf(flavor);
  return { vcpus: flavor.vcpus, memoryMiB: flavor.memoryMiB, diskGiB };
}

/**
 * A flavor as something to borrow; null: it has no GPU. A flavor that can never boot stays listed, with the
 * reason. `known`: the classes that some aggregate offers. `position`: place in Nova's list.
 */
export function gpuFlavor(
  flavor: NovaFlavor,
  context: {
    readonly providerId: ProviderId;
    readonly aliases: Aliases;
    readonly known: ReadonlySet<DeviceClass>;
    readonly position: number;
  },
): Flavor | null {
  const spec = flavor.extraSpecs[ALIAS_KEY];
  if (spec === undefined) return null;
  const parsed = parseAliasSpec(spec, context.aliases);
  if (parsed.ok && Object.keys(parsed.value).length === 0) return null;
  return {
    id: flavorIdOf(context.providerId, flavor.id),
    externalId: flavor.id,
    providerId: context.providerId,
    name: flavor.name,
    description: flavor.description ?? '',
    resources: resourcesOf(flavor),
    // What it was meant to ask for, so that a misconfigured flavor still counts as one with GPUs.
    devices: parsed.ok
      ? parsed.value
      : { [classOf(spec.split(/[:,]/)[0]?.trim() || spec, context.aliases)]: 1 },
    scratchGiB: scratchGiBOf(flavor),
    disabled: flavor.disabled,
    position: context.position,
    misconfigured: misconfiguration(parsed, context.known),
    reported: !flavor.name.includes(DEPRECATED),
  };
}

/**
 * Nova's ids are unique within one cloud only, and operators give the same ones to flavors of all their
 * clouds.
 */
function flavorIdOf(providerId: ProviderId, novaId: string): FlavorId {
  return asId(`${providerId}:${novaId}`);
}

/** Nova's id of a flavor that this provider has shown. */
export function novaFlavorId(providerId: ProviderId, flavorId: FlavorId): string {
  const prefix = `${providerId}:`;
  assert(flavorId.startsWith(prefix), `flavor ${flavorId} is of provider ${providerId}`);
  return flavorId.slice(prefix.length);
}

/** True for flavors whose accelerators are not PCI aliases: they cannot be counted by aggregates. */
export function asksPlacementForDevices(flavor: NovaFlavor): boolean {
  return Object.keys(flavor.extraSpecs).some((key) => PLACEMENT_DEVICE.test(key));
}

function misconfiguration(
  parsed: Result<DeviceCounts, string>,
  known: ReadonlySet<DeviceClass>,
): string | null {
  if (!parsed.ok) return parsed.error;
  const unknown = Object.keys(parsed.value).find((deviceClass) => !known.has(deviceClass));
  return unknown === undefined ? null : `no host aggregate has gpu_type '${unknown}'`;
}
