import type { CliContext } from '../context.ts';
import { defineCommand } from '../command.ts';
import { EXIT, UsageError } from '../failure.ts';
import { textCell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import type { Tone } from '../format/style.ts';
import { printable, wrap } from '../format/text-width.ts';
import type { CliIo, DoctorEntry, DoctorFinding } from '../io.ts';
import { startProgress } from '../progress.ts';
import { flag, meant, text, texts } from '../specs.ts';

/** Reading a healthy cloud takes about a second; who waits longer is told for what. */
const SILENCE_MS_MAX = 1000;
const WIDTH_DEFAULT = 100;
const INDENT = '  ';

export const doctor = defineCommand({
  path: ['doctor'],
  summary: 'Examine an OpenStack cloud and say what will go wrong, with the exact fix',
  description:
    'Reads the cloud with the credentials and the configuration that the server would use, and changes nothing. ' +
    'Ends with 0 where there is no error, with 1 where there is one (with --strict: or a warning), and with 2 where ' +
    'no cloud was named. docs/operate/doctor.md explains every finding.',
  examples: [
    'berth doctor --cloud mycloud',
    'berth doctor --config /etc/berth/berth.yaml --strict',
    'berth doctor --cloud mycloud --project lab1 -f json',
    'berth doctor --list',
  ],
  local: true,
  args: {},
  options: {
    cloud: text('--cloud NAME', 'Cloud of clouds.yaml; else OS_CLOUD; else all of the configuration.'),
    configPath: text('--config FILE', 'Configuration file (YAML) of the server.'),
    dataDir: text('--data DIR', 'Folder of the store of the server; its own marks are no findings.'),
    project: texts('--project PROJECT', 'Also examine whether this project can borrow; id or name.'),
    only: texts('--only CODE', 'Only findings of this code; can be given several times.'),
    all: flag('--all', 'Also what is only good to know.'),
    strict: flag('--strict', 'Warnings count as errors for the exit code.'),
    list: flag('--list', 'List all findings that there can be, and examine nothing.'),
    ...listOptions,
  },
  async run(context, { options }) {
    const entries = await context.io.server.doctorCatalogue();
    checkCodes(options.only, entries);
    const isWanted = ({ code }: { readonly code: string }): boolean =>
      options.only.length === 0 || options.only.includes(code);
    if (options.list) {
      printList(context, options, entryColumns, entries.filter(isWanted), 'There are none.');
      return EXIT.ok;
    }
    const { findings, clouds } = await watched(context.io, (say) =>
      context.io.server.doctor({ ...options, projects: options.project, say }),
    );
    const shown = findings.filter(isWanted).filter(({ severity }) => options.all || severity !== 'info');
    if (options.format === null) {
      for (const found of shown) context.io.stdout.write(block(context, found, clouds.length > 1));
      context.note(summary(clouds, shown));
    } else {
      printList(context, options, findingColumns, shown, summary(clouds, shown));
    }
    const isBad = shown.some(
      ({ severity }) => severity === 'error' || (options.strict && severity === 'warning'),
    );
    return isBad ? EXIT.failed : EXIT.ok;
  },
});

const TONES: Readonly<Record<DoctorFinding['severity'], Tone>> = {
  error: 'bad',
  warning: 'warn',
  info: 'dim',
};

const findingColumns: readonly Column<DoctorFinding>[] = [
  { name: 'Severity', cell: ({ severity }) => textCell(severity, TONES[severity]) },
  { name: 'Code', cell: ({ code }) => textCell(code) },
  { name: 'Cloud', cell: ({ cloud }) => textCell(cloud), long: true },
  { name: 'Subject', cell: ({ subject }) => textCell(subject) },
  { name: 'Message', cell: ({ message }) => textCell(message) },
  { name: 'Fix', cell: ({ fix }) => textCell(fix) },
];

const entryColumns: readonly Column<DoctorEntry>[] = [
  { name: 'Theme', cell: ({ theme }) => textCell(theme) },
  { name: 'Code', cell: ({ code }) => textCell(code) },
  { name: 'Severity', cell: ({ severity }) => textCell(severity, TONES[severity]) },
  { name: 'Title', cell: ({ title }) => textCell(title) },
  { name: 'Fix', cell: ({ fix }) => textCell(fix), long: true },
];

/** One finding for people: what, in a sentence, and the fix on lines of its own that can be copied. */
function block(context: CliContext, found: DoctorFinding, namesCloud: boolean): string {
  const { severity, code, cloud, subject, message, fix } = found;
  const width = Math.max(40, (context.io.stdout.columns ?? WIDTH_DEFAULT) - INDENT.length);
  const where = namesCloud ? ` (cloud '${cloud}')` : '';
  const head = `${context.paint(severity, TONES[severity])} ${context.paint(code, 'strong')} ${printable(subject)}${where}`;
  const lines = wrap(printable(message), width).map((line) => INDENT + line);
  return `${[head, ...lines, `${INDENT}Fix: ${printable(fix)}`].join('\n')}\n\n`;
}

function summary(clouds: readonly string[], shown: readonly DoctorFinding[]): string {
  const where = clouds.length === 0 ? '' : ` in ${clouds.join(', ')}`;
  if (shown.length === 0) return `0 findings${where}.`;
  const count = (severity: DoctorFinding['severity']): number =>
    shown.filter((found) => found.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const total = shown.length === 1 ? '1 finding' : `${shown.length} findings`;
  return `${total}${where}: ${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}.`;
}

function checkCodes(codes: readonly string[], entries: readonly DoctorEntry[]): void {
  const known = entries.map(({ code }) => code);
  const unknown = codes.find((code) => !known.includes(code));
  if (unknown === undefined) return;
  throw new UsageError(
    `there is no finding '${unknown}'`,
    `${meant(unknown, known)}List them with 'berth doctor --list'.`,
  );
}

/** Says what is being read once that takes longer than a second. */
async function watched<T>(io: CliIo, work: (say: (what: string) => void) => Promise<T>): Promise<T> {
  const progress = startProgress(io);
  let latest = 'starting';
  let isPatient = true;
  // Without a terminal one line is enough to show that it works.
  const tell = (): void => progress.say(`examining the cloud: ${latest}`, 'examining');
  const cancel = io.clock.setTimer(SILENCE_MS_MAX, () => {
    isPatient = false;
    tell();
  });
  try {
    return await work((what) => {
      latest = what;
      if (!isPatient) tell();
    });
  } finally {
    cancel();
    progress.stop();
  }
}
