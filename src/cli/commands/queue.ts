import type { QueueJson } from '../../api/waiting.ts';
import { defineCommand } from '../command.ts';
import { idCell, numberCell, shownAs, textCell, timeCell, type Cell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';

type Entry = QueueJson['queue'][number];

export const queueList = defineCommand({
  path: ['queue', 'list'],
  summary: 'List who waits, in the order of the queue',
  description:
    'Requests of other projects are shown without what they ask for. Expected: the start as things stand.',
  examples: ['berth queue list'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const { queue } = await context.client.getQueue();
    printList(context, options, columns(context.nowMs), queue, 'The queue is empty.');
  },
});

function columns(nowMs: number): readonly Column<Entry>[] {
  return [
    { name: '#', cell: (entry) => numberCell(entry.position) },
    { name: 'ID', cell: (entry) => (entry.lease_id === null ? others() : idCell(entry.lease_id)) },
    { name: 'Flavor', cell: (entry) => textCell(entry.flavor) },
    { name: 'Project', cell: (entry) => textCell(entry.project_id) },
    { name: 'Waits Since', cell: (entry) => timeCell(entry.since, nowMs) },
    { name: 'Expected', cell: (entry) => expected(entry, nowMs) },
  ];
}

function others(): Cell {
  return shownAs(null, '(other project)', 'dim');
}

function expected({ forecast_at: forecast }: Entry, nowMs: number): Cell {
  return forecast === null ? shownAs(null, 'not known') : timeCell(forecast, nowMs);
}
