/** `berth passthrough plan`: a host's cards are read, planned, and told in the words of the command line. */
import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliFailure } from '../cli/failure.ts';
import type { PassthroughGroup, PassthroughOptions, PassthroughReport } from '../cli/io.ts';
import { differencesOf } from '../passthrough/check.ts';
import { modelOf, type Inventory, type PciDevice } from '../passthrough/device.ts';
import { wayOf } from '../passthrough/files/binding.ts';
import { filesOf } from '../passthrough/files/files.ts';
import { UNSAFE, type PlannedFile } from '../passthrough/files/nova.ts';
import { offersOf } from '../passthrough/files/offers.ts';
import { reasonOf, type Group } from '../passthrough/groups.ts';
import { readListing } from '../passthrough/listing.ts';
import { nameOf, namesIn, type Names } from '../passthrough/names.ts';
import { planOf, type Lot, type Plan, type Survey } from '../passthrough/plan.ts';
import { readSysfs } from './sysfs.ts';

const SYSFS = '/sys';
const PCI_IDS = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids'];
/** pci.ids has about 1.5 MB. */
const TEXT_BYTES_MAX = 8_388_608;

interface Source {
  readonly inventory: Inventory;
  readonly names: Names;
  /** Of the kernel whose tree it is; null: not known. */
  readonly commandLine: string | null;
}

/** Rejects with CliFailure where there is nothing to read, or the files cannot be written. */
export async function planPassthrough(options: PassthroughOptions): Promise<PassthroughReport> {
  const source = await sourceOf(options);
  const { inventory, names } = source;
  const planned = planOf(inventory, options);
  if (!planned.ok) {
    const { survey, ...refusal } = planned.error;
    return {
      ...told(survey, [], names),
      change: refusal.change,
      files: [],
      differences: [],
      remarks: [],
      refusal,
    };
  }
  const plan = planned.value;
  const files = filesOf(inventory, plan, names, options);
  if (options.writeDir !== null) await write(options.writeDir, files);
  return {
    ...told(plan, plan.lots, names),
    change: plan.change,
    files,
    differences: differencesOf(inventory, plan, source.commandLine),
    remarks: remarksOf(source, plan, options),
    refusal: null,
  };
}

async function sourceOf({ sysfs, listing }: PassthroughOptions): Promise<Source> {
  if (listing !== null) return listingOf(listing);
  const root = sysfs ?? SYSFS;
  const inventory = readSysfs(root);
  if (inventory === null) {
    const fix = 'Name a folder like /sys with --sysfs, or a listing of IOMMU groups with --listing.';
    throw new CliFailure(`there is no ${join(root, 'bus/pci/devices')}`, fix);
  }
  const texts = await Promise.all(PCI_IDS.map((path) => optionalText(path)));
  const names = namesIn(texts.find((text) => text !== null) ?? '', inventory.devices);
  return { inventory, names, commandLine: await optionalText(join(root, '../proc/cmdline')) };
}

async function listingOf(path: string): Promise<Source> {
  const text = path === '-' ? await textOf('/dev/stdin') : await textOf(path);
  const read = readListing(text);
  if (read.ok) return { ...read.value, commandLine: null };
  const fix = 'docs/operate/passthrough.md has the loop that prints one.';
  throw new CliFailure(`${path === '-' ? 'standard input' : path}: ${read.error}`, fix);
}

/** What is known of the groups, and of the machines of a plan. */
function told(
  survey: Survey,
  lots: readonly Lot[],
  names: Names,
): Pick<PassthroughReport, 'groups' | 'machines' | 'machinesMax' | 'sizes' | 'gpus' | 'hasBoard'> {
  return {
    groups: survey.groups.map((group) => groupOf(group, lots, names)),
    machines: lots.map(({ wanted, units, gpus, stranded }) => ({
      wanted,
      groups: units.flatMap((unit) => unit.groups.flatMap(({ number }) => number ?? [])),
      gpus: gpus.map(({ address }) => address),
      stranded: stranded.map(({ address }) => address),
    })),
    machinesMax: survey.machinesMax,
    sizes: survey.sizes,
    gpus: survey.groups.reduce((sum, { gpus }) => sum + gpus.length, 0),
    hasBoard: survey.hasBoard,
  };
}

function groupOf(group: Group, lots: readonly Lot[], names: Names): PassthroughGroup {
  const machine = lots.findIndex(({ units }) => units.some(({ groups }) => groups.includes(group)));
  const nodes = new Set(group.gpus.flatMap(({ numaNode }) => (numaNode === null ? [] : [numaNode])));
  const shown = group.gpus.length > 0 ? group.gpus : group.switches;
  return {
    number: group.number,
    cards: shown.map(({ address }) => address),
    model: [...new Set(shown.map((device: PciDevice) => nameOf(modelOf(device), names)))].join(', '),
    members: group.members.map(({ address }) => address),
    numaNodes: [...nodes].toSorted((a, b) => a - b),
    verdict: group.verdict,
    machine: machine < 0 ? null : machine + 1,
    reason: reasonOf(group),
  };
}

function remarksOf(
  { inventory, names }: Source,
  plan: Plan,
  { release }: PassthroughOptions,
): readonly string[] {
  const way = wayOf(inventory, plan);
  return [
    ...(offersOf(plan, names, release).isUnsafe ? [UNSAFE.join(' ')] : []),
    ...(way.kind === 'overrides' ? [`Bound by address: ${way.why}.`] : []),
    ...(plan.hasBoard
      ? [
          'NVSwitches: the machine needs them too, and the Fabric Manager inside it. Or keep this host bare metal.',
        ]
      : []),
  ];
}

/** Into a new or empty folder: no file of an older plan is left among them. */
async function write(dir: string, files: readonly PlannedFile[]): Promise<void> {
  await onSystem(`${dir} cannot be written`, 'Name a folder that you may write with --write.', async () => {
    await mkdir(dir, { recursive: true });
    if ((await readdir(dir)).length > 0)
      throw new CliFailure(`${dir} is not empty`, 'Name a new folder with --write.');
    for (const { path, text, isProgram } of files) {
      const target = join(dir, path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, text, { flag: 'wx', mode: isProgram === true ? 0o755 : 0o644 });
    }
  });
}

async function optionalText(path: string): Promise<string | null> {
  return textOf(path).catch((error: unknown) => {
    if (error instanceof CliFailure) return null;
    throw error;
  });
}

function textOf(path: string): Promise<string> {
  return onSystem(`${path} cannot be read`, 'Check the path and the rights.', async () => {
    const file = await open(path, 'r');
    try {
      const pieces: Buffer[] = [];
      let bytes = 0;
      for await (const piece of file.createReadStream({ autoClose: false })) {
        pieces.push(Buffer.from(piece));
        bytes += pieces.at(-1)?.length ?? 0;
        if (bytes > TEXT_BYTES_MAX)
          throw new CliFailure(`${path} is larger than 8 MiB`, 'Name another file.');
      }
      return Buffer.concat(pieces).toString('utf8');
    } finally {
      await file.close();
    }
  });
}

async function onSystem<T>(what: string, fix: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) throw error;
    throw new CliFailure(`${what} (${String(error.code)})`, fix, undefined, { cause: error });
  }
}
