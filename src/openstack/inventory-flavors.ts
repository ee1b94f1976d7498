/** Nova's flavors as flavors of ours, and the classes of devices that they ask for. Pure. */
import type { ProviderId } from '../base/ids.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceClass } from '../domain/model/host.ts';
import { asksPlacement, deviceNeeds, type PlacementClass, type Terms } from './gpu-flavor-needs.ts';
import { gpuFlavor } from './gpu-flavor-offer.ts';
import type { NovaFlavor } from './nova/flavors.ts';

/** Classes of Placement that some flavor asks for. */
export function classesAsked(
  flavors: readonly NovaFlavor[],
  terms: Terms,
): ReadonlyMap<DeviceClass, PlacementClass> {
  const asked = new Map<DeviceClass, PlacementClass>();
  for (const { extraSpecs } of flavors) {
    const needs = deviceNeeds(extraSpecs, terms);
    if (needs?.ok) for (const each of needs.value.classes) asked.set(each.name, each);
  }
  return asked;
}

export interface FlavorsInput {
  readonly providerId: ProviderId;
  readonly flavors: readonly NovaFlavor[];
  readonly terms: Terms;
  readonly classes: ReadonlyMap<DeviceClass, PlacementClass>;
  /** Classes that some host has. */
  readonly known: ReadonlySet<DeviceClass>;
  /** Where the hosts with a gpu_type stand: in host aggregates, or in Berth's configuration. */
  readonly hostsFrom: 'aggregates' | 'configuration';
  /** `unread`: nobody has looked; `closed`: it may not be read. */
  readonly placement: 'read' | 'closed' | 'unread';
}

/** Flavors with devices, in Nova's order; a warning for each that cannot be borrowed. */
export function flavorsOf(input: FlavorsInput, warnings: string[]): readonly Flavor[] {
  const { providerId, terms } = input;
  return input.flavors.flatMap((nova, position) => {
    if (input.placement === 'unread' && asksPlacement(nova.extraSpecs)) {
      warnings.push(`flavor '${nova.name}': its accelerators are counted by Placement, which was not read`);
      return [];
    }
    const missing = (deviceClass: DeviceClass): string | null => reasonMissing(input, deviceClass);
    const flavor = gpuFlavor(nova, { providerId, terms, missing, position });
    if (flavor === null) return [];
    if (flavor.misconfigured !== null) warnings.push(`flavor '${nova.name}': ${flavor.misconfigured}`);
    return [flavor];
  });
}

function reasonMissing(input: FlavorsInput, deviceClass: DeviceClass): string | null {
  if (input.known.has(deviceClass)) return null;
  const asked = input.classes.get(deviceClass);
  if (input.hostsFrom === 'configuration')
    return `no host of this cloud in Berth's configuration has gpu_type '${deviceClass}'`;
  if (asked === undefined) return `no host aggregate has gpu_type '${deviceClass}'`;
  if (input.placement === 'closed')
    return `Placement counts its accelerators (${deviceClass}), and Berth may not read Placement`;
  const { resourceClass, together, required, forbidden } = asked;
  const amount = together > 1 ? `${together} of ${resourceClass}` : resourceClass;
  const traits = [
    ...required.map((trait) => `with ${trait}`),
    ...forbidden.map((trait) => `without ${trait}`),
  ];
  return `no resource provider in Placement has ${[amount, ...traits].join(' ')}`;
}
