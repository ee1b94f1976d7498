/**
 * Reads the PCI devices of a sysfs tree: the running kernel's, or a copy. Only names, links and the first
 * bytes of small files; what is missing is not known, and no error.
 */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { addressOf, type Binding, type Inventory, type PciDevice } from '../passthrough/device.ts';
import { cpuOf, DEVICES_MAX } from '../passthrough/listing.ts';

/** No attribute that is read here is longer. */
const ATTRIBUTE_BYTES_MAX = 256;
/** Header type, in the configuration space, of which any user may read 64 bytes. */
const HEADER_TYPE_AT = 0x0e;
const MULTI_FUNCTION = 0x80;

/** null: there is no folder `bus/pci/devices`. Throws RangeError where there are too many devices. */
export function readSysfs(root: string): Inventory | null {
  const folder = join(root, 'bus/pci/devices');
  const names = entriesOf(folder);
  if (names === null) return null;
  if (names.length > DEVICES_MAX) throw new RangeError(`${folder} has more than ${DEVICES_MAX} devices`);
  const groups = groupsByMember(root);
  const devices = names.flatMap((name) => {
    const device = readDevice(folder, name, groups);
    return device === null ? [] : [device];
  });
  return { devices, cpuVendor: iommuMaker(folder, names) ?? cpuOf(devices) };
}

/** null: its name or its ids are none. */
function readDevice(folder: string, name: string, groups: ReadonlyMap<string, number>): PciDevice | null {
  const dir = join(folder, name);
  const address = addressOf(name);
  const vendorId = idOf(attribute(dir, 'vendor'));
  const productId = idOf(attribute(dir, 'device'));
  const classCode = Number(attribute(dir, 'class') ?? Number.NaN);
  if (address === null || vendorId === null || productId === null || !Number.isSafeInteger(classCode))
    return null;
  const node = wholeOf(attribute(dir, 'numa_node'));
  const override = attribute(dir, 'driver_override');
  const physicalFunction = linkOf(dir, 'physfn');
  return {
    address,
    vendorId,
    productId,
    classCode,
    headerType: headerTypeOf(dir),
    numaNode: node === null || node < 0 ? null : node,
    group: wholeOf(linkOf(dir, 'iommu_group')) ?? groups.get(address) ?? null,
    binding: bindingOf(linkOf(dir, 'driver')),
    driverOverride: override === null || override === '' || override === '(null)' ? null : override,
    bootVga: attribute(dir, 'boot_vga') === '1',
    vfsMax: wholeOf(attribute(dir, 'sriov_totalvfs')) ?? 0,
    vfs: (entriesOf(dir) ?? []).filter((entry) => /^virtfn\d+$/.test(entry)).length,
    physicalFunction: physicalFunction === null ? null : addressOf(physicalFunction),
    hasMdevs: hasMdevs(dir),
  };
}

/** A type of which none is left is taken too: another type of the card has the room. */
function hasMdevs(dir: string): boolean {
  const folder = join(dir, 'mdev_supported_types');
  return (entriesOf(folder) ?? []).some((type) => {
    const made = entriesOf(join(folder, type, 'devices')) ?? [];
    return made.length > 0 || attribute(join(folder, type), 'available_instances') === '0';
  });
}

/** For copies in which links became folders. */
function groupsByMember(root: string): ReadonlyMap<string, number> {
  const folder = join(root, 'kernel/iommu_groups');
  const numbers = (entriesOf(folder) ?? []).flatMap((name) => wholeOf(name) ?? []);
  return new Map(
    numbers.flatMap((number) => {
      const members = entriesOf(join(folder, String(number), 'devices')) ?? [];
      return members.map((member) => [addressOf(member) ?? member, number] as const);
    }),
  );
}

/** By the driver of the first IOMMU that a device names: `dmar0` of Intel, `ivhd0` of AMD. */
function iommuMaker(folder: string, names: readonly string[]): Inventory['cpuVendor'] {
  for (const name of names) {
    const unit = linkOf(join(folder, name), 'iommu') ?? '';
    if (unit.startsWith('dmar')) return 'intel';
    if (unit.startsWith('ivhd')) return 'amd';
  }
  return null;
}

function bindingOf(driver: string | null): Binding {
  return driver === null ? { kind: 'none' } : { kind: 'driver', name: driver };
}

function headerTypeOf(dir: string): number | null {
  const byte = bytesOf(join(dir, 'config'))?.[HEADER_TYPE_AT];
  return byte === undefined ? null : byte & ~MULTI_FUNCTION;
}

function idOf(text: string | null): string | null {
  return /^0x([0-9a-f]{4})$/.exec(text ?? '')?.[1] ?? null;
}

function wholeOf(text: string | null): number | null {
  return text !== null && /^-?\d{1,9}$/.test(text) ? Number(text) : null;
}

function attribute(dir: string, name: string): string | null {
  return bytesOf(join(dir, name))?.toString('utf8').trim() ?? null;
}

function bytesOf(path: string): Buffer | null {
  return optional(() => {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(ATTRIBUTE_BYTES_MAX);
      return bytes.subarray(0, readSync(file, bytes, 0, ATTRIBUTE_BYTES_MAX, 0));
    } finally {
      closeSync(file);
    }
  });
}

/** Last name of where a link points; null: there is none. */
function linkOf(dir: string, name: string): string | null {
  return optional(() => basename(readlinkSync(join(dir, name))));
}

function entriesOf(dir: string): readonly string[] | null {
  return optional(() => readdirSync(dir).toSorted());
}

/** Devices come and go while they are read, and some attributes refuse to be read. */
function optional<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return null;
    throw error;
  }
}
