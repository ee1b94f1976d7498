import type { FindingListJson } from '../../api/admin.ts';
import { defineCommand } from '../command.ts';
import { textCell, timeCell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';

export type Finding = FindingListJson['findings'][number];

export const findingList = defineCommand({
  path: ['finding', 'list'],
  summary: 'List what an operator should look at',
  examples: ['berth finding list'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const { findings } = await context.client.listFindings();
    printList(
      context,
      options,
      findingColumns(context.nowMs),
      findings,
      'There are no findings: all is as it should be.',
    );
  },
});

function findingColumns(nowMs: number): readonly Column<Finding>[] {
  return [
    { name: 'ID', cell: (finding) => textCell(finding.id), long: true },
    { name: 'Code', cell: (finding) => textCell(finding.code, 'warn') },
    { name: 'Subject', cell: (finding) => textCell(finding.subject) },
    { name: 'Message', cell: (finding) => textCell(finding.message) },
    { name: 'Since', cell: (finding) => timeCell(finding.since, nowMs) },
  ];
}
