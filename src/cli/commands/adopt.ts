import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import { listOptions, printList } from '../format/output.ts';
import { choice, duration, integer, optionalArgument, text } from '../specs.ts';
import { findingColumns } from './finding.ts';
import { printLease } from './lease-view.ts';

/** The finding about a server that bears our tag and that no record owns. */
const ADOPTABLE = 'orphan';

export const adopt = defineCommand({
  path: ['adopt'],
  summary: 'Make a server with a Berth tag that no record owns a lease again',
  description: 'Without a server: lists those that can be adopted, as the findings have them.',
  examples: [
    'berth adopt',
    'berth adopt 0b6f3a52-5f0e-4c59-9b44-0b0a5c1d2e3f --name training --project ml --owner ada --flavor gpu.v100 ' +
      '--host gpu-01 --address 203.0.113.7 --user ubuntu --for 8h',
  ],
  args: { server: optionalArgument('SERVER', 'Id of the server in its cloud.') },
  options: {
    name: text('--name NAME', 'Name of the lease.'),
    project: text('--project PROJECT', 'Project that it belongs to.'),
    owner: text('--owner USER', 'User that it belongs to.'),
    flavor: text('--flavor FLAVOR', 'Id or name.'),
    host: text('--host HOST', 'Where it runs: id or name.'),
    address: text('--address ADDRESS', 'Where SSH answers.'),
    port: integer('--port PORT', 'Port of SSH; default 22.', 1, 65_535),
    user: text('--user USER', 'User name for SSH, such as ubuntu.'),
    duration: duration('--for DURATION', 'How long from now.'),
    atEnd: choice('--at-end ACTION', ['shelve', 'delete'], 'shelve (default) or delete.'),
    lease: text('--lease LEASE', 'Keep this lease id: that of the tag.'),
    portId: text('--port-id ID', 'Its network port in the cloud, where Berth is to remove it at the end.'),
    floatingIpId: text('--floating-ip-id ID', 'Its floating IP, likewise.'),
    ...listOptions,
  },
  async run(context, { args, options }) {
    if (args.server === null) {
      const { findings } = await context.client.listFindings();
      const adoptable = findings.filter(({ code }) => code === ADOPTABLE);
      return printList(
        context,
        options,
        findingColumns(context.nowMs),
        adoptable,
        'There is nothing to adopt.',
      );
    }
    const { lease } = await context.client.adoptLease({
      server_id: args.server,
      name: need(options.name, '--name'),
      project_id: need(options.project, '--project'),
      owner_id: need(options.owner, '--owner'),
      flavor: need(options.flavor, '--flavor'),
      host: need(options.host, '--host'),
      connection: {
        host: need(options.address, '--address'),
        port: options.port ?? 22,
        user: need(options.user, '--user'),
      },
      duration: need(options.duration, '--for'),
      at_end: options.atEnd ?? 'shelve',
      lease_id: options.lease,
      port_id: options.portId,
      floating_ip_id: options.floatingIpId,
    });
    return printLease(context, options, lease);
  },
});

function need(value: string | null, flag: string): string {
  if (value !== null) return value;
  throw new UsageError(`${flag} is missing`, "See 'berth adopt --help' for all that a lease needs.");
}
