import type { LeaseJson } from '../../api/leases.ts';
import type { Client, QueryOf } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { listOptions, printList, showOptions } from '../format/output.ts';
import { argument, flag, integer, text } from '../specs.ts';
import { leaseColumns, printLease } from './lease-view.ts';

/** The newest ended leases that are shown when nothing else is said. */
const ENDED_LIMIT_DEFAULT = 50;
/** More than a terminal can show; whoever wants more reads the API page by page. */
const LIMIT_MAX = 10_000;

export const leaseList = defineCommand({
  path: ['lease', 'list'],
  summary: 'List leases: what you have borrowed, and what waits',
  examples: [
    'berth lease list',
    'berth lease list --ended --limit 10',
    'berth lease list --all-projects --long',
  ],
  args: {},
  options: {
    mine: flag('--mine', 'Only your own.'),
    allProjects: flag('--all-projects', 'Those of all projects (admins).'),
    project: text('--project PROJECT', 'Those of this project (admins).'),
    ended: flag('--ended', 'Those that have ended, the newest first.'),
    limit: integer(
      '--limit NUMBER',
      `At most so many; default all, of ended ones ${ENDED_LIMIT_DEFAULT}.`,
      1,
      LIMIT_MAX,
    ),
    ...listOptions,
  },
  async run(context, { options }) {
    const limit = options.limit ?? (options.ended ? ENDED_LIMIT_DEFAULT : LIMIT_MAX);
    const query = { ...(await scopeOf(context, options)), ...(options.ended && { state: 'ended' as const }) };
    const { leases, more } = await readLeases(context.client, query, limit);
    const none = options.ended
      ? 'No lease has ended yet.'
      : "There are no leases. Borrow with 'berth borrow FLAVOR --for 2h'.";
    printList(context, options, leaseColumns(context.nowMs), leases, none);
    if (more) context.note(`There are more than ${limit}; ask for them with --limit.`);
  },
});

export const leaseShow = defineCommand({
  path: ['lease', 'show'],
  summary: 'Show a lease: its state, how to get in, when it ends',
  examples: ['berth lease show 4f3a1b2c', 'berth lease show 4f3a1b2c -f value -c ssh'],
  args: { lease: argument('LEASE', 'Id, or its beginning (at least 4 characters).') },
  options: showOptions,
  async run(context, { args, options }) {
    const { lease } = await context.client.getLease(args.lease);
    printLease(context, options, lease);
  },
});

/** Without a wish: the own project, which for admins has to be said. */
async function scopeOf(
  context: CliContext,
  options: { readonly mine: boolean; readonly allProjects: boolean; readonly project: string | null },
): Promise<QueryOf<'listLeases'>> {
  if (options.project !== null) return { project_id: options.project };
  if (options.allProjects && !options.mine) return {};
  const { actor } = await context.client.getStatus();
  if (options.mine) return { owner_id: actor.user_id };
  return { project_id: actor.project_id };
}

async function readLeases(
  client: Client,
  query: QueryOf<'listLeases'>,
  limit: number,
): Promise<{ readonly leases: readonly LeaseJson[]; readonly more: boolean }> {
  const leases: LeaseJson[] = [];
  let marker: string | null = null;
  do {
    const wanted: number = Math.min(1000, limit - leases.length);
    const page: Awaited<ReturnType<Client['listLeases']>> = await client.listLeases({
      ...query,
      limit: wanted,
      ...(marker !== null && { marker }),
    });
    leases.push(...page.leases);
    marker = page.next;
  } while (marker !== null && leases.length < limit);
  return { leases, more: marker !== null };
}
