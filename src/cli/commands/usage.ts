import type { UsageJson, UsageRowJson } from '../../api/usage.ts';
import { parseDate } from '../../base/time-zone.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../failure.ts';
import { numberCell, shownAs, textCell, type Cell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import { meant, moment, text, texts, timeZone } from '../specs.ts';

const GROUPS = ['project', 'user', 'class', 'flavor', 'purpose', 'day', 'month'] as const;
type Group = (typeof GROUPS)[number];
const BY_DEFAULT: readonly Group[] = ['project', 'user', 'class'];

export const usageShow = defineCommand({
  path: ['usage', 'show'],
  summary: 'Show what was used: GPU time by project, user, class, day …',
  description:
    'Counts from the moment that GPUs are given to a lease until they are free again, starts and shelving included, and what ' +
    'is held still up to now. Times that reach over the edges of the interval count with the part within. Of your project; ' +
    'admins see all. Default: this month.',
  examples: [
    'berth usage show',
    'berth usage show --from 2026-11-01 --to 2026-12-01 --by user,class',
    'berth usage show --from -7d --to now --by day',
    'berth usage show --from 2026-01-01 --to 2027-01-01 --by project,month -f csv',
  ],
  args: {},
  options: {
    from: moment('--from TIME', 'First day or moment: 2026-11-01, -7d, or ISO 8601. Default: of this month.'),
    to: moment('--to TIME', 'Not counted any more. Default: when the month of --from is over.'),
    by: texts('--by GROUPS', `What to tell apart: ${GROUPS.join(', ')}. Default ${BY_DEFAULT.join(',')}.`),
    project: text('--project PROJECT', 'Only this project (id or name).'),
    user: text('--user USER', 'Only this user, by id.'),
    zone: timeZone(
      '--zone ZONE',
      'Whose days and months, such as Europe/Berlin. Default: that of the service.',
    ),
    ...listOptions,
  },
  async run(context, { options }) {
    const by = options.by.length === 0 ? BY_DEFAULT : options.by.map(groupOf);
    const { from, to, project, user, zone } = options;
    checkOrder(from, to);
    const given = Object.entries({ from, to, project, user, zone }).filter(([, value]) => value !== null);
    const { usage } = await context.client.getUsage({ ...Object.fromEntries(given), group_by: by.join(',') });
    describe(context, usage);
    const total = usage.rows.length > 1 ? totalRow(usage) : null;
    printList(context, options, columnsOf(by), usage.rows, 'Nothing was used in this time.', total);
  },
});

/** Throws UsageError. A date beside a time is left to the service: it knows in whose zone the day begins. */
function checkOrder(from: string | null, to: string | null): void {
  if (from === null || to === null) return;
  const areAlike = (parseDate(from) === null) === (parseDate(to) === null);
  if (!areAlike || Date.parse(from) < Date.parse(to)) return;
  throw new UsageError(
    `--to: ${to} is not after --from ${from}`,
    'Give a later --to: it is not counted itself.',
  );
}

function groupOf(word: string): Group {
  const found = GROUPS.find((group) => group === word.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(
    `--by: there is no '${word}' to tell apart`,
    `${meant(word, GROUPS)}Known: ${GROUPS.join(', ')}.`,
  );
}

/** What the numbers are about, beside the output. */
function describe(context: CliContext, usage: UsageJson): void {
  const until = usage.as_of < usage.to ? `, counted up to ${usage.as_of}` : '';
  context.note(`From ${usage.from} to ${usage.to} (${usage.zone})${until}.`);
}

/** The row under a table: it has no names. */
function totalRow({ total }: UsageJson): UsageRowJson {
  return {
    period: null,
    project_id: null,
    project_name: null,
    owner_id: null,
    class: null,
    flavor: null,
    flavor_id: null,
    purpose: null,
    ...total,
  };
}

function columnsOf(by: readonly Group[]): readonly Column<UsageRowJson>[] {
  const groups = by.flatMap((group) => GROUP_COLUMNS[group]);
  const [first] = groups;
  // The row of the sum has no name: it is told in the place of the first.
  const named = first && { ...first, cell: (row: UsageRowJson): Cell => firstCell(first, row) };
  return [...(named === undefined ? [] : [named]), ...groups.slice(1), ...AMOUNTS];
}

function firstCell(column: Column<UsageRowJson>, row: UsageRowJson): Cell {
  const names = [row.period, row.project_id, row.owner_id, row.class, row.flavor_id, row.purpose];
  return names.every((name) => name === null) ? shownAs(null, 'Total', 'strong') : column.cell(row);
}

const GROUP_COLUMNS: Readonly<Record<Group, readonly Column<UsageRowJson>[]>> = {
  project: [
    { name: 'Project', cell: (row) => textCell(row.project_name) },
    { name: 'Project ID', cell: (row) => textCell(row.project_id), long: true },
  ],
  user: [{ name: 'User', cell: (row) => textCell(row.owner_id) }],
  class: [{ name: 'Class', cell: (row) => textCell(row.class) }],
  flavor: [
    { name: 'Flavor', cell: (row) => textCell(row.flavor) },
    { name: 'Flavor ID', cell: (row) => textCell(row.flavor_id), long: true },
  ],
  purpose: [{ name: 'Purpose', cell: (row) => textCell(row.purpose) }],
  day: [{ name: 'Day', cell: (row) => textCell(row.period) }],
  month: [{ name: 'Month', cell: (row) => textCell(row.period) }],
};

const AMOUNTS: readonly Column<UsageRowJson>[] = [
  { name: 'GPU Seconds', cell: (row) => numberCell(row.gpu_seconds) },
  { name: 'GPU Hours', cell: (row) => hoursCell(row.gpu_hours) },
];

/** People compare numbers by their points. */
function hoursCell(hours: number): Cell {
  return { ...shownAs(hours, hours.toFixed(2)), align: 'right' };
}
