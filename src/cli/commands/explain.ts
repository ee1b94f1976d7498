import type { ExplanationJson } from '../../api/waiting.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { isNotFound } from '../failure.ts';
import { booleanCell, linesCell, textCell, timeCell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import { duration, optionalArgument } from '../specs.ts';
import { relativeTime } from '../when.ts';
import { wantedBody, wantedOptions, type Wanted } from './wanted.ts';

type Explanation = ExplanationJson['explanation'];
type HostVerdict = Explanation['hosts'][number];

/** What an explanation assumes when nobody says how long. */
const DURATION_DEFAULT = '1h';

export const explain = defineCommand({
  path: ['explain'],
  summary: 'Explain, host by host, why a request waits or whether it would start now',
  examples: [
    'berth explain gpu.v100 --for 8h',
    'berth explain 4f3a1b2c',
    'berth explain --requirements gpu=V100,count=4',
  ],
  args: {
    what: optionalArgument('FLAVOR|LEASE', 'A flavor (id or name), or a lease (id, its beginning, or name).'),
  },
  options: {
    duration: duration('--for DURATION', `How long it would last; default ${DURATION_DEFAULT}.`),
    ...wantedOptions,
    ...listOptions,
  },
  async run(context, { args, options }) {
    const wanted = { ...options, flavor: args.what };
    const explanation = await explanationOf(context, wanted, options.duration ?? DURATION_DEFAULT);
    const table = options.format === null || options.format === 'table';
    const verdict = verdictLines(explanation, context.nowMs, options.from);
    if (table) context.io.stdout.write(verdict.map((line) => `${line}\n`).join(''));
    else verdict.forEach(context.note);
    printList(context, options, columns(context.nowMs), explanation.hosts, 'There are no hosts.');
  },
});

/** A flavor may be called like the beginning of an id (`a100`), or like a lease: flavors come first. */
async function explanationOf(context: CliContext, wanted: Wanted, longText: string): Promise<Explanation> {
  const { client } = context;
  const { flavor: word } = wanted;
  if (word !== null) {
    const { flavors } = await client.listFlavors();
    if (!flavors.some((flavor) => [flavor.id, flavor.openstack_id, flavor.name].includes(word))) {
      const lease = await client.explainLease(word).catch((error: unknown) => {
        if (isNotFound(error)) return null;
        throw error;
      });
      if (lease !== null) return lease.explanation;
    }
  }
  const body = { ...wantedBody(wanted, context.nowMs), duration: longText };
  return (await client.explain(body)).explanation;
}

function verdictLines(explanation: Explanation, nowMs: number, fromMs: number | null): string[] {
  const { flavor, possible, earliest_at: earliest, reasons } = explanation;
  const later =
    earliest === null
      ? 'When it could is not known: nothing that would make room has a known end.'
      : `It could start ${relativeTime(Date.parse(earliest), nowMs)}, at ${earliest}.`;
  const asked = fromMs === null || fromMs <= nowMs ? 'now' : relativeTime(fromMs, nowMs);
  const verdict = [`${flavor} would ${possible ? '' : 'not '}start ${asked}.${possible ? '' : ` ${later}`}`];
  return [...verdict, ...reasons.map(({ text }) => `- ${text}`)];
}

function columns(nowMs: number): readonly Column<HostVerdict>[] {
  return [
    { name: 'Host', cell: ({ host }) => textCell(host) },
    {
      name: 'Possible',
      cell: ({ possible }) => ({ ...booleanCell(possible), tone: possible ? 'good' : null }),
    },
    { name: 'Earliest', cell: (host) => timeCell(host.earliest_at, nowMs), sparse: true },
    { name: 'Why Not', cell: ({ reasons }) => linesCell(reasons.map(({ text }) => text)), sparse: true },
  ];
}
