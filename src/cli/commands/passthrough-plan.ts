import type { CliContext } from '../context.ts';
import { defineCommand } from '../command.ts';
import { CliFailure, EXIT, UsageError } from '../failure.ts';
import { linesCell, numberCell, textCell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import type { Tone } from '../format/style.ts';
import { printable } from '../format/text-width.ts';
import {
  OPENSTACK_RELEASES,
  type PassthroughDifference,
  type PassthroughGroup,
  type PassthroughMachine,
  type PassthroughRefusal,
  type PassthroughReport,
} from '../io.ts';
import { choice, flag, text, texts } from '../specs.ts';

/** From here on device_spec and alias are the same in every release. */
const RELEASE_DEFAULT = '2023.1';
const GPUS_MAX = 64;
const MACHINES_MAX = 64;

export const passthroughPlan = defineCommand({
  path: ['passthrough', 'plan'],
  summary: 'Say which GPUs of a host can be given to virtual machines, and write the files for it',
  description:
    'Reads the IOMMU groups of a host (this one, a copy of its /sys, or a listing) and changes nothing there. Says per ' +
    'group what is possible and why not, gives each wanted machine whole groups, and makes nova.conf, the kernel ' +
    'command line, what binds the cards to vfio-pci, and flavors. What cannot be is refused with the cheapest change. ' +
    'Ends with 0 where there is a plan, and with 1 where there is none, or where --check finds a difference. ' +
    'docs/operate/passthrough.md explains it.',
  examples: [
    'berth passthrough plan',
    'berth passthrough plan --want 2,1,1 --release 2025.1 --write plan',
    'berth passthrough plan --listing groups.txt --want 2,2,1,1 --release zed --kolla',
    'berth passthrough plan --sysfs copy/sys --check -f json',
  ],
  local: true,
  args: {},
  options: {
    sysfs: text('--sysfs DIR', 'Copy of the /sys of a host; default /sys.'),
    listing: text('--listing FILE', "Lines 'IOMMU Group N ADDRESS …' instead; -: standard input."),
    want: texts('--want GPUS', 'GPUs of each machine, such as 2,1,1; default: each group is one machine.'),
    release: choice(
      '--release RELEASE',
      OPENSTACK_RELEASES,
      `OpenStack for which files are made: one of ${OPENSTACK_RELEASES.join(', ')}; default ${RELEASE_DEFAULT}.`,
    ),
    kolla: flag('--kolla', 'nova.conf as overrides of Kolla Ansible (/etc/kolla/config).'),
    giveConsole: flag('--give-console', "Also hand out the card that has the firmware's console."),
    write: text('--write DIR', 'Write the files to this new folder instead of showing them.'),
    check: flag('--check', 'List what the host has now that is not as planned.'),
    ...listOptions,
  },
  async run(context, { options }) {
    if (options.sysfs !== null && options.listing !== null)
      throw new UsageError('--sysfs and --listing exclude each other', 'Name one of them.');
    if (options.check && options.listing !== null)
      throw new UsageError(
        'a listing does not say what is bound',
        'Use --check on the host, or with --sysfs.',
      );
    const report = await context.io.server.planPassthrough({
      sysfs: options.sysfs,
      listing: options.listing,
      wants: wantsOf(options.want),
      release: options.release ?? RELEASE_DEFAULT,
      kolla: options.kolla,
      givesConsole: options.giveConsole,
      writeDir: options.write,
    });
    if (options.check && report.refusal === null) {
      printList(context, options, differenceColumns, report.differences, 'The host is as planned.');
      return report.differences.length === 0 ? EXIT.ok : EXIT.failed;
    }
    printList(context, options, groupColumns, report.groups, 'There is no GPU on this host.');
    if (report.refusal !== null) throw refused(report.refusal);
    const lines = [...summary(report), ''];
    if (options.format === null || options.format === 'table') {
      context.io.stdout.write(`${lines.map(printable).join('\n')}\n`);
      if (options.write === null) showFiles(context, report);
    }
    if (options.write !== null)
      context.note(`${report.files.length} files are in ${options.write}; read them before you use them.`);
    return EXIT.ok;
  },
});

const TONES: Readonly<Record<PassthroughGroup['verdict'], Tone>> = {
  no_iommu: 'bad',
  blocked: 'bad',
  host_console: 'warn',
  needs_binding: 'warn',
  ready: 'good',
};

const groupColumns: readonly Column<PassthroughGroup>[] = [
  { name: 'Group', cell: ({ number }) => numberCell(number) },
  { name: 'Cards', cell: ({ cards }) => linesCell(cards) },
  { name: 'Model', cell: ({ model }) => textCell(model) },
  { name: 'NUMA', cell: ({ numaNodes }) => textCell(numaNodes.join(', ') || null), sparse: true },
  { name: 'Verdict', cell: ({ verdict }) => textCell(verdict, TONES[verdict]) },
  { name: 'Machine', cell: ({ machine }) => numberCell(machine) },
  { name: 'Reason', cell: ({ reason }) => textCell(reason || null) },
  { name: 'Members', cell: ({ members }) => linesCell(members), long: true },
];

const differenceColumns: readonly Column<PassthroughDifference>[] = [
  { name: 'Subject', cell: ({ subject }) => textCell(subject) },
  { name: 'Has', cell: ({ has }) => textCell(has, 'bad') },
  { name: 'Wanted', cell: ({ wanted }) => textCell(wanted) },
];

function wantsOf(words: readonly string[]): readonly number[] | null {
  const wrong = words.find((word) => !/^\d{1,2}$/.test(word) || Number(word) < 1 || Number(word) > GPUS_MAX);
  const fix = 'Write the GPUs of each machine, such as --want 2,1,1.';
  if (wrong !== undefined) throw new UsageError(`--want: '${wrong}' is no number from 1 to ${GPUS_MAX}`, fix);
  if (words.length > MACHINES_MAX) throw new UsageError(`--want: more than ${MACHINES_MAX} machines`, fix);
  return words.length === 0 ? null : words.map(Number);
}

function refused({ reason, change, instead }: PassthroughRefusal): CliFailure {
  const cheapest =
    change.length === 0 ? 'No change of the host that is known here is enough' : change.join('. ');
  const asItIs = instead.map((wants) => `--want ${wants.join(',')}`).join(' or ');
  const fix = asItIs === '' ? `${cheapest}.` : `${cheapest}. As it is: ${asItIs}.`;
  return new CliFailure(reason, fix);
}

function summary(report: PassthroughReport): readonly string[] {
  const { machines, machinesMax, sizes, gpus, change, remarks } = report;
  const used = machines.reduce((sum, machine) => sum + machine.gpus.length, 0);
  const most = machinesMax === 1 ? '1 machine' : `${machinesMax} machines`;
  return [
    `${used} of ${gpus} GPUs are used. At most ${most} with a GPU at once; one can get ${sizes.join(', ')} GPUs.`,
    ...machines.map(machineLine),
    ...(change.length === 0 ? [] : [`To free more: ${change.join('. ')}.`]),
    ...remarks,
  ];
}

function machineLine({ wanted, groups, gpus, stranded }: PassthroughMachine, at: number): string {
  const where = groups.length === 1 ? `group ${groups.join(', ')}` : `groups ${groups.join(', ')}`;
  const lost = stranded.length === 0 ? '' : `; strands ${stranded.join(', ')}`;
  return `Machine ${at + 1}: ${wanted} ${wanted === 1 ? 'GPU' : 'GPUs'} of ${where}: ${gpus.join(', ')}${lost}`;
}

function showFiles({ io, paint }: CliContext, { files }: PassthroughReport): void {
  for (const { path, text: content } of files)
    io.stdout.write(`${paint(`==> ${path} <==`, 'strong')}\n${content}\n`);
}
