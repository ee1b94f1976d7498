/** IOMMU groups: what one virtual machine gets whole or not at all, and whether it can. */
import {
  isBridge,
  isForVfio,
  isGpu,
  isNvswitch,
  modelOf,
  NVIDIA,
  slotOf,
  type PciAddress,
  type PciDevice,
} from './device.ts';

/** From hopeless to done. The first that applies is the verdict. */
export type Verdict = 'no_iommu' | 'blocked' | 'host_console' | 'needs_binding' | 'ready';

/** Why a group is blocked: what would have to change is another thing for each. */
export type Blocker =
  | { readonly kind: 'foreign'; readonly addresses: readonly PciAddress[] }
  | { readonly kind: 'domain'; readonly addresses: readonly PciAddress[] }
  | { readonly kind: 'vfs'; readonly addresses: readonly PciAddress[] }
  | { readonly kind: 'mdevs'; readonly addresses: readonly PciAddress[] }
  | { readonly kind: 'vgpu'; readonly addresses: readonly PciAddress[] };

export interface Group {
  /** Sorted addresses of its members: stays the same when the kernel numbers groups anew. */
  readonly key: string;
  /** Of this boot, to be shown; null: there is none. */
  readonly number: number | null;
  readonly members: readonly PciDevice[];
  readonly gpus: readonly PciDevice[];
  /** Other functions of the cards: sound, USB. Bound beside the GPU; need not be passed. */
  readonly companions: readonly PciDevice[];
  readonly switches: readonly PciDevice[];
  /** What the host would lose. */
  readonly foreign: readonly PciDevice[];
  readonly bridges: readonly PciDevice[];
  readonly verdict: Verdict;
  /** Every reason, not only the first. */
  readonly blockers: readonly Blocker[];
  readonly isConsole: boolean;
}

/**
 * The groups with a GPU or an NVSwitch in them, by key. Without an IOMMU each slot is shown as one group.
 * `givesConsole`: the operator agrees to hand out the card of the firmware's console.
 */
export function groupsOf(devices: readonly PciDevice[], givesConsole: boolean): readonly Group[] {
  const byGroup = new Map<string, PciDevice[]>();
  for (const device of devices.toSorted((a, b) => compare(a.address, b.address))) {
    const key = device.group === null ? `slot ${slotOf(device.address)}` : `group ${device.group}`;
    const members = byGroup.get(key);
    if (members === undefined) byGroup.set(key, [device]);
    else members.push(device);
  }
  return [...byGroup.values()]
    .map((members) => groupOf(members, givesConsole))
    .filter(({ gpus, switches }) => gpus.length > 0 || switches.length > 0);
}

/** Everything of a group that a VFIO driver must hold, or no driver. */
export function endpointsOf({ gpus, companions, switches }: Group): readonly PciDevice[] {
  return [...gpus, ...companions, ...switches].toSorted((a, b) => compare(a.address, b.address));
}

export function isUsable({ verdict }: Group): boolean {
  return verdict === 'needs_binding' || verdict === 'ready';
}

/** Orders addresses, and keys that begin with one. */
export function compare(a: string, b: string): number {
  // Domains may have more than four digits; parsing ends at the colon.
  return Number.parseInt(a, 16) - Number.parseInt(b, 16) || (a < b ? -1 : Number(a > b));
}

function groupOf(members: readonly PciDevice[], givesConsole: boolean): Group {
  const gpus = members.filter(isGpu);
  const slots = new Set(gpus.map(({ address }) => slotOf(address)));
  const rest = members.filter((device) => !isGpu(device) && !isBridge(device));
  const isCompanion = (device: PciDevice): boolean =>
    slots.has(slotOf(device.address)) && !isNvswitch(device);
  const companions = rest.filter(isCompanion);
  const switches = rest.filter(isNvswitch);
  const foreign = rest.filter((device) => !isCompanion(device) && !isNvswitch(device));
  const blockers = blockersOf(gpus, foreign);
  const isConsole = gpus.some(({ bootVga }) => bootVga);
  const endpoints = [...gpus, ...companions, ...switches];
  return {
    key: members.map(({ address }) => address).join(','),
    number: members[0]?.group ?? null,
    members,
    gpus,
    companions,
    switches,
    foreign,
    bridges: members.filter(isBridge),
    verdict: verdictOf(members, endpoints, blockers, isConsole && !givesConsole),
    blockers,
    isConsole,
  };
}

function blockersOf(gpus: readonly PciDevice[], foreign: readonly PciDevice[]): readonly Blocker[] {
  const found: readonly Blocker[] = [
    { kind: 'foreign', addresses: addresses(foreign) },
    { kind: 'domain', addresses: addresses(gpus.filter(({ address }) => isBeyondNova(address))) },
    { kind: 'vfs', addresses: addresses(gpus.filter(({ vfs }) => vfs > 0)) },
    { kind: 'mdevs', addresses: addresses(gpus.filter(({ hasMdevs }) => hasMdevs)) },
    // Virtual functions of AMD and Intel are devices to pass; those of NVIDIA need a vGPU type first.
    { kind: 'vgpu', addresses: addresses(gpus.filter((gpu) => isVf(gpu) && gpu.vendorId === NVIDIA)) },
  ];
  return found.filter((blocker) => blocker.addresses.length > 0);
}

/** Intel VMD makes such domains. */
function isBeyondNova(address: PciAddress): boolean {
  return Number.parseInt(address, 16) > 0xff_ff;
}

function verdictOf(
  members: readonly PciDevice[],
  endpoints: readonly PciDevice[],
  blockers: readonly Blocker[],
  isKeptConsole: boolean,
): Verdict {
  if (members.some(({ group }) => group === null)) return 'no_iommu';
  if (blockers.length > 0) return 'blocked';
  if (isKeptConsole) return 'host_console';
  return endpoints.every(({ binding }) => isForVfio(binding)) ? 'ready' : 'needs_binding';
}

/** One sentence for people; '' where nothing is to be said. */
export function reasonOf(group: Group): string {
  const { verdict } = group;
  if (verdict === 'no_iommu')
    return 'no IOMMU group: off in the firmware or the kernel, or a virtual machine';
  if (verdict === 'blocked') return group.blockers.map(blockerText).join('; ');
  if (verdict === 'host_console') return "the firmware's console is on it (--give-console)";
  if (verdict === 'ready') return '';
  const wrong = endpointsOf(group).filter(({ binding }) => !isForVfio(binding));
  const held = wrong.map(({ address, binding }) =>
    binding.kind === 'driver' ? `${address} is held by ${binding.name}` : address,
  );
  const known = wrong.every(({ binding }) => binding.kind === 'driver');
  return known ? held.join(', ') : `drivers not known: ${held.join(', ')}`;
}

function blockerText({ kind, addresses: where }: Blocker): string {
  const list = where.join(', ');
  const texts: Readonly<Record<Blocker['kind'], string>> = {
    foreign: `the host would lose ${list}`,
    domain: `Nova takes no domain above ffff, such as that of ${list}`,
    vfs: `virtual functions of ${list} are enabled`,
    mdevs: `vGPUs (mediated devices) live on ${list}`,
    vgpu: `${list} is a virtual function that needs a vGPU type; use [devices]enabled_mdev_types`,
  };
  return texts[kind];
}

export function isVf({ physicalFunction }: PciDevice): boolean {
  return physicalFunction !== null;
}

function addresses(devices: readonly PciDevice[]): readonly PciAddress[] {
  return devices.map(({ address }) => address);
}

/** Product ids of a group's GPUs: `10de:1db4`, or several joined by `+`. */
export function modelsOf(gpus: readonly PciDevice[]): string {
  return [...new Set(gpus.map(modelOf))].toSorted().join('+');
}
