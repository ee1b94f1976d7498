/** Names of devices, from pci.ids where the host has it, else from a table of GPUs of data centres. */
import { modelOf, type PciDevice } from './device.ts';

interface KnownGpu {
  readonly name: string;
  /** It has SR-IOV, so Nova reports it as a physical function (type-PF). */
  readonly isPf: boolean;
}

const KNOWN: Readonly<Record<string, KnownGpu>> = {
  '10de:15f8': { name: 'Tesla P100 PCIe 16GB', isPf: false },
  '10de:1b38': { name: 'Tesla P40', isPf: false },
  '10de:1db1': { name: 'Tesla V100 SXM2 16GB', isPf: false },
  '10de:1db4': { name: 'Tesla V100 PCIe 16GB', isPf: false },
  '10de:1db5': { name: 'Tesla V100 SXM2 32GB', isPf: false },
  '10de:1db6': { name: 'Tesla V100 PCIe 32GB', isPf: false },
  '10de:1eb8': { name: 'Tesla T4', isPf: true },
  '10de:20b0': { name: 'A100 SXM4 40GB', isPf: true },
  '10de:20b2': { name: 'A100 SXM4 80GB', isPf: true },
  '10de:20b5': { name: 'A100 PCIe 80GB', isPf: true },
  '10de:20b7': { name: 'A30 PCIe', isPf: true },
  '10de:20f1': { name: 'A100 PCIe 40GB', isPf: true },
  '10de:2235': { name: 'A40', isPf: true },
  '10de:2236': { name: 'A10', isPf: true },
  '10de:22a3': { name: 'NVSwitch H100', isPf: false },
  '10de:2330': { name: 'H100 SXM5 80GB', isPf: true },
  '10de:2331': { name: 'H100 PCIe', isPf: true },
  '10de:2335': { name: 'H200 SXM 141GB', isPf: true },
  '10de:26b5': { name: 'L40', isPf: true },
  '10de:26b9': { name: 'L40S', isPf: true },
  '10de:27b8': { name: 'L4', isPf: true },
  '1002:738c': { name: 'Instinct MI100', isPf: false },
  '1002:740f': { name: 'Instinct MI210', isPf: true },
  '1002:74a1': { name: 'Instinct MI300X', isPf: true },
};

/** Names by `vendor:product`. */
export type Names = ReadonlyMap<string, string>;

/** The product names of these devices in the text of a pci.ids file; lines that make no sense are passed over. */
export function namesIn(pciIds: string, devices: readonly PciDevice[]): Names {
  const wanted = new Set(devices.map(modelOf));
  const names = new Map<string, string>();
  let vendor = '';
  for (const line of pciIds.split('\n')) {
    // Classes come after the vendors, and look like them.
    if (/^C [0-9a-f]{2} /.test(line)) break;
    vendor = /^([0-9a-f]{4}) /.exec(line)?.[1] ?? vendor;
    const product = /^\t([0-9a-f]{4}) +(.+)$/.exec(line);
    const model = `${vendor}:${product?.[1] ?? ''}`;
    // `GV100GL [Tesla V100 PCIe 16GB]`: the name that people use is in brackets.
    if (product !== null && wanted.has(model)) names.set(model, shortName(product[2] ?? ''));
  }
  return names;
}

/** `NVIDIA Corporation GV100GL [Tesla V100 PCIe 16GB]` → `Tesla V100 PCIe 16GB`. */
export function shortName(text: string): string {
  return /\[([^[\]]+)\]\s*$/.exec(text)?.[1] ?? text.trim();
}

/** A product's name, or its ids where nobody knows one. */
export function nameOf(model: string, names: Names): string {
  return KNOWN[model]?.name ?? names.get(model) ?? model;
}

/** Whether Nova reports it as a physical function. Where the source does not tell, by the product. */
export function isPhysicalFunction(device: PciDevice): boolean {
  return device.vfsMax === null ? (KNOWN[modelOf(device)]?.isPf ?? false) : device.vfsMax > 0;
}
