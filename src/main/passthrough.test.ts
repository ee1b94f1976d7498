import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createCliTest, type CliTest } from '../../test/support/cli-io.ts';
import { fakeSysfs, recordedSysfs, type FakeDevice, type SysfsTree } from '../../test/support/sysfs-tree.ts';
import { OPENSTACK_RELEASES } from '../cli/io.ts';
import { RELEASES } from '../passthrough/files/offers.ts';
import { planPassthrough } from './passthrough.ts';

const LISTING = join(import.meta.dirname, '../../test/fixtures/six-v100.txt');
const trees: SysfsTree[] = [];
const folders: string[] = [];

afterEach(() => {
  for (const made of trees.splice(0)) made.remove();
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});

function tree(devices: readonly FakeDevice[], commandLine?: string): string {
  const made = fakeSysfs(devices, commandLine);
  trees.push(made);
  return made.root;
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'berth-plan-'));
  folders.push(made);
  return made;
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function plan(...argv: readonly string[]): Promise<Ran> {
  const cli: CliTest = createCliTest({ server: { planPassthrough } });
  const code = await cli.run('passthrough', 'plan', ...argv);
  return { code, out: cli.stdout(), error: cli.stderr() };
}

/** Rows of the groups as JSON. */
async function groups(root: string, ...argv: readonly string[]): Promise<Record<string, unknown>[]> {
  const { out } = await plan('--sysfs', root, '-f', 'json', '--long', ...argv);
  return JSON.parse(out) as Record<string, unknown>[];
}

const gpu = (bus: string, group: number, more: Partial<FakeDevice> = {}): FakeDevice => ({
  address: `0000:${bus}:00.0`,
  group,
  driver: 'vfio-pci',
  ...more,
});
const sixCards = [gpu('27', 19), gpu('28', 19), gpu('44', 32), gpu('a3', 75), gpu('c3', 87), gpu('c4', 87)];

describe('six V100 in four groups', () => {
  test('2,2,1,1 uses all of them, and says what Nova of that release cannot keep', async () => {
    const { code, out } = await plan('--listing', LISTING, '--want', '2,2,1,1', '--release', 'zed');
    expect(code).toBe(0);
    expect(out).toContain('6 of 6 GPUs are used. At most 4 machines');
    expect(out).toContain('Machine 1: 2 GPUs of group 19: 0000:27:00.0, 0000:28:00.0\n');
    expect(out).toContain('Nova before 2023.1 tells cards apart by product only');
    expect(out.match(/^device_spec = /gm)).toHaveLength(6);
    expect(out).toContain('GRUB_CMDLINE_LINUX_DEFAULT iommu=pt vfio-pci.ids=10de:1db4 ');
    expect(out).not.toMatch(/amd_iommu=on|intel_iommu/);
  });

  test('1,1,1,1,1 is refused with the reason and the cheapest change', async () => {
    const { code, error } = await plan('--listing', LISTING, '--want', '1,1,1,1,1');
    expect(code).toBe(1);
    expect(error).toContain('5 machines are wanted, and the 6 GPUs lie in 4 groups');
    expect(error).toContain('Move 0000:28:00.0 to a slot behind another root port');
    expect(error).toContain('As it is: --want 2,2,1,1 or --want 1,1,1,1.');
    expect(error).not.toContain('acs_override');
  });

  test('six machines need two moves, seven cannot be', async () => {
    const six = await plan('--listing', LISTING, '--want', '1,1,1,1,1,1');
    expect(six.error.match(/Move 0000:/g)).toHaveLength(2);
    const seven = await plan('--listing', LISTING, '--want', '7');
    expect(seven.error).toContain('7 GPUs are wanted, and 6 can be handed out');
    expect(seven.error).toContain('No change of the host that is known here is enough');
  });

  test('1,1,1,1 says what it strands, and what would free it', async () => {
    const { out } = await plan('--listing', LISTING, '--want', '1,1,1,1');
    expect(out).toContain('strands 0000:28:00.0');
    expect(out).toContain('To free more: Move 0000:28:00.0');
    // A stranded card is bound with its group, and not offered.
    expect(out.match(/^device_spec = /gm)).toHaveLength(4);
    expect(out).not.toContain('tells cards apart');
  });

  test('the sysfs tree says the same as the listing', async () => {
    const rows = await groups(tree(sixCards), '--want', '2,2,1,1');
    expect(rows.map((row) => [row['Group'], row['Machine'], row['Verdict']])).toEqual([
      [19, 1, 'ready'],
      [32, 3, 'ready'],
      [75, 4, 'ready'],
      [87, 2, 'ready'],
    ]);
  });
});

describe('what is in a group', () => {
  test('other functions of the card are bound with it', async () => {
    const card = ['030000 nvidia', '040300 snd_hda_intel', '0c0330 xhci_hcd', '0c8000 none'];
    const root = tree(
      card.map((text, at) => {
        const [kind = '', driver = ''] = text.split(' ');
        const address = `0000:01:00.${at}`;
        return {
          address,
          group: 5,
          class: kind,
          model: `10de:100${at}`,
          ...(driver !== 'none' && { driver }),
        };
      }),
    );
    const { out } = await plan('--sysfs', root);
    expect(out).toContain('needs_binding');
    expect(out).toContain('0000:01:00.1 is held by snd_hda_intel');
    expect(out.match(/^device_spec = /gm)).toHaveLength(1);
    expect(out).toContain("devices='0000:01:00.0 0000:01:00.1 0000:01:00.2 0000:01:00.3'");
    expect(out).toContain('the USB driver, often built into the kernel');
    expect(out).toContain('softdep xhci_pci pre: vfio-pci');
  });

  test('a bridge counts for nothing', async () => {
    const bridge = { address: '0000:26:00.0', group: 19, class: '060400', headerType: 1, driver: 'pcieport' };
    const rows = await groups(tree([bridge, gpu('27', 19)]));
    expect(rows).toMatchObject([{ Verdict: 'ready', Members: ['0000:26:00.0', '0000:27:00.0'] }]);
  });

  test('a disk of the host blocks it; moving it is the change', async () => {
    const disk = { address: '0000:29:00.0', group: 19, class: '010802', driver: 'nvme', model: '144d:a80a' };
    const root = tree([gpu('27', 19), disk]);
    expect(await groups(root)).toMatchObject([
      { Verdict: 'blocked', Reason: 'the host would lose 0000:29:00.0' },
    ]);
    const { code, error } = await plan('--sysfs', root);
    expect(code).toBe(1);
    expect(error).toContain('Move 0000:29:00.0 to a slot in another group');
  });

  test('without groups nothing can be passed', async () => {
    const root = tree([{ address: '0000:27:00.0', driver: 'nvidia' }]);
    expect(await groups(root)).toMatchObject([{ Verdict: 'no_iommu', Group: null }]);
    expect((await plan('--sysfs', root)).error).toContain('Enable the IOMMU');
  });

  test('a NUMA node of -1 is none', async () => {
    const node = (text: string) => ({ files: { numa_node: `${text}\n` } });
    const rows = await groups(tree([gpu('27', 1, node('-1')), gpu('28', 2, node('1'))]));
    expect(rows.map((row) => row['NUMA'])).toEqual([null, '1']);
  });

  test('a card that is shared by SR-IOV is not passed whole, nor are its functions without a vGPU type', async () => {
    const links = Object.fromEntries([0, 1, 2, 3].map((at) => [`virtfn${at}`, `../0000:27:00.${at + 4}`]));
    const card = gpu('27', 1, { model: '10de:2235', links, files: { sriov_totalvfs: '32\n' } });
    const functions = [4, 5, 6, 7].map((at) => ({
      address: `0000:27:00.${at}`,
      model: '10de:2235',
      group: at,
      driver: 'nvidia',
      links: { physfn: '../0000:27:00.0' },
    }));
    const rows = await groups(tree([card, ...functions]));
    expect(rows.map((row) => row['Verdict'])).toEqual(Array.from({ length: 5 }, () => 'blocked'));
    const idle = await plan('--sysfs', tree([{ ...card, links: {} }]));
    expect(idle.out).toContain('"device_type":"type-PF"');
  });

  test('virtual functions of AMD are devices to pass', async () => {
    const part = gpu('03', 9, { model: '1002:74b5', class: '120000', links: { physfn: '../0000:02:00.0' } });
    expect((await plan('--sysfs', tree([part]))).out).toContain('"device_type":"type-VF"');
  });

  test('long and high domains', async () => {
    const rows = await groups(
      tree([gpu('01', 3, { address: '10000:01:00.0' }), gpu('01', 2, { address: '0001:01:00.0' })]),
    );
    expect(rows.map((row) => [row['Cards'], row['Verdict']])).toEqual([
      [['0001:01:00.0'], 'ready'],
      // nova-compute would not start with it.
      [['10000:01:00.0'], 'blocked'],
    ]);
  });

  test('a card with vGPUs is in use', async () => {
    const files = { 'mdev_supported_types/nvidia-35/available_instances': '0\n' };
    const rows = await groups(tree([gpu('27', 1, { driver: 'nvidia', files })]));
    expect(rows).toMatchObject([{ Verdict: 'blocked' }]);
    expect(rows[0]?.['Reason']).toContain('vGPUs (mediated devices)');
    const free = { 'mdev_supported_types/nvidia-35/available_instances': '4\n' };
    expect(await groups(tree([gpu('27', 1, { driver: 'nvidia', files: free })]))).toMatchObject([
      { Verdict: 'needs_binding' },
    ]);
  });

  test("the console's card needs consent", async () => {
    const root = tree([gpu('27', 1, { class: '030000', files: { boot_vga: '1\n' } })]);
    const refused = await plan('--sysfs', root);
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('with --give-console')]);
    expect((await plan('--sysfs', root, '--give-console')).code).toBe(0);
  });

  test('NVSwitches tie the cards together', async () => {
    const cards = ['17', '18', '2a', '2b'].map((bus, at) => gpu(bus, at + 1, { model: '10de:2330' }));
    const root = tree([...cards, gpu('06', 9, { model: '10de:22a3', class: '068000' })]);
    const one = await plan('--sysfs', root, '--want', '1');
    expect(one.out).toContain('1 of 4 GPUs are used. At most 1 machine');
    const two = await plan('--sysfs', root, '--want', '2,2');
    expect(two.error).toContain('NVSwitches tie the GPUs together');
    expect((await plan('--sysfs', root)).out).toContain('h100-sxm5-80gb:4,nvswitch-h100:1');
  });
});

test('a recorded virtual machine with one H100', async () => {
  const recorded = recordedSysfs('h100-vm');
  trees.push(recorded);
  const { code, out, error } = await plan('--sysfs', recorded.root, '-f', 'json');
  expect(JSON.parse(out)).toMatchObject([
    { Group: null, Cards: ['0000:00:06.0'], Model: 'H100 SXM5 80GB', Verdict: 'no_iommu' },
  ]);
  expect(code).toBe(1);
  expect(error).toContain('the GPU cannot be handed out');
});

test('the command line and the planner know the same releases', () => {
  expect(OPENSTACK_RELEASES).toEqual(RELEASES);
});

describe('files', () => {
  const specOf = async (release: string, ...more: readonly string[]): Promise<string> =>
    (await plan('--sysfs', tree(sixCards), '--release', release, ...more)).out;

  test('each release in its own words', async () => {
    expect(await specOf('yoga', '--want', '1')).toContain('passthrough_whitelist = {"vendor_id":"10de"');
    const zed = await specOf('zed');
    expect(zed).not.toMatch(/resource_class|managed|whitelist/);
    const newer = await specOf('2023.1');
    expect(newer).toContain('"resource_class":"CUSTOM_TESLA_V100_PCIE_16GB_X2_1"}');
    expect(newer).toContain('report_in_placement = true');
    expect(newer).toContain('pci_in_placement = true');
    expect(newer).not.toContain('managed');
    expect(newer).not.toContain('tells cards apart');
    expect(await specOf('2025.1')).toContain('"managed":"yes"');
  });

  test('no alias stands there twice, and every flavor asks for a whole group', async () => {
    const out = await specOf('2025.2', '--want', '2,2,1,1');
    const compute = /==> compute\/etc\/nova[\s\S]*?\n\n/.exec(out)?.[0] ?? '';
    const aliases = [...compute.matchAll(/^alias = (.*)$/gm)].map(
      ([, text = '']) => JSON.parse(text) as Record<string, string>,
    );
    expect(aliases.map(({ name }) => name)).toEqual([
      'tesla-v100-pcie-16gb-x2-1',
      'tesla-v100-pcie-16gb-x2-2',
      'tesla-v100-pcie-16gb-x1',
    ]);
    const specs = [...compute.matchAll(/^device_spec = (.*)$/gm)].map(
      ([, text = '']) => JSON.parse(text) as Record<string, string>,
    );
    for (const alias of aliases) {
      const cards = specs.filter((spec) => spec['resource_class'] === alias['resource_class']);
      expect(cards).toHaveLength(2);
      const count = alias['name']?.includes('-x2') === true ? 2 : 1;
      expect(out).toContain(`"pci_passthrough:alias"="${alias['name']}:${count}"`);
    }
  });

  test('an equal card that stays with the host is spared', async () => {
    const root = tree([...sixCards.slice(0, 3), gpu('a3', 75, { driver: 'nvidia' })]);
    const { out } = await plan('--sysfs', root, '--want', '2');
    expect(out).toContain(
      'Bound by address: 0000:44:00.0, 0000:a3:00.0 with the same ids stay with the host.',
    );
    expect(out).not.toMatch(/vfio-pci\.ids|options vfio-pci|modprobe\.blacklist/);
    expect(out).toContain('KERNEL=="0000:28:00.0", ATTR{driver_override}="vfio-pci"');
    expect(out).toContain('driverctl set-override 0000:27:00.0 vfio-pci');
    expect(out).toContain('ExecStart=/usr/local/sbin/berth-passthrough-bind');
  });

  test('--write makes them in a new folder, for Kolla too, and never over others', async () => {
    const dir = join(folder(), 'plan');
    const argv = ['--listing', LISTING, '--want', '2', '--kolla', '--write', dir];
    const { code, error, out } = await plan(...argv);
    expect([code, error]).toEqual([0, expect.stringContaining(`files are in ${dir}`)]);
    expect(out).not.toContain('==>');
    const conf = readFileSync(join(dir, 'deploy/etc/kolla/config/nova/nova-compute.conf'), 'utf8');
    expect(conf).toContain('[pci]\n');
    expect(existsSync(join(dir, 'compute/etc/nova'))).toBe(false);
    expect(statSync(join(dir, 'flavors.sh')).mode & 0o777).toBe(0o755);
    expect(await plan(...argv)).toMatchObject({ code: 1, error: expect.stringContaining('is not empty') });
  });
});

describe('--check', () => {
  const words = 'quiet iommu=pt vfio-pci.ids=10de:10f0,10de:1db4 modprobe.blacklist=nouveau,nvidiafb';
  const host = { address: '0000:00:00.0', class: '060000', model: '1022:1480', group: 0 };

  test('nothing to do', async () => {
    const { code, error } = await plan('--sysfs', tree([host, ...sixCards], words), '--check');
    expect([code, error]).toEqual([0, 'The host is as planned.\n']);
  });

  test('every difference by name', async () => {
    const root = tree(
      [{ ...host, model: '8086:2020' }, gpu('27', 1, { driver: 'nouveau' })],
      'quiet iommu=on',
    );
    const { code, out } = await plan('--sysfs', root, '--check', '-f', 'value');
    expect(code).toBe(1);
    expect(out.trimEnd().split('\n')).toEqual([
      '0000:27:00.0 driver nouveau driver vfio-pci',
      'kernel command line no intel_iommu intel_iommu=on',
      'kernel command line iommu=on iommu=pt',
      'kernel command line no vfio-pci.ids vfio-pci.ids=10de:1db4',
      'kernel command line no modprobe.blacklist modprobe.blacklist=nouveau,nvidiafb',
    ]);
  });

  test('by address the overrides are looked at', async () => {
    const { out } = await plan('--sysfs', tree(sixCards), '--want', '1', '--check', '-f', 'value');
    expect(out).toContain('0000:44:00.0 no driver_override driver_override vfio-pci\n');
  });
});

test('more differing groups than can be tried are told so', async () => {
  const cards = Array.from({ length: 24 }, (_, at) =>
    gpu((16 + at).toString(16), at, { files: { numa_node: `${at}\n` } }),
  );
  const { code, error } = await plan('--sysfs', tree(cards), '--want', '7,8,9');
  expect([code, error]).toEqual([1, expect.stringContaining('Ask for fewer machines at once.')]);
}, 60_000);

describe('input that is none', () => {
  test.each([
    [['--sysfs', '/nonexistent'], 1, 'there is no /nonexistent/bus/pci/devices'],
    [['--listing', '/nonexistent'], 1, '/nonexistent cannot be read (ENOENT)'],
    [['--want', '2,x'], 2, "--want: 'x' is no number from 1 to 64"],
    [['--want', '0'], 2, "--want: '0' is no number"],
    [['--sysfs', 'a', '--listing', 'b'], 2, 'exclude each other'],
    [['--check', '--listing', 'b'], 2, 'a listing does not say what is bound'],
    [['--release', 'zad'], 2, "Did you mean 'zed'?"],
  ])('%j', async (argv, code, text) => {
    expect(await plan(...argv)).toMatchObject({ code, error: expect.stringContaining(text) });
  });

  test('a line of a listing that is none is named', async () => {
    const path = join(folder(), 'groups');
    writeFileSync(path, `${readFileSync(LISTING, 'utf8')}IOMMU Group 88 somewhere\n`);
    expect((await plan('--listing', path)).error).toContain('line 9 is not of the form');
    writeFileSync(path, 'IOMMU Group 1 27:00.0 VGA [0300]: A [B] [10de:1db4]\n'.repeat(2));
    expect((await plan('--listing', path)).error).toContain('0000:27:00.0 stands in the listing twice');
    writeFileSync(path, '\n');
    expect((await plan('--listing', path)).error).toContain('there is no line in it');
  });
});
