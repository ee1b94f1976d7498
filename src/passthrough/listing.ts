/** The listing `IOMMU Group N ADDRESS …` that the usual loop around `lspci -nns` prints. */
import { err, ok, type Result } from '../base/result.ts';
import { addressOf, type Inventory, type PciDevice } from './device.ts';
import { shortName, type Names } from './names.ts';

const LINE =
  /^IOMMU Group (\d+) ([0-9a-fA-F:.]+) (.*) \[([0-9a-f]{4})\]: (.*) \[([0-9a-f]{4}):([0-9a-f]{4})\](?: \(rev ..\))?(?: \(prog-if .*\))?$/;

/** A host has some hundreds of PCI functions; with virtual functions some thousands. */
export const DEVICES_MAX = 16_384;

export interface Listing {
  readonly inventory: Inventory;
  readonly names: Names;
}

/**
 * Reads a listing; lines that are blank are passed over, any other that is no such line is an error that
 * names it. What it does not tell: drivers, NUMA nodes, the console, SR-IOV.
 */
export function readListing(text: string): Result<Listing, string> {
  const devices = new Map<string, PciDevice>();
  const names = new Map<string, string>();
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '') continue;
    const match = LINE.exec(line);
    const address = addressOf(match?.[2] ?? '');
    if (match === null || address === null)
      return err(`line ${at + 1} is not of the form 'IOMMU Group 19 27:00.0 CLASS [0302]: NAME [10de:1db4]'`);
    const [, group = '', , , classText = '', name = '', vendorId = '', productId = ''] = match;
    if (devices.has(address)) return err(`line ${at + 1}: ${address} stands in the listing twice`);
    if (devices.size >= DEVICES_MAX) return err(`there are more than ${DEVICES_MAX} devices`);
    names.set(`${vendorId}:${productId}`, shortName(name));
    devices.set(address, {
      address,
      vendorId,
      productId,
      classCode: Number.parseInt(classText, 16) << 8,
      headerType: null,
      numaNode: null,
      group: Number(group),
      binding: { kind: 'unknown' },
      driverOverride: null,
      bootVga: false,
      vfsMax: null,
      vfs: 0,
      physicalFunction: null,
      hasMdevs: false,
    });
  }
  if (devices.size === 0) return err('there is no line in it');
  return ok({ inventory: { devices: [...devices.values()], cpuVendor: cpuOf(devices.values()) }, names });
}

/** By the maker of the host bridges. */
export function cpuOf(devices: Iterable<PciDevice>): Inventory['cpuVendor'] {
  for (const { classCode, vendorId } of devices) {
    if (classCode >> 8 !== 0x06_00) continue;
    if (vendorId === '8086') return 'intel';
    if (vendorId === '1022') return 'amd';
  }
  return null;
}
