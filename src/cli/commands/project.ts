import type { ProjectJson } from '../../api/admin.ts';
import type { CloudProjectJson } from '../../api/clouds.ts';
import { ApiError } from '../../client/errors.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { countsCell, shownAs, textCell, type Cell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import { durationCell, limitCell, NO_LIMITS } from './limit-cells.ts';

export const projectList = defineCommand({
  path: ['project', 'list'],
  summary: 'List projects with their limits, and where Berth may work in them',
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
      rows.push({
        id,
        name,
        limits: NO_LIMITS,
        per_user: NO_LIMITS,
        users: {},
        granted: grantedIn(grants ?? [], id),
      });
    }
    printList(context, options, columns, rows, 'There are no projects.');
  },
});

interface ProjectRow extends ProjectJson {
  /** Names of clouds; null: not known. */
  readonly granted: readonly string[] | null;
}

const columns: readonly Column<ProjectRow>[] = [
  { name: 'ID', cell: (project) => textCell(project.id) },
  { name: 'Name', cell: (project) => textCell(project.name) },
  { name: 'GPUs', cell: ({ limits }) => limitCell(limits.gpus) },
  { name: 'GPUs By Class', cell: ({ limits }) => countsCell(limits.gpus_by_class), sparse: true },
  { name: 'Leases', cell: ({ limits }) => limitCell(limits.leases) },
  { name: 'GPU Hours', cell: ({ limits }) => limitCell(limits.gpu_hours_per_month) },
  { name: 'Longest', cell: ({ limits }) => durationCell(limits.max_duration_seconds), sparse: true },
  { name: 'Queued', cell: ({ limits }) => limitCell(limits.queued), long: true },
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
