import type { ProjectJson } from '../../api/admin.ts';
import { defineCommand } from '../command.ts';
import { shownAs, textCell, type Cell } from '../format/cell.ts';
import { listOptions, printList, printShow, showOptions, type Column } from '../format/output.ts';
import { argument, limit, text } from '../specs.ts';

/** As the API has it. */
const QUOTA_MAX = 1_000_000;

export const projectList = defineCommand({
  path: ['project', 'list'],
  summary: 'List projects and their quotas',
  examples: ['berth project list'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const { projects } = await context.client.listProjects();
    printList(context, options, columns, projects, 'There are no projects.');
  },
});

export const projectSet = defineCommand({
  path: ['project', 'set'],
  summary: 'Create a project, or change its name and quotas',
  description: 'What is not named stays as it is. Quotas limit what the project holds at one moment.',
  examples: ['berth project set ml --gpus 8 --leases 20', 'berth project set ml --gpus none'],
  args: { project: argument('PROJECT', 'Id of the project.') },
  options: {
    name: text('--name NAME', 'For people; default: the id.'),
    gpus: limit('--gpus NUMBER', "Most GPUs, or 'none' for no limit.", QUOTA_MAX),
    leases: limit('--leases NUMBER', "Most leases, or 'none' for no limit.", QUOTA_MAX),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { projects } = await context.client.listProjects();
    const before = projects.find(({ id }) => id === args.project);
    const { project } = await context.client.putProject(args.project, {
      name: options.name ?? before?.name ?? null,
      quota: {
        gpus: changed(options.gpus, before?.quota.gpus ?? null),
        leases: changed(options.leases, before?.quota.leases ?? null),
      },
    });
    printShow(context, options, [
      ['id', textCell(project.id)],
      ['name', textCell(project.name)],
      ['quota_gpus', quotaCell(project.quota.gpus)],
      ['quota_leases', quotaCell(project.quota.leases)],
    ]);
  },
});

const columns: readonly Column<ProjectJson>[] = [
  { name: 'ID', cell: (project) => textCell(project.id) },
  { name: 'Name', cell: (project) => textCell(project.name) },
  { name: 'Quota GPUs', cell: (project) => quotaCell(project.quota.gpus) },
  { name: 'Quota Leases', cell: (project) => quotaCell(project.quota.leases) },
];

function changed(wish: number | 'none' | null, before: number | null): number | null {
  if (wish === null) return before;
  return wish === 'none' ? null : wish;
}

function quotaCell(quota: number | null): Cell {
  return { ...shownAs(quota, quota === null ? 'no limit' : String(quota)), align: 'right' };
}
