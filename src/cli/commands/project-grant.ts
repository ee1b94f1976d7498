import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../failure.ts';
import { linesCell, textCell } from '../format/cell.ts';
import { printShow, showOptions } from '../format/output.ts';
import { argument, flag, text } from '../specs.ts';

const project = argument('PROJECT', 'Id or name of the project in its cloud.');
const cloudOptions = {
  cloud: text('--cloud CLOUD', "As in 'berth status'; default: the only one there is."),
  domain: text('--domain DOMAIN', 'Id or name of its domain, where several projects have the name.'),
};

export const projectAdd = defineCommand({
  path: ['project', 'add'],
  summary: 'Let Berth make servers in a project of a cloud',
  description:
    "Gives Berth's account in the cloud the role that it needs on the project: member, or admin where Berth picks " +
    "the hosts (placement: pinned). Where it may not do that itself, the 'openstack' command for an administrator " +
    'of the cloud is shown.',
  examples: ['berth project add demo', 'berth project add lab2 --cloud north --domain physics'],
  args: { project },
  options: { ...cloudOptions, ...showOptions },
  async run(context, { args, options }) {
    const cloud = await cloudOf(context, options.cloud);
    const { project: granted } = await context.client.grantProject(cloud, {
      project: args.project,
      domain: options.domain,
    });
    printShow(context, options, [
      ['id', textCell(granted.id)],
      ['name', textCell(granted.name)],
      ['cloud', textCell(cloud)],
      ['domain_id', textCell(granted.domain_id)],
      ['roles', linesCell(granted.roles ?? [])],
    ]);
  },
});

export const projectRemove = defineCommand({
  path: ['project', 'remove'],
  summary: 'End the right of Berth to make servers in a project of a cloud',
  description: 'Refused while leases of the project live: without its role Berth could not end them.',
  examples: ['berth project remove demo', 'berth project remove lab2 --cloud north --force'],
  args: { project },
  options: { ...cloudOptions, force: flag('--force', 'Also while leases of the project live.') },
  async run(context, { args, options }) {
    const cloud = await cloudOf(context, options.cloud);
    const { project: left } = await context.client.revokeProject(cloud, args.project, {
      ...(options.domain !== null && { domain: options.domain }),
      ...(options.force && { force: 'true' as const }),
    });
    const roles = left.roles ?? [];
    context.note(
      roles.length === 0
        ? `Berth makes no more servers in project ${left.name} of cloud ${cloud}.`
        : `Berth's account keeps ${roles.join(', ')} in project ${left.name} of cloud ${cloud}, and may still make ` +
            'servers there: take that away with `openstack role remove`.',
    );
  },
});

async function cloudOf(context: CliContext, wanted: string | null): Promise<string> {
  if (wanted !== null) return wanted;
  const { providers } = await context.client.getStatus();
  const clouds = providers.filter(({ kind }) => kind === 'openstack').map(({ id }) => id);
  const [only] = clouds;
  if (only !== undefined && clouds.length === 1) return only;
  throw clouds.length === 0
    ? new UsageError('the server has no cloud', "See its providers in 'berth status'.")
    : new UsageError('the server has several clouds', `Choose one with --cloud: ${clouds.join(', ')}.`);
}
