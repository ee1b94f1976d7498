/**
 * What devices a flavor asks for, out of its extra specs: PCI aliases, resources that Placement counts, and
 * the groups of a device profile. Pure; whether anybody has such devices is told elsewhere.
 */
import { err, ok, type Result } from '../base/result.ts';
import type { DeviceClass, DeviceCounts, Resources } from '../domain/model/host.ts';
import { ALIAS_KEY, classOf, parseAliasSpec, type Aliases } from './gpu-flavor.ts';

/** Device profiles by name: their groups, or why they cannot be read. */
export type DeviceProfiles = ReadonlyMap<string, Result<readonly DeviceGroup[], string>>;

/** One group of a device profile, as the accelerator service has it: `resources:PGPU` → `1`. */
export type DeviceGroup = Readonly<Record<string, string>>;

/** What the extra specs of flavors refer to. */
export interface Terms {
  readonly aliases: Aliases;
  readonly profiles: DeviceProfiles;
}

/**
 * Devices of Placement that can stand in for each other, as some flavor asks for them: `PGPU`, or with traits
 * `PGPU:CUSTOM_NVIDIA_1DB4`. Two classes may overlap (`PGPU` is also what has that trait); what one takes is
 * then use by others in the other, from the next look at the cloud on.
 */
export interface PlacementClass {
  readonly name: DeviceClass;
  readonly resourceClass: string;
  /** So many have to come from one provider. */
  readonly together: number;
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
  /** Traits of the unsuffixed group may also be the host's. */
  readonly traitsOfTree: boolean;
}

export interface DeviceNeeds {
  readonly devices: DeviceCounts;
  /** Of `devices`, those that Placement counts. */
  readonly classes: readonly PlacementClass[];
  /** `resources:VCPU` and so on replace what the flavor says. */
  readonly resources: Partial<Resources>;
}

/** Why a flavor cannot boot, and the class that it was meant to have. */
export interface NeedsFault {
  readonly message: string;
  readonly meant: DeviceClass;
}

export const PROFILE_KEY = 'accel:device_profile';

/**
 * null: nothing is asked for that is a device. Source: nova 26.2.2, nova/scheduler/utils.py
 * `ResourceRequest`, nova/accelerator/cyborg.py `get_device_request_groups`.
 */
export function deviceNeeds(
  extraSpecs: Readonly<Record<string, string>>,
  terms: Terms,
): Result<DeviceNeeds, NeedsFault> | null {
  const spec = extraSpecs[ALIAS_KEY];
  const pci = spec === undefined ? ok<DeviceCounts>({}) : parseAliasSpec(spec, terms.aliases);
  if (!pci.ok) return err({ message: pci.error, meant: meantByAlias(spec ?? '', terms.aliases) });
  const name = extraSpecs[PROFILE_KEY];
  const profile = name === undefined ? ok([]) : profileOf(name, terms.profiles);
  if (!profile.ok) return err({ message: profile.error, meant: `${PROFILE_KEY}=${name ?? ''}` });
  const groups = [...groupsOf(extraSpecs), ...profile.value.flatMap(profileGroup)];
  const devices: Record<DeviceClass, number> = { ...pci.value };
  const classes = new Map<DeviceClass, PlacementClass>();
  for (const group of groups) {
    for (const [resourceClass, text] of group.resources) {
      if (!isDevice(resourceClass)) continue;
      if (!/^\d{1,4}$/.test(text))
        return err({ message: `resources:${resourceClass}='${text}' is no count`, meant: resourceClass });
      const count = Number(text);
      if (count === 0) continue;
      const asked = classAsked(group, resourceClass, count);
      classes.set(asked.name, asked);
      devices[asked.name] = (devices[asked.name] ?? 0) + count;
    }
  }
  if (Object.keys(devices).length === 0) return null;
  return ok({ devices, classes: [...classes.values()], resources: replacedResources(extraSpecs) });
}

/** Whether an extra spec asks for devices that Placement counts. */
export function asksPlacement(extraSpecs: Readonly<Record<string, string>>): boolean {
  return Object.keys(extraSpecs).some((key) => {
    const resourceClass = RESOURCES_KEY.exec(key)?.[2];
    return key === PROFILE_KEY || (resourceClass !== undefined && isDevice(resourceClass));
  });
}

/** What it was meant to ask for, so that a misconfigured flavor still counts as one with GPUs. */
function meantByAlias(spec: string, aliases: Aliases): DeviceClass {
  return classOf(spec.split(/[:,]/)[0]?.trim() || spec, aliases);
}

function profileOf(name: string, profiles: DeviceProfiles): Result<readonly DeviceGroup[], string> {
  return profiles.get(name) ?? err(`there is no device profile '${name}'`);
}

/** A request group of Placement: the unsuffixed one may spread over the tree, the others are one provider. */
interface Group {
  readonly isSuffixed: boolean;
  readonly resources: readonly (readonly [resourceClass: string, amount: string])[];
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
}

const RESOURCES_KEY = /^resources([A-Za-z0-9_-]{0,64}):(\w+)$/;
const TRAIT_KEY = /^trait([A-Za-z0-9_-]{0,64}):(\w+)$/;

function groupsOf(extraSpecs: Readonly<Record<string, string>>): readonly Group[] {
  const entries = Object.entries(extraSpecs);
  const suffixes = new Set(entries.flatMap(([key]) => RESOURCES_KEY.exec(key)?.[1] ?? []));
  return [...suffixes].map((suffix) => {
    const within = (pattern: RegExp): [string, string][] =>
      entries.flatMap(([key, value]): [string, string][] => {
        const match = pattern.exec(key);
        return match?.[1] === suffix ? [[match[2] ?? '', value.trim()]] : [];
      });
    return { isSuffixed: suffix !== '', resources: within(RESOURCES_KEY), ...traits(within(TRAIT_KEY)) };
  });
}

function profileGroup(group: DeviceGroup): Group {
  const entries = Object.entries(group).map(([key, value]) => [key.trim(), value.trim()] as const);
  const within = (prefix: string): [string, string][] =>
    entries.flatMap(([key, value]): [string, string][] =>
      key.startsWith(prefix) ? [[key.slice(prefix.length).trim(), value]] : [],
    );
  return { isSuffixed: true, resources: within('resources:'), ...traits(within('trait:')) };
}

function traits(named: readonly (readonly [trait: string, word: string])[]): {
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
} {
  const having = (wanted: string): readonly string[] =>
    named.flatMap(([trait, word]) => (word === wanted ? [trait] : [])).toSorted();
  return { required: having('required'), forbidden: having('forbidden') };
}

/** os-resource-classes 1.1.0: the standard classes that are accelerators, and whatever an operator made up. */
function isDevice(resourceClass: string): boolean {
  return /^(VGPU|PGPU|FPGA|PCI_DEVICE|CUSTOM_[A-Z0-9_]+)$/.test(resourceClass);
}

function classAsked(group: Group, resourceClass: string, count: number): PlacementClass {
  const { isSuffixed, required, forbidden } = group;
  const together = isSuffixed ? count : 1;
  const wanted = [...required, ...forbidden.map((trait) => `!${trait}`)].join(',');
  const where = wanted === '' ? '' : `${isSuffixed ? ':' : '@'}${wanted}`;
  const name = `${resourceClass}${where}${together > 1 ? `-x${together}` : ''}`;
  return { name, resourceClass, together, required, forbidden, traitsOfTree: !isSuffixed };
}

function replacedResources(extraSpecs: Readonly<Record<string, string>>): Partial<Resources> {
  const amount = (resourceClass: string): number | null => {
    const text = extraSpecs[`resources:${resourceClass}`];
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;
  };
  const [vcpus, memoryMiB, diskGiB] = [amount('VCPU'), amount('MEMORY_MB'), amount('DISK_GB')];
  return {
    ...(vcpus !== null && { vcpus }),
    ...(memoryMiB !== null && { memoryMiB }),
    ...(diskGiB !== null && { diskGiB }),
  };
}
