import type { AdoptableListJson, LeaseJson } from '../../api/leases.ts';
import type { Client } from '../../client/client.ts';
import type { CliContext } from '../context.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import { textCell, timeCell } from '../format/cell.ts';
import { OBSERVING } from '../lease-text.ts';
import { listOptions, printList, type Column, type ListFormat } from '../format/output.ts';
import { choice, duration, flag, integer, optionalArgument, text } from '../specs.ts';
import { leaseColumns } from './lease-view.ts';

type Adoptable = AdoptableListJson['servers'][number];
type AdoptionBody = Parameters<Client['adoptLease']>[0];
/** What is known of a server: at least its id. */
type Known = Partial<Adoptable> & { readonly server_id: string };

const USER_DEFAULT = 'ubuntu';
const SSH_PORT = 22;

export const adopt = defineCommand({
  path: ['adopt'],
  summary: 'Make a server with a Berth tag that no record owns a lease again',
  description:
    'Without a server: lists those that can be adopted. What is not given is taken from the cloud; the lease keeps the id of its tag. ' +
    'After a store was lost, `berth rebuild` takes all of them.',
  examples: [
    'berth adopt',
    'berth adopt 0b6f3a52-5f0e-4c59-9b44-0b0a5c1d2e3f --for 8h',
    'berth adopt --all --for 1d --at-end shelve',
  ],
  args: { server: optionalArgument('SERVER', 'Id of the server in its cloud.') },
  options: {
    all: flag('--all', 'Every server that is ACTIVE or on the shelf.'),
    duration: duration('--for DURATION', 'How long from now.'),
    atEnd: choice('--at-end ACTION', ['shelve', 'delete'], 'shelve (default) or delete.'),
    name: text('--name NAME', 'Name of the lease.'),
    project: text('--project PROJECT', 'Project that it belongs to.'),
    owner: text('--owner USER', 'User that it belongs to.'),
    flavor: text('--flavor FLAVOR', 'Id or name.'),
    host: text('--host HOST', 'Where it runs: id or name.'),
    address: text('--address ADDRESS', 'Where SSH answers.'),
    port: integer('--port PORT', 'Port of SSH; default 22.', 1, 65_535),
    user: text('--user USER', `User name for SSH; default ${USER_DEFAULT}.`),
    lease: text('--lease LEASE', 'Keep this lease id; default: that of the tag.'),
    portId: text('--port-id ID', 'Its network port in the cloud, where Berth is to remove it at the end.'),
    floatingIpId: text('--floating-ip-id ID', 'Its floating IP, likewise.'),
    ...listOptions,
  },
  async run(context, { args, options }) {
    const { servers } = await context.client.listAdoptable();
    if (args.server === null && !options.all) return list(context, options, servers);
    if (args.server !== null && options.all) {
      throw new UsageError('--all and a server are given', 'Give one of them.');
    }
    const chosen: readonly Known[] =
      args.server === null ? servers.filter(isAdoptable) : [known(servers, args.server)];
    const leases: LeaseJson[] = [];
    for (const server of chosen)
      leases.push((await context.client.adoptLease(adoptionOf(server, options))).lease);
    printList(context, options, leaseColumns(context.nowMs), leases, 'There is nothing to adopt.');
    const { mode } = await context.client.getStatus();
    if (mode === 'observe') context.note(OBSERVING);
  },
});

function list(context: CliContext, options: ListFormat, servers: readonly Adoptable[]): void {
  printList(context, options, columns(context.nowMs), servers, 'There is nothing to adopt.');
}

const SHELVED = 'SHELVED_OFFLOADED';

function isAdoptable({ status }: Adoptable): boolean {
  return status === 'ACTIVE' || status === SHELVED;
}

/** A server that no look has shown yet can still be adopted, with everything given. */
function known(servers: readonly Adoptable[], id: string): Known {
  const found = servers.find((server) => server.server_id === id || server.lease_id === id);
  if (found !== undefined && !isAdoptable(found)) {
    throw new UsageError(
      `server ${found.server_id} is ${found.status}`,
      'Bring it to ACTIVE or SHELVED_OFFLOADED first, such as with `openstack server start`.',
    );
  }
  return found ?? { server_id: id };
}

interface Given {
  readonly name: string | null;
  readonly project: string | null;
  readonly owner: string | null;
  readonly flavor: string | null;
  readonly host: string | null;
  readonly address: string | null;
  readonly port: number | null;
  readonly user: string | null;
  readonly duration: string | null;
  readonly atEnd: 'shelve' | 'delete' | null;
  readonly lease: string | null;
  readonly portId: string | null;
  readonly floatingIpId: string | null;
}

function adoptionOf(server: Known, given: Given): AdoptionBody {
  return {
    server_id: server.server_id,
    name: need(given.name ?? server.name, '--name'),
    project_id: need(given.project ?? server.project_id, '--project'),
    owner_id: need(given.owner ?? server.owner_id, '--owner'),
    flavor: need(given.flavor ?? server.flavor, '--flavor'),
    ...(server.status !== SHELVED && {
      host: need(given.host ?? server.host, '--host'),
      connection: {
        host: need(given.address ?? server.address, '--address'),
        port: given.port ?? SSH_PORT,
        user: given.user ?? USER_DEFAULT,
      },
    }),
    duration: need(given.duration, '--for'),
    at_end: given.atEnd ?? 'shelve',
    lease_id: given.lease ?? server.lease_id,
    port_id: given.portId ?? server.port_id,
    floating_ip_id: given.floatingIpId ?? server.floating_ip_id,
  };
}

function need(value: string | null | undefined, option: string): string {
  if (value !== null && value !== undefined) return value;
  throw new UsageError(`${option} is missing`, "See 'berth adopt --help' for all that a lease needs.");
}

function columns(nowMs: number): readonly Column<Adoptable>[] {
  return [
    { name: 'Server', cell: (server) => textCell(server.server_id) },
    { name: 'Name', cell: (server) => textCell(server.name) },
    { name: 'Status', cell: (server) => textCell(server.status) },
    { name: 'Flavor', cell: (server) => textCell(server.flavor) },
    { name: 'Host', cell: (server) => textCell(server.host) },
    { name: 'Address', cell: (server) => textCell(server.address) },
    { name: 'Lease', cell: (server) => textCell(server.lease_id), long: true },
    { name: 'Project', cell: (server) => textCell(server.project_id), long: true },
    { name: 'Owner', cell: (server) => textCell(server.owner_id), long: true },
    { name: 'Deployment', cell: (server) => textCell(server.deployment_id), long: true },
    { name: 'Since', cell: (server) => timeCell(server.launched_at, nowMs) },
  ];
}
