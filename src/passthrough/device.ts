/** PCI devices as the planner knows them, whichever source told of them. */

/** `DDDD:BB:DD.F` in lower-case hex; the domain has four digits or more. */
export type PciAddress = string;

/** `unknown`: the source does not tell. `none`: no driver holds it. */
export type Binding =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'none' }
  | { readonly kind: 'driver'; readonly name: string };

export interface PciDevice {
  readonly address: PciAddress;
  /** Four lower-case hex digits, as all ids here. */
  readonly vendorId: string;
  readonly productId: string;
  /** 24 bits: base class, subclass, programming interface. */
  readonly classCode: number;
  /** From its configuration space; null: the source does not tell. */
  readonly headerType: number | null;
  /** null: not known. */
  readonly numaNode: number | null;
  /**
   * The group's number of this boot, which the next one may change: good to group by and to show, never to
   * keep. null: there is no IOMMU, or its translation is off.
   */
  readonly group: number | null;
  readonly binding: Binding;
  /** null: none is set. */
  readonly driverOverride: string | null;
  /** The firmware's console is on it. */
  readonly bootVga: boolean;
  /** Virtual functions that it could have; 0: it has no SR-IOV; null: the source does not tell. */
  readonly vfsMax: number | null;
  /** Virtual functions that it has now. */
  readonly vfs: number;
  /** Of a virtual function: the card that it is a part of. */
  readonly physicalFunction: PciAddress | null;
  /** A mediated device (vGPU) lives on it. */
  readonly hasMdevs: boolean;
}

/** What a source tells of a host. */
export interface Inventory {
  readonly devices: readonly PciDevice[];
  /** By the kind of its IOMMU, else its host bridge; null: neither is known. */
  readonly cpuVendor: 'intel' | 'amd' | null;
}

export const NVIDIA = '10de';
export const AMD = '1002';

const ADDRESS = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-1][0-9a-f])\.([0-7])$/;

/** With the domain, in lower case: `A3:00.0` → `0000:a3:00.0`; null: no address. */
export function addressOf(text: string): PciAddress | null {
  const match = ADDRESS.exec(text.toLowerCase());
  return match === null ? null : `${match[1] ?? '0000'}:${match[2]}:${match[3]}.${match[4]}`;
}

/** Address without its function: what functions of one card have in common. */
export function slotOf(address: PciAddress): string {
  return address.slice(0, -2);
}

/** VGA, 3D and other display controllers, and processing accelerators, all endpoints. */
export function isGpu({ classCode, headerType }: PciDevice): boolean {
  const [base, sub] = [classCode >> 16, (classCode >> 8) & 0xff];
  const hasClass = (base === 0x03 && [0x00, 0x02, 0x80].includes(sub)) || (base === 0x12 && sub === 0x00);
  return hasClass && (headerType ?? 0) === 0;
}

/**
 * NVLink's switch is an endpoint although its class says bridge. GPUs behind it work in a virtual machine
 * only together, or by partitions of the Fabric Manager.
 */
export function isNvswitch({ vendorId, classCode, headerType }: PciDevice): boolean {
  return vendorId === NVIDIA && classCode >> 8 === 0x06_80 && (headerType ?? 0) === 0;
}

/** Bridges need no driver of VFIO and are never passed. Host bridges have the header of an endpoint. */
export function isBridge({ classCode, headerType }: PciDevice): boolean {
  const kind = classCode >> 8;
  return headerType === null ? kind === 0x06_00 || kind === 0x06_04 : headerType > 0 || kind === 0x06_00;
}

/** Whether a group can be opened with this binding. */
export function isForVfio(binding: Binding): boolean {
  if (binding.kind === 'driver') return /vfio/.test(binding.name) || binding.name === 'pci-stub';
  return binding.kind === 'none';
}

/** `10de:1db4`. */
export function modelOf({ vendorId, productId }: PciDevice): string {
  return `${vendorId}:${productId}`;
}
