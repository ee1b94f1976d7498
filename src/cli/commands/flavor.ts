import type { FlavorJson } from '../../api/capacity.ts';
import { argument } from '../specs.ts';
import { defineCommand } from '../command.ts';
import {
  booleanCell,
  countsCell,
  diskCell,
  idCell,
  memoryCell,
  numberCell,
  shownAs,
  textCell,
  timeCell,
  type Cell,
} from '../format/cell.ts';
import { listOptions, printList, printShow, showOptions, type Column } from '../format/output.ts';

export const flavorList = defineCommand({
  path: ['flavor', 'list'],
  summary: 'List GPU flavors and how many of each are free',
  description:
    'Available: how many fit right now (?: not known, see Note). Next Free: when the next one is expected, where none is.',
  examples: ['berth flavor list', 'berth flavor list -f value -c Name -c Available'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const { flavors } = await context.client.listFlavors();
    printList(
      context,
      options,
      columns(context.nowMs),
      flavors,
      'There are no flavors: no cloud offers GPUs here.',
    );
  },
});

export const flavorShow = defineCommand({
  path: ['flavor', 'show'],
  summary: 'Show a flavor',
  examples: ['berth flavor show gpu.v100', 'berth flavor show gpu.v100 -f json'],
  args: { flavor: argument('FLAVOR', "Id, the cloud's own id, or name.") },
  options: showOptions,
  async run(context, { args, options }) {
    const { flavor } = await context.client.getFlavor(args.flavor);
    printShow(context, options, [
      ['id', textCell(flavor.id)],
      ['openstack_id', textCell(flavor.openstack_id)],
      ['name', textCell(flavor.name)],
      ['description', textCell(flavor.description)],
      ['provider_id', textCell(flavor.provider_id)],
      ['gpus', countsCell(flavor.gpus)],
      ['vcpus', numberCell(flavor.vcpus)],
      ['memory_mib', memoryCell(flavor.memory_mib)],
      ['disk_gib', diskCell(flavor.disk_gib)],
      ['scratch_gib', diskCell(flavor.scratch_gib)],
      ['total', numberCell(flavor.total)],
      ['available', available(flavor)],
      ['observed_at', timeCell(flavor.observed_at, context.nowMs)],
      ['note', textCell(flavor.note, 'warn')],
      ['next_free_at', timeCell(flavor.next_free_at, context.nowMs)],
      ['disabled', booleanCell(flavor.disabled)],
      ['misconfigured', textCell(flavor.misconfigured, 'bad')],
    ]);
  },
});

function columns(nowMs: number): readonly Column<FlavorJson>[] {
  return [
    { name: 'ID', cell: (flavor) => idCell(flavor.id), long: true },
    { name: 'OpenStack ID', cell: (flavor) => idCell(flavor.openstack_id), long: true },
    { name: 'Name', cell: (flavor) => textCell(flavor.name, flavor.disabled ? 'dim' : null) },
    { name: 'GPUs', cell: (flavor) => countsCell(flavor.gpus) },
    { name: 'VCPUs', cell: (flavor) => numberCell(flavor.vcpus) },
    { name: 'RAM', cell: (flavor) => memoryCell(flavor.memory_mib) },
    { name: 'Disk', cell: (flavor) => diskCell(flavor.disk_gib) },
    { name: 'Available', cell: available },
    { name: 'Total', cell: (flavor) => numberCell(flavor.total) },
    { name: 'Next Free', cell: (flavor) => timeCell(flavor.next_free_at, nowMs), sparse: true },
    { name: 'Provider', cell: (flavor) => textCell(flavor.provider_id), long: true },
    { name: 'Note', cell: (flavor) => textCell(note(flavor), 'warn'), long: true },
  ];
}

function available(flavor: FlavorJson): Cell {
  if (flavor.available === null) return shownAs(null, '?', 'warn');
  return numberCell(flavor.available, flavor.available > 0 ? 'good' : null);
}

function note(flavor: FlavorJson): string | null {
  return flavor.misconfigured ?? (flavor.disabled ? 'disabled' : flavor.note);
}
