import type { ProjectJson } from '../../api/admin.ts';
import type { CloudProjectJson } from '../../api/clouds.ts';
import { ApiError } from '../../client/errors.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../failure.ts';
import { shownAs, textCell, type Cell } from '../format/cell.ts';
import { listOptions, printList, printShow, showOptions, type Column } from '../format/output.ts';
import { argument, limit, text } from '../specs.ts';

/** As the API has it. */
const QUOTA_MAX = 1_000_000;

export const projectList = defineCommand({
  path: ['project', 'list'],
  summary: 'List projects with their quotas, and where Berth may work in them',
  description:
    "Granted: the clouds in which Berth's account has a role on the project. Only admins see that, and projects " +
    'from which nobody has called yet.',
  examples: ['berth project list'],
  args: {},
  options: listOptions,
  async run(context, { options }) {
    const [{ projects }, grants] = await Promise.all([context.client.listProjects(), grantsOf(context)]);
    const known = new Set(projects.map(({ id }) => id));
    const rows: ProjectRow[] = projects.map((project) => ({
      ...project,
      granted: grants && grantedIn(grants, project.id),
    }));
    for (const { id, name } of (grants ?? []).flatMap((cloud) => cloud.projects)) {
      if (known.has(id)) continue;
      known.add(id);
      rows.push({ id, name, quota: NO_QUOTA, granted: grantedIn(grants ?? [], id) });
    }
    printList(context, options, columns, rows, 'There are no projects.');
  },
});

export const projectSet = defineCommand({
  path: ['project', 'set'],
  summary: 'Create a project, or change its name and quotas',
  description: 'What is not named stays as it is. Quotas limit what the project holds at one moment.',
  examples: ['berth project set ml --gpus 8 --leases 20', 'berth project set ml --gpus none'],
  args: { project: argument('PROJECT', 'Id, or name of a project that is known.') },
  options: {
    name: text('--name NAME', 'For people; default: the id.'),
    gpus: limit('--gpus NUMBER', "Most GPUs, or 'none' for no limit.", QUOTA_MAX),
    leases: limit('--leases NUMBER', "Most leases, or 'none' for no limit.", QUOTA_MAX),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { projects } = await context.client.listProjects();
    const before = meantProject(projects, args.project);
    const { project } = await context.client.putProject(before?.id ?? args.project, {
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

interface ProjectRow extends ProjectJson {
  /** Names of clouds; null: not known. */
  readonly granted: readonly string[] | null;
}

const NO_QUOTA = { gpus: null, leases: null } as const;

const columns: readonly Column<ProjectRow>[] = [
  { name: 'ID', cell: (project) => textCell(project.id) },
  { name: 'Name', cell: (project) => textCell(project.name) },
  { name: 'Quota GPUs', cell: (project) => quotaCell(project.quota.gpus) },
  { name: 'Quota Leases', cell: (project) => quotaCell(project.quota.leases) },
  { name: 'Granted', cell: ({ granted }) => grantedCell(granted), sparse: true },
];

interface CloudGrants {
  readonly cloud: string;
  readonly projects: readonly CloudProjectJson[];
}

/** null: the caller may not know. A cloud that does not answer is told of, and left out. */
async function grantsOf(context: CliContext): Promise<readonly CloudGrants[] | null> {
  const { actor, providers } = await context.client.getStatus();
  if (actor.role !== 'admin') return null;
  const clouds = providers.filter(({ kind }) => kind === 'openstack');
  const grants = clouds.map(async ({ id }): Promise<CloudGrants> => {
    try {
      return { cloud: id, ...(await context.client.listCloudProjects(id)) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      context.note(`Where Berth may work in ${id} is not known: ${error.detail}.`);
      return { cloud: id, projects: [] };
    }
  });
  return Promise.all(grants);
}

function grantedIn(grants: readonly CloudGrants[], projectId: string): readonly string[] {
  return grants
    .filter(({ projects }) => projects.some(({ id }) => id === projectId))
    .map(({ cloud }) => cloud);
}

function grantedCell(granted: readonly string[] | null): Cell {
  if (granted === null) return textCell(null);
  return shownAs([...granted], granted.length === 0 ? 'no' : granted.join(', '));
}

/** undefined: it is a new one. */
function meantProject(projects: readonly ProjectJson[], idOrName: string): ProjectJson | undefined {
  const exact = projects.find(({ id }) => id === idOrName);
  const named = projects.filter(({ name }) => name === idOrName);
  if (exact !== undefined || named.length <= 1) return exact ?? named[0];
  const ids = named.map(({ id }) => id).join(', ');
  throw new UsageError(`${named.length} projects are named '${idOrName}'`, `Give the id, one of ${ids}.`);
}

function changed(wish: number | 'none' | null, before: number | null): number | null {
  if (wish === null) return before;
  return wish === 'none' ? null : wish;
}

function quotaCell(quota: number | null): Cell {
  return { ...shownAs(quota, quota === null ? 'no limit' : String(quota)), align: 'right' };
}
