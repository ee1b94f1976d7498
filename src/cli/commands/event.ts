import type { EventJson } from '../../api/events.ts';
import type { Json } from '../../base/json.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode, UsageError } from '../failure.ts';
import { idCell, numberCell, shortId, shownAs, textCell, timeCell, type Cell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import { flag, integer, text } from '../specs.ts';
import { printable } from '../format/text-width.ts';

const LIMIT_DEFAULT = 50;
/** One page of the API. */
const LIMIT_MAX = 1000;

export const eventList = defineCommand({
  path: ['event', 'list'],
  summary: 'List what happened, and who did it; or follow it',
  examples: [
    'berth event list --limit 20',
    'berth event list --lease 4f3a1b2c',
    'berth event list --follow -f json',
  ],
  args: {},
  options: {
    follow: flag('--follow', 'Go on with what happens from now, a line each, until Ctrl-C.'),
    lease: text('--lease LEASE', 'Only those of this lease (id or its beginning).'),
    type: text('--type TYPE', 'Only those of this type, such as lease.ended.'),
    limit: integer('--limit NUMBER', `The newest so many; default ${LIMIT_DEFAULT}.`, 1, LIMIT_MAX),
    ...listOptions,
  },
  async run(context, { options }) {
    const { format } = options;
    if (options.follow && (format === 'csv' || format === 'yaml')) {
      throw new UsageError(
        `--follow has no form ${format}`,
        'Use -f json (an object on each line) or leave -f out.',
      );
    }
    const lease = options.lease === null ? null : (await context.client.getLease(options.lease)).lease.id;
    const filter = { ...(lease !== null && { lease }), ...(options.type !== null && { type: options.type }) };
    const limit = options.limit ?? (options.follow ? 10 : LIMIT_DEFAULT);
    const { events, removed } = await context.client.listEvents({ ...filter, limit, order: 'newest' });
    const oldestFirst = events.toReversed();
    if (options.follow) return follow(context, oldestFirst, filter, format === 'json');
    printList(context, options, columns(context.nowMs), oldestFirst, 'Nothing has happened yet.');
    // Who got as many as asked for may have reached what is removed or not; it is not what was asked.
    if (removed !== null && events.length < limit) {
      context.note(`Events up to ${removed.through} (${removed.at}) are kept no longer.`);
    }
    return EXIT.ok;
  },
});

/**
 * Before the stream the newest known events, so that it starts with something and none is missed between
 * the two.
 */
async function follow(
  context: CliContext,
  known: readonly EventJson[],
  filter: { readonly lease?: string; readonly type?: string },
  json: boolean,
): Promise<ExitCode> {
  const { client, io } = context;
  const print = (event: EventJson): void =>
    io.stdout.write(`${json ? JSON.stringify(event) : eventLine(context, event)}\n`);
  known.forEach(print);
  const interrupt = new AbortController();
  const restore = io.onInterrupt(() => interrupt.abort());
  const after = known.at(-1)?.seq;
  try {
    const options = { ...filter, ...(after !== undefined && { after }), signal: interrupt.signal };
    for await (const event of client.events(options)) print(event);
  } finally {
    restore();
  }
  return EXIT.interrupted;
}

function eventLine({ paint }: CliContext, event: EventJson): string {
  const change =
    event.before === null || event.after === null || event.before === event.after
      ? ''
      : ` ${changeText(event)}`;
  const reason = event.reason === null ? '' : `: ${event.reason}`;
  const rest = `${subject(event)}${change}${reason}`;
  return `${paint(event.at, 'dim')} ${paint(event.type.padEnd(20), 'strong')} ${printable(rest)} ${paint(`(${event.actor})`, 'dim')}`;
}

function columns(nowMs: number): readonly Column<EventJson>[] {
  return [
    { name: '#', cell: (event) => numberCell(event.seq) },
    { name: 'Time', cell: (event) => eventTime(event, nowMs) },
    { name: 'Type', cell: (event) => textCell(event.type) },
    { name: 'Subject', cell: (event) => shownAs(`${event.entity}/${event.id}`, subject(event)) },
    { name: 'Change', cell: (event) => shownAs(changeValue(event), changeText(event)), sparse: true },
    { name: 'Actor', cell: (event) => textCell(event.actor) },
    { name: 'Reason', cell: (event) => textCell(event.reason), sparse: true },
    { name: 'Project', cell: (event) => idCell(event.project_id), long: true },
    { name: 'Data', cell: (event) => shownAs(event.data, JSON.stringify(event.data)), long: true },
  ];
}

/** What is past is found by its time; how long ago that was is for narrow terminals. */
function eventTime(event: EventJson, nowMs: number): Cell {
  return { ...timeCell(event.at, nowMs), text: event.at };
}

function subject({ entity, id }: EventJson): string {
  return entity === 'lease' ? `lease ${shortId(id)}` : `${entity} ${id}`;
}

function changeText({ before, after, data }: EventJson): string {
  if (before === null && after === null) return '-';
  const { progress } = data;
  if (before === after && typeof progress === 'string') return `${after}: ${progress}`;
  return before === after ? `${after}` : `${before ?? 'new'} → ${after ?? 'gone'}`;
}

function changeValue({ before, after }: EventJson): Json {
  return before === null && after === null ? null : { before, after };
}
