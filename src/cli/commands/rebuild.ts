import type { AdoptableListJson } from '../../api/leases.ts';
import { DAY_MS, formatTime, MINUTE_MS, SECOND_MS } from '../../base/units.ts';
import type { Client } from '../../client/client.ts';
import { ApiError } from '../../client/errors.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { idCell, textCell, timeCell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import { startProgress } from '../progress.ts';
import { choice, duration, flag, integer, text } from '../specs.ts';

type Found = AdoptableListJson['servers'][number];
type AdoptionBody = Parameters<Client['adoptLease']>[0];

/** What became of one server. */
interface Outcome {
  readonly found: Found;
  readonly result: 'adopted' | 'would be adopted' | 'left';
  /** When it ends now; null: it is on the shelf, or was left. */
  readonly endsAtMs: number | null;
  /** Why it was left; '' otherwise. */
  readonly why: string;
}

/** Nobody loses a machine without having been warned: extensions are not known. */
const NOTICE_MS = DAY_MS;
/** Each reading shows 1000 servers at most, and what was adopted is in none after. */
const READINGS_MAX = 100;
/** What a failure of the next one would repeat. */
const FAILURES_MAX = 5;
const SSH_PORT = 22;
const USER_DEFAULT = 'ubuntu';

export const rebuild = defineCommand({
  path: ['rebuild'],
  summary: 'Bring the leases of a lost store back from what the cloud still knows',
  description:
    'For an empty store in front of a cloud that has marks of Berth, where there is no backup to restore. Berth becomes ' +
    'the deployment of the marks again; ACTIVE servers become active leases, and shelved ones shelved leases, with the ' +
    'owner, project, flavor, host, address and id that the cloud tells. Nothing in the cloud is changed. A lease ends when ' +
    'its time is over by what its server says, but not within a day; or --for from now. What was extended, queued, or ' +
    'reserved is lost, and so are quotas, tokens and events. Repeating it does no harm. Then `berth serve --mode act`.',
  examples: [
    'berth rebuild --dry-run',
    'berth rebuild --deployment 4d21795e9eb2',
    'berth rebuild --for 2d --deployment 4d21795e9eb2',
  ],
  args: {},
  options: {
    dryRun: flag('--dry-run', 'Say what would be done, and do nothing.'),
    duration: duration('--for DURATION', 'How long from now, whatever the servers say.'),
    deployment: text(
      '--deployment ID',
      'The lost one, as --dry-run shows it; no Berth may work as it any more.',
    ),
    atEnd: choice(
      '--at-end ACTION',
      ['shelve', 'delete'],
      'Where a server does not say: shelve (default) or delete.',
    ),
    port: integer('--port PORT', `Port of SSH; default ${SSH_PORT}.`, 1, 65_535),
    user: text('--user USER', `User name for SSH; default ${USER_DEFAULT}.`),
    ...listOptions,
  },
  async run(context, { options }) {
    const { servers } = await context.client.listAdoptable();
    const deployment = options.deployment ?? deploymentOf(servers, options.dryRun);
    if (deployment === null) {
      printList(context, options, columns(context.nowMs), [], 'There is nothing to bring back.');
      return EXIT.ok;
    }
    if (!options.dryRun) await context.client.takeOver({ deployment_id: deployment });
    const outcomes = await adoptAll(context, deployment, options);
    printList(context, options, columns(context.nowMs), outcomes, 'There is nothing to bring back.');
    const left = outcomes.filter(({ result }) => result === 'left').length;
    const taken = outcomes.length - left;
    const verb = options.dryRun ? 'would be adopted' : 'adopted';
    context.note(
      `Deployment ${deployment}: ${outcomes.length} servers found, ${taken} ${verb}, ${left} left.`,
    );
    const { mode } = await context.client.getStatus();
    if (mode === 'observe' && !options.dryRun) {
      context.note(
        'Nothing is written to any cloud yet: start with `berth serve --mode act` when this looks right.',
      );
    }
    return left === 0 ? EXIT.ok : EXIT.failed;
  },
});

/** null: there are no marks. Marks do not say whether the Berth of theirs still works: whoever asks has to. */
function deploymentOf(servers: readonly Found[], dryRun: boolean): string | null {
  const [first, ...others] = new Set(servers.map((server) => server.deployment_id));
  if (first === undefined || (dryRun && others.length === 0)) return first ?? null;
  if (others.length === 0) {
    throw new CliFailure(
      `the cloud has marks of deployment ${first}, and --deployment is not given`,
      `If no Berth works as ${first} any more: berth rebuild --deployment ${first}`,
      EXIT.usage,
    );
  }
  throw new CliFailure(
    `the cloud has marks of several deployments: ${[first, ...others].join(', ')}`,
    'Name the lost one with --deployment; a Berth that works must not be taken over.',
    EXIT.usage,
  );
}

interface Given {
  readonly dryRun: boolean;
  readonly duration: string | null;
  readonly atEnd: 'shelve' | 'delete' | null;
  readonly port: number | null;
  readonly user: string | null;
}

async function adoptAll(context: CliContext, deployment: string, given: Given): Promise<readonly Outcome[]> {
  const outcomes = new Map<string, Outcome>();
  const progress = startProgress(context.io);
  let failures = 0;
  try {
    for (let reading = 0; reading < READINGS_MAX; reading++) {
      const { servers } = await context.client.listAdoptable();
      const news = servers.filter(
        (each) => each.deployment_id === deployment && !outcomes.has(each.server_id),
      );
      if (news.length === 0) break;
      for (const [index, found] of news.entries()) {
        progress.say(`adopting ${index + 1} of ${news.length}: ${found.name}`, 'adopting');
        const outcome = await adoptOne(context, found, given);
        outcomes.set(found.server_id, outcome);
        failures = outcome.result === 'left' && outcome.why.startsWith(REFUSED) ? failures + 1 : 0;
        if (failures === FAILURES_MAX)
          throw new CliFailure(outcome.why, 'Mend it, and repeat: what is done stays.');
      }
      if (given.dryRun) break;
    }
  } finally {
    progress.stop();
  }
  return [...outcomes.values()];
}

const REFUSED = 'refused: ';

async function adoptOne(context: CliContext, found: Found, given: Given): Promise<Outcome> {
  const planned = plan(found, given, context.nowMs);
  if (typeof planned === 'string') return { found, result: 'left', endsAtMs: null, why: planned };
  if (given.dryRun) return { found, result: 'would be adopted', endsAtMs: planned.endsAtMs, why: '' };
  try {
    const { lease } = await context.client.adoptLease(planned.body);
    const endsAtMs = lease.expires_at === null ? null : Date.parse(lease.expires_at);
    return { found, result: 'adopted', endsAtMs, why: '' };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status >= 500) throw error;
    return { found, result: 'left', endsAtMs: null, why: `${REFUSED}${error.detail}` };
  }
}

/** What to ask for, or why not. */
function plan(
  found: Found,
  given: Given,
  nowMs: number,
): { readonly body: AdoptionBody; readonly endsAtMs: number | null } | string {
  const isShelved = found.status === 'SHELVED_OFFLOADED';
  if (!isShelved && found.status !== 'ACTIVE') return statusFault(found);
  const { project_id: projectId, owner_id: ownerId, flavor, host, address } = found;
  if (projectId === null || ownerId === null)
    return 'the cloud does not tell whose it is: `berth adopt` it by hand';
  if (flavor === null) return 'the cloud does not tell its flavor: `berth adopt` it by hand';
  const length = lengthOf(found, given, nowMs, isShelved);
  if (length === null) return 'it does not say for how long it was lent: give --for';
  const common = {
    server_id: found.server_id,
    lease_id: found.lease_id,
    name: found.name,
    project_id: projectId,
    owner_id: ownerId,
    flavor,
    port_id: found.port_id,
    floating_ip_id: found.floating_ip_id,
    at_end: found.at_end ?? given.atEnd ?? 'shelve',
    ...length,
  };
  if (isShelved) return { body: common, endsAtMs: null };
  if (host === null) return 'its host is not known, or not in the books';
  if (address === null) return 'it has no address';
  const connection = { host: address, port: given.port ?? SSH_PORT, user: given.user ?? USER_DEFAULT };
  const seconds = 'duration_seconds' in length ? length.duration_seconds : null;
  const endsAtMs = seconds === null ? null : nowMs + seconds * SECOND_MS;
  return { body: { ...common, host, connection }, endsAtMs };
}

function statusFault({ status }: Found): string {
  switch (status) {
    case 'SHUTOFF':
      return 'it is SHUTOFF: start it (`openstack server start`), and repeat';
    case 'BUILD':
    case 'SHELVED':
      return `it is ${status}: wait, and repeat`;
    default:
      return `it is ${status}: mend or delete it with the cloud's own tools`;
  }
}

type Length = { readonly duration: string } | { readonly duration_seconds: number };

/** How long from now (of what is shelved: once it is back); null: nobody says. */
function lengthOf(found: Found, given: Given, nowMs: number, isShelved: boolean): Length | null {
  if (given.duration !== null) return { duration: given.duration };
  const { duration_seconds: seconds, launched_at: launchedAt } = found;
  if (seconds === null) return null;
  if (isShelved) return { duration_seconds: seconds };
  const endMs = (launchedAt === null ? nowMs : Date.parse(launchedAt)) + seconds * SECOND_MS;
  // To the minute: all of one run that ended in the past end together.
  const leftMs = Math.max(endMs - nowMs, NOTICE_MS);
  return { duration_seconds: (Math.ceil(leftMs / MINUTE_MS) * MINUTE_MS) / SECOND_MS };
}

function columns(nowMs: number): readonly Column<Outcome>[] {
  const iso = (timeMs: number | null): string | null => (timeMs === null ? null : formatTime(timeMs));
  return [
    { name: 'Lease', cell: ({ found }) => idCell(found.lease_id) },
    { name: 'Name', cell: ({ found }) => textCell(found.name) },
    { name: 'Status', cell: ({ found }) => textCell(found.status) },
    { name: 'Flavor', cell: ({ found }) => textCell(found.flavor) },
    { name: 'Host', cell: ({ found }) => textCell(found.host) },
    { name: 'Result', cell: ({ result }) => textCell(result, result === 'left' ? 'warn' : 'good') },
    { name: 'Ends', cell: ({ endsAtMs }) => timeCell(iso(endsAtMs), nowMs), sparse: true },
    { name: 'Why', cell: ({ why }) => textCell(why), sparse: true },
    { name: 'Server', cell: ({ found }) => textCell(found.server_id), long: true },
    { name: 'Project', cell: ({ found }) => textCell(found.project_id), long: true },
    { name: 'Owner', cell: ({ found }) => textCell(found.owner_id), long: true },
  ];
}
