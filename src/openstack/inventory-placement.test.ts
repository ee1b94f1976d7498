import { describe, expect, test } from 'vitest';
import { err, ok } from '../base/result.ts';
import { cloudOf, flavor, hypervisor, server } from './denbi.fixtures.ts';
import type { DeviceProfiles } from './gpu-flavor-needs.ts';
import { counted, take } from './inventory.fixtures.ts';
import type { InventoryInput } from './inventory.ts';
import type { ProviderSummary } from './placement/summaries.ts';
import { treesOf, type Trees } from './placement/trees.ts';

type Wire = Readonly<Record<string, unknown>>;
type Amounts = Readonly<Record<string, readonly [capacity: number, used: number]>>;

const T4 = 'CUSTOM_NVIDIA_1EB8';
const PLENTY: Amounts = { VCPU: [112, 0], MEMORY_MB: [385_022, 0], DISK_GB: [7392, 0] };

describe('devices that Placement counts', () => {
  const vgpu = asking('vgpu', { 'resources:VGPU': '1' });
  const trees = treesWith({ n3: [device({ VGPU: [4, 1] }), device({ VGPU: [2, 0] })], n4: [] });

  test('are slots of their host, and what is used is used by others', () => {
    const inventory = see({ flavors: [vgpu], trees });
    expect(inventory.hosts).toMatchObject([
      { name: 'n3', slots: { VGPU: 6 }, foreign: { devices: { VGPU: 1 } } },
    ]);
    expect(counted(inventory, 'vgpu')).toBe('6/5');
    expect(inventory.warnings).toEqual([]);
  });

  test('stand beside the PCI aliases of the aggregates', () => {
    const inventory = see({ flavors: [vgpu, flavor('pci', 1, 1, 'V100:1')], trees, aggregates: undefined });
    expect(inventory.hosts.map(({ slots }) => slots)).toEqual([{ V100: 2, VGPU: 6 }, { V100: 2 }]);
    expect([counted(inventory, 'vgpu'), counted(inventory, 'pci')]).toEqual(['6/5', '4/4']);
  });

  test('may be of any class, with the traits of one provider', () => {
    const spec = {
      'resources1:FPGA': '1',
      'trait1:CUSTOM_INTEL': 'required',
      'trait1:CUSTOM_OLD': 'forbidden',
    };
    const fpgas = treesWith({
      n3: [device({ FPGA: [1, 0] }, ['CUSTOM_INTEL']), device({ FPGA: [1, 0] })],
      n4: [device({ FPGA: [1, 0] }, ['CUSTOM_INTEL', 'CUSTOM_OLD'])],
    });
    const inventory = see({ flavors: [asking('fpga', spec)], trees: fpgas });
    expect(inventory.hosts.map(({ slots }) => slots)).toEqual([{ 'FPGA:CUSTOM_INTEL,!CUSTOM_OLD': 1 }]);
    expect(counted(inventory, 'fpga')).toBe('1/1');
  });

  test('of a numbered group come from one provider, of the plain group from the whole host', () => {
    const pairs = treesWith({
      n3: [device({ PGPU: [3, 1] }), device({ PGPU: [1, 0] }), device({ PGPU: [2, 0] })],
    });
    const flavors = [
      asking('together', { 'resources1:PGPU': '2' }),
      asking('apart', { 'resources:PGPU': '2' }),
      asking('groups', { 'resources1:PGPU': '1', 'resources2:PGPU': '1' }),
    ];
    const inventory = see({ flavors, trees: pairs });
    expect(flavors.map((each) => counted(inventory, String(each['name'])))).toEqual(['2/2', '3/2', '3/2']);
  });

  test('with the traits of the host, where the plain group asks for them', () => {
    const spec = { 'resources:VGPU': '1', 'trait:HW_CPU_X86_AVX2': 'required' };
    const inventory = see({
      flavors: [asking('avx', spec)],
      trees: treesWith(
        { n3: [device({ VGPU: [2, 0] })], n4: [device({ VGPU: [2, 0] })] },
        { n4: ['HW_CPU_X86_AVX2'] },
      ),
    });
    expect(inventory.hosts.map(({ name }) => name)).toEqual(['n4']);
    expect(counted(inventory, 'avx')).toBe('2/2');
  });

  test('count once, whether their server, the books, or only Placement knows of them', () => {
    const booted = (id: string, more: Wire = {}): Wire =>
      server(id, 'n3', null, { flavor: { ...embedded, extra_specs: { 'resources:VGPU': '1' } }, ...more });
    const devicesOf = (servers: readonly Wire[], isCounted: InventoryInput['isCounted']): unknown =>
      see({ flavors: [vgpu], trees, servers }, { isCounted }).hosts[0]?.foreign.devices;
    const none = (): boolean => false;
    const all = (): boolean => true;
    expect(devicesOf([booted('theirs')], none)).toEqual({ VGPU: 1 });
    expect(devicesOf([booted('a'), booted('b')], none)).toEqual({ VGPU: 2 });
    expect(devicesOf([booted('ours')], all)).toEqual({});
    expect(devicesOf([booted('ours', { status: 'BUILD', 'OS-EXT-SRV-ATTR:host': null })], all)).toEqual({});
    expect(devicesOf([booted('gone', { status: 'ERROR', 'OS-EXT-SRV-ATTR:host': null })], all)).toEqual({
      VGPU: 1,
    });
  });

  test('of overlapping classes are use by others in the other one', () => {
    const flavors = [vgpu, asking('t4', { 'resources1:VGPU': '1', [`trait1:${T4}`]: 'required' })];
    const ours = server('ours', 'n3', null, {
      flavor: { ...embedded, extra_specs: { 'resources1:VGPU': '1', [`trait1:${T4}`]: 'required' } },
    });
    const inventory = see(
      { flavors, trees: treesWith({ n3: [device({ VGPU: [2, 1] }, [T4])] }), servers: [ours] },
      { isCounted: () => true },
    );
    expect(inventory.hosts[0]?.foreign.devices).toEqual({ VGPU: 1 });
  });

  test('that nobody has, or that may not be looked at, leave a reason', () => {
    const flavors = [asking('none', { 'resources1:PGPU': '2', [`trait1:${T4}`]: 'required' })];
    expect(see({ flavors, trees }).flavors[0]?.misconfigured).toBe(
      `no resource provider in Placement has 2 of PGPU with ${T4}`,
    );
    expect(see({ flavors, trees: null }).flavors[0]?.misconfigured).toContain('may not read Placement');
    const illegible = see({ flavors: [asking('bad', { 'resources:VGPU': 'one' })], trees });
    expect(illegible.flavors[0]?.misconfigured).toBe("resources:VGPU='one' is no count");
  });
});

describe('device profiles', () => {
  const profiled = asking('profiled', { 'accel:device_profile': 'two-t4' });
  const groups = [
    { 'resources:PGPU': '1', [`trait:${T4}`]: 'required' },
    { 'resources: PGPU': '1', [`trait: ${T4}`]: 'required', 'accel:bitstream_id': 'x' },
  ];
  const trees = treesWith({
    n3: [device({ PGPU: [1, 0] }, [T4]), device({ PGPU: [1, 1] }, [T4]), device({ PGPU: [1, 0] })],
    n4: [device({ PGPU: [1, 0] }, [T4]), device({ PGPU: [1, 0] }, [T4])],
  });

  test('say what their flavor asks for', () => {
    const inventory = see({ flavors: [profiled], trees }, { profiles: new Map([['two-t4', ok(groups)]]) });
    expect(inventory.flavors).toMatchObject([{ devices: { [`PGPU:${T4}`]: 2 }, misconfigured: null }]);
    expect(counted(inventory, 'profiled')).toBe('2/1');
  });

  test.each<[string, DeviceProfiles, string]>([
    ['nobody knows', new Map(), "there is no device profile 'two-t4'"],
    ['cannot be read', new Map([['two-t4', err('no answer')]]), 'no answer'],
  ])('that %s leave the reason', (_name, profiles, reason) => {
    const inventory = see({ flavors: [profiled], trees }, { profiles });
    expect(inventory.flavors).toMatchObject([{ devices: {}, misconfigured: reason }]);
    expect(counted(inventory, 'profiled')).toBe('0/0');
  });
});

describe('vCPUs, memory and disk', () => {
  const gpu = flavor('gpu', 28, 131_072, 'V100:1');

  test('are overcommitted as Placement says, whatever the ratio of the configuration', () => {
    const half: Amounts = { VCPU: [56, 28], MEMORY_MB: [262_144, 131_072], DISK_GB: [500, 51] };
    const cloud = {
      flavors: [gpu],
      trees: treesWith({ n3: [], n4: [] }, {}, { n3: half }),
      aggregates: undefined,
    };
    const inventory = see(cloud, { vcpuRatio: 64 });
    expect(inventory.hosts).toMatchObject([
      {
        capacity: { vcpus: 56, memoryMiB: 262_144, diskGiB: 500 },
        foreign: { resources: { vcpus: 28, memoryMiB: 131_072, diskGiB: 51 } },
      },
      { capacity: { vcpus: 112 }, foreign: { resources: { vcpus: 0, memoryMiB: 0, diskGiB: 0 } } },
    ]);
    expect(counted(inventory, 'gpu')).toBe('4/3');
  });

  test('that only Nova counts are taken from there', () => {
    const shared: Amounts = { VCPU: [112, 0], MEMORY_MB: [385_022, 0] };
    const cloud = { flavors: [gpu], trees: treesWith({ n3: [] }, {}, { n3: shared }), aggregates: undefined };
    expect(see(cloud).hosts.map(({ capacity }) => capacity.diskGiB)).toEqual([7392, 7392]);
  });

  test('of which a server of ours takes no disk, since it has a volume, free none of the others', () => {
    const used: Amounts = { VCPU: [112, 28], MEMORY_MB: [385_022, 65_536], DISK_GB: [7392, 0] };
    const cloud = { flavors: [gpu], trees: treesWith({ n3: [] }, {}, { n3: used }), aggregates: undefined };
    const of = (isCounted: boolean): unknown =>
      see({ ...cloud, servers: [server('vm', 'n3', 'V100:1')] }, { isCounted: () => isCounted }).hosts[0]
        ?.foreign;
    expect(of(false)).toEqual({
      resources: { vcpus: 28, memoryMiB: 65_536, diskGiB: 0 },
      devices: { V100: 1 },
    });
    expect(of(true)).toEqual({ resources: { vcpus: 0, memoryMiB: 0, diskGiB: 0 }, devices: {} });
  });
});

const embedded = { original_name: 'gpu', vcpus: 0, ram: 0, disk: 0, swap: 0, ephemeral: 0 };

function asking(name: string, extraSpecs: Wire): Wire {
  return flavor(name, 1, 1024, null, { extra_specs: extraSpecs });
}

/** Hosts n3 and n4, without aggregates unless they are asked for. */
function see(
  parts: {
    readonly flavors: readonly Wire[];
    readonly trees: Trees | null;
    readonly servers?: readonly Wire[];
    readonly aggregates?: undefined;
  },
  more: Partial<InventoryInput> = {},
): ReturnType<typeof take> {
  const idle = { vcpus_used: 0, memory_mb_used: 512, local_gb_used: 0, disk_available_least: null };
  const { flavors, trees, servers = [] } = parts;
  const cloud = cloudOf({
    flavors,
    servers,
    hypervisors: [hypervisor('n3', idle), hypervisor('n4', idle)],
    ...('aggregates' in parts ? {} : { aggregates: [] }),
  });
  return take(cloud, { trees, ...more });
}

function device(
  amounts: Amounts,
  traits: readonly string[] = [],
): Pick<ProviderSummary, 'resources' | 'traits'> {
  const resources = Object.entries(amounts).map(
    ([name, [capacity, used]]) => [name, { capacity, used }] as const,
  );
  return { resources: Object.fromEntries(resources), traits: new Set(traits) };
}

/** Trees of hosts with these devices, traits of the host, and amounts of the host. */
function treesWith(
  devices: Readonly<Record<string, readonly Pick<ProviderSummary, 'resources' | 'traits'>[]>>,
  traits: Readonly<Record<string, readonly string[]>> = {},
  amounts: Readonly<Record<string, Amounts>> = {},
): Trees {
  const summaries = Object.entries(devices).flatMap(([host, found]) => {
    const rootId = `uuid-${host}`;
    const root = { id: rootId, rootId, ...device(amounts[host] ?? PLENTY, traits[host] ?? []) };
    return [root, ...found.map((each, index) => ({ id: `${rootId}-${index}`, rootId, ...each }))];
  });
  return treesOf(summaries);
}
