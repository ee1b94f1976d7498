import type { ProviderId } from '../base/ids.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceClass } from '../domain/model/host.ts';
import { flavorIdOf, resourcesOf, scratchGiBOf } from './gpu-flavor.ts';
import { deviceNeeds, type Terms } from './gpu-flavor-needs.ts';
import type { NovaFlavor } from './nova/flavors.ts';

/**
 * `DEPRECATED` anywhere in the name, in capitals: how operators of the flavor report take a flavor out of it.
 */
const DEPRECATED = 'DEPRECATED';

/**
 * A flavor as something to borrow; null: it has no device. A flavor that can never boot stays listed, with
 * the reason. `missing`: why nobody has a class; null: somebody has. `position`: place in Nova's list.
 */
export function gpuFlavor(
  flavor: NovaFlavor,
  context: {
    readonly providerId: ProviderId;
    readonly terms: Terms;
    readonly missing: (deviceClass: DeviceClass) => string | null;
    readonly position: number;
  },
): Flavor | null {
  const needs = deviceNeeds(flavor.extraSpecs, context.terms);
  if (needs === null) return null;
  const replaced = needs.ok ? needs.value.resources : {};
  return {
    id: flavorIdOf(context.providerId, flavor.id),
    externalId: flavor.id,
    providerId: context.providerId,
    name: flavor.name,
    description: flavor.description ?? '',
    resources: { ...resourcesOf(flavor), ...replaced },
    devices: needs.ok ? needs.value.devices : { [needs.error.meant]: 1 },
    scratchGiB: scratchGiBOf(flavor),
    disabled: flavor.disabled,
    position: context.position,
    misconfigured: needs.ok
      ? firstReason(Object.keys(needs.value.devices), context.missing)
      : needs.error.message,
    reported: !flavor.name.includes(DEPRECATED),
  };
}

function firstReason(
  classes: readonly DeviceClass[],
  missing: (deviceClass: DeviceClass) => string | null,
): string | null {
  for (const deviceClass of classes) {
    const reason = missing(deviceClass);
    if (reason !== null) return reason;
  }
  return null;
}
