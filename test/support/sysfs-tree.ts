import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** A device of a made-up host, as sysfs would show it. */
export interface FakeDevice {
  readonly address: string;
  /** `10de:1db4`. */
  readonly model?: string;
  /** `030200`. */
  readonly class?: string;
  readonly headerType?: number;
  readonly group?: number;
  readonly driver?: string;
  /** Further files by path below the device, with their text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further links. */
  readonly links?: Readonly<Record<string, string>>;
}

export interface SysfsTree {
  /** What /sys would be. */
  readonly root: string;
  remove(): void;
}

const recorded = z.object({
  machine: z.string(),
  files: z.record(z.string(), z.string()),
  links: z.record(z.string(), z.string()),
});

/** The tree of a made-up host, with the command line of its kernel beside it. */
export function fakeSysfs(devices: readonly FakeDevice[], commandLine = ''): SysfsTree {
  const tree = emptyTree();
  write(join(tree.root, '../proc/cmdline'), `${commandLine}\n`);
  for (const device of devices) {
    const { address, model = '10de:1db4', headerType = 0, group, driver } = device;
    const dir = join(tree.root, 'bus/pci/devices', address);
    const [vendor, product] = model.split(':');
    write(join(dir, 'vendor'), `0x${vendor}\n`);
    write(join(dir, 'device'), `0x${product}\n`);
    write(join(dir, 'class'), `0x${device.class ?? '030200'}\n`);
    // The high bit says that there are more functions, and is no part of the type.
    write(join(dir, 'config'), Buffer.alloc(64).fill(headerType | 0x80, 0x0e, 0x0f));
    for (const [path, text] of Object.entries({
      numa_node: '-1\n',
      driver_override: '(null)\n',
      ...device.files,
    }))
      write(join(dir, path), text);
    for (const [path, to] of Object.entries(device.links ?? {})) symlinkSync(to, join(dir, path));
    if (driver !== undefined) symlinkSync(`../../drivers/${driver}`, join(dir, 'driver'));
    if (group === undefined) continue;
    symlinkSync(`../../../../kernel/iommu_groups/${group}`, join(dir, 'iommu_group'));
    const members = join(tree.root, 'kernel/iommu_groups', String(group), 'devices');
    mkdirSync(members, { recursive: true });
    symlinkSync(`../../../../bus/pci/devices/${address}`, join(members, address));
  }
  return tree;
}

/** A tree of a real machine, from test/fixtures/sysfs. */
export function recordedSysfs(name: string): SysfsTree {
  const path = join(import.meta.dirname, '../fixtures/sysfs', `${name}.json`);
  const { files, links } = recorded.parse(JSON.parse(readFileSync(path, 'utf8')));
  const tree = emptyTree();
  for (const [file, text] of Object.entries(files))
    write(join(tree.root, file), file.endsWith('/config') ? Buffer.from(text, 'hex') : text);
  for (const [link, to] of Object.entries(links)) {
    mkdirSync(dirname(join(tree.root, link)), { recursive: true });
    symlinkSync(to, join(tree.root, link));
  }
  return tree;
}

function emptyTree(): SysfsTree {
  const folder = mkdtempSync(join(tmpdir(), 'berth-sysfs-'));
  const root = join(folder, 'sys');
  mkdirSync(join(root, 'bus/pci/devices'), { recursive: true });
  return { root, remove: () => rmSync(folder, { recursive: true }) };
}

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
