/**
 * How Nova tells the cards of a plan apart. Nova knows no IOMMU groups: an alias for two cards takes any two
 * that match. Where machines of different shapes get cards of one model, each group needs a resource class.
 */
import { modelOf, type PciDevice } from '../device.ts';
import { isVf } from '../groups.ts';
import { isPhysicalFunction, nameOf, type Names } from '../names.ts';
import type { Lot, Plan } from '../plan.ts';

/** In order of time. */
export const RELEASES = ['yoga', 'zed', '2023.1', '2023.2', '2024.1', '2024.2', '2025.1', '2025.2'] as const;
export type Release = (typeof RELEASES)[number];

/** Cards that a flavor asks for by one name. */
export interface Offer {
  readonly alias: string;
  /** Own class in Placement; null: the product tells them apart well enough. */
  readonly resourceClass: string | null;
  readonly vendorId: string;
  readonly productId: string;
  readonly deviceType: 'type-PCI' | 'type-PF' | 'type-VF';
  readonly devices: readonly PciDevice[];
}

export interface Flavor {
  readonly name: string;
  readonly gpus: number;
  /** `alias:count` of each offer, as Nova's extra spec has it. */
  readonly aliases: readonly string[];
  /** Machines of this flavor that the plan has. */
  readonly machines: number;
}

export interface Offers {
  readonly offers: readonly Offer[];
  readonly flavors: readonly Flavor[];
  /** Nova of this release could give cards of one group to two machines. */
  readonly isUnsafe: boolean;
}

export function isSince(release: Release, first: Release): boolean {
  return RELEASES.indexOf(release) >= RELEASES.indexOf(first);
}

export function offersOf({ lots }: Plan, names: Names, release: Release): Offers {
  const mixed = mixedModels(lots);
  const canTell = isSince(release, '2023.1');
  const offers = new Map<string, Offer>();
  const flavors = new Map<string, Flavor>();
  for (const [at, lot] of lots.entries()) {
    const passed = [...lot.gpus, ...lot.switches];
    const parts = [...Map.groupBy(passed, kindOf)].map(([, devices]) => {
      const offer = offerOf(
        devices,
        canTell && mixed.has(kindOf(devices[0])) ? sharedBy(lot, at) : null,
        names,
      );
      const known = offers.get(offer.alias);
      offers.set(offer.alias, { ...offer, devices: [...(known?.devices ?? []), ...devices] });
      return { alias: offer.alias, count: devices.length };
    });
    const flavor = flavorOf(parts, lot);
    flavors.set(flavor.name, { ...flavor, machines: (flavors.get(flavor.name)?.machines ?? 0) + 1 });
  }
  return {
    offers: [...offers.values()],
    flavors: [...flavors.values()],
    isUnsafe: !canTell && mixed.size > 0,
  };
}

/** Kinds of devices that several machines get, at least one of them more than one: Nova could mix them up. */
function mixedModels(lots: readonly Lot[]): ReadonlySet<string> {
  const perLot = lots.map(({ gpus, switches }) => Map.groupBy([...gpus, ...switches], kindOf));
  const kinds = new Set(perLot.flatMap((counts) => [...counts.keys()]));
  return new Set(
    [...kinds].filter((kind) => {
      const counts = perLot.flatMap((lot) => lot.get(kind)?.length ?? []);
      return counts.length > 1 && counts.some((count) => count > 1);
    }),
  );
}

/** What the class of a lot is called: machines of one card may share it, larger ones need their own. */
function sharedBy({ wanted, switches }: Lot, at: number): string {
  return wanted === 1 && switches.length === 0 ? 'x1' : `x${wanted}-${at + 1}`;
}

function offerOf(devices: readonly PciDevice[], mark: string | null, names: Names): Offer {
  const [first] = devices;
  const model = first === undefined ? '' : modelOf(first);
  const base = slug(nameOf(model, names), model) + (first !== undefined && isVf(first) ? '-vf' : '');
  const alias = mark === null ? base : `${base}-${mark}`;
  return {
    alias,
    resourceClass: mark === null ? null : `CUSTOM_${alias.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}`,
    vendorId: first?.vendorId ?? '',
    productId: first?.productId ?? '',
    deviceType: typeOf(first),
    devices,
  };
}

function flavorOf(
  parts: readonly { readonly alias: string; readonly count: number }[],
  { wanted }: Lot,
): Flavor {
  const [first] = parts;
  const alias = first?.alias ?? 'gpu';
  const name = /-x\d+(?:-\d+)?$/.test(alias) ? `gpu.${alias}` : `gpu.${alias}-x${wanted}`;
  const aliases = parts.map((part) => `${part.alias}:${part.count}`);
  return { name, gpus: wanted, aliases, machines: 0 };
}

function typeOf(device: PciDevice | undefined): Offer['deviceType'] {
  if (device === undefined) return 'type-PCI';
  if (isVf(device)) return 'type-VF';
  return isPhysicalFunction(device) ? 'type-PF' : 'type-PCI';
}

/** Devices that one alias can name. */
function kindOf(device: PciDevice | undefined): string {
  return device === undefined ? '' : `${modelOf(device)} ${typeOf(device)}`;
}

/** `Tesla V100 PCIe 16GB` → `tesla-v100-pcie-16gb`. */
function slug(name: string, model: string): string {
  const text = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return text === '' ? model.replace(':', '-') : text;
}
