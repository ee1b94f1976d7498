import type { LeaseJson } from '../../api/leases.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { printList, showOptions } from '../format/output.ts';
import {
  choice,
  duration,
  integer,
  optionalArgument,
  profiles,
  type ProfileWanted,
  text,
  texts,
  ticket,
  waitLimit,
} from '../specs.ts';
import { readPublicKey } from '../ssh-key.ts';
import { ticketBody, type TicketWhen } from '../ticket.ts';
import { leaseColumns, printLease } from './lease-view.ts';
import { wantedBody, wantedOptions } from './wanted.ts';

/** For those who may lift limits, where any are in the way. */
export const overrideLimits = text(
  '--override-limits REASON',
  'Admins: pass the limits of the project; the reason stands in the audit log.',
);

/** What `borrow` and `lease create` have in common. */
export const createOptions = {
  duration: duration(
    '--for DURATION',
    'How long, from the moment it is ready: 30m, 8h, 2d, 1w. Default: by the rules, where they say.',
  ),
  name: text('--name NAME', 'For people; need not be unique.'),
  atEnd: choice(
    '--at-end ACTION',
    ['shelve', 'delete', 'shelve_or_delete'],
    'shelve (default) keeps the root disk; delete does not; shelve_or_delete deletes what cannot be shelved.',
  ),
  renew: choice(
    '--renew ANSWER',
    ['yes', 'no'],
    'Whether it goes on at its end while nobody waits; default: unless it is deleted then.',
  ),
  ticket: ticket('--ticket WHEN', 'Come back by itself: now (as soon as its time is over), +8h, 18:00 …'),
  purpose: choice(
    '--purpose PURPOSE',
    ['interactive', 'ci'],
    'As usage reports tell it: interactive (default), or ci for pipelines.',
  ),
  overrideLimits,
  image: text(
    '--image IMAGE',
    'Image: name, id, family:NAME (the newest of it), or property:KEY=VALUE; default: that of the cloud.',
  ),
  key: text(
    '--key FILE',
    "SSH public key; 'agent': of ssh-agent; 'generate': one made for this (~/.ssh/berth_ed25519). Default: " +
      'id_ed25519.pub, id_ecdsa.pub or id_rsa.pub of ~/.ssh, else that of the agent.',
  ),
  profiles: profiles(
    '--profile PROFILE',
    "Set the machine up: NAME or NAME:KEY=VALUE,…, repeatable; see 'berth image profile list'.",
  ),
  userData: text('--user-data FILE', 'User data of your own for cloud-init; runs before the profiles.'),
  network: text('--network NETWORK', 'Network by id or name; default: as the cloud is configured.'),
  address: choice(
    '--address KIND',
    ['floating', 'fixed'],
    'How it is reached; default: as the cloud is configured.',
  ),
  sshFrom: texts(
    '--ssh-from CIDR',
    "Let SSH in from there, such as 192.0.2.0/24; 'auto': from where you are.",
  ),
  wait: waitLimit('--wait DURATION', "Longest time in the queue, or 'no': now or never. Default: no limit."),
  ...wantedOptions,
};

export const flavorArgument = optionalArgument('FLAVOR', "Id or name, as in 'berth flavor list'.");

export const leaseCreate = defineCommand({
  path: ['lease', 'create'],
  summary: 'Ask for GPUs without staying to wait for them',
  description:
    "Answers at once: the lease starts, waits in the queue, or holds a reserved window (--from). 'berth borrow' does " +
    'the same and waits until you can get in.',
  examples: [
    'berth lease create gpu.v100 --for 8h',
    'berth lease create gpu.v100 --for 4h --from 2026-12-01T08:00:00Z --count 20 --name course',
    'berth lease create --requirements gpu=V100,count=2 --for 1d --at-end delete --wait no',
  ],
  args: { flavor: flavorArgument },
  options: {
    ...createOptions,
    count: integer('--count NUMBER', 'So many leases, together or not at all; default 1.', 1, 64),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const wanted = wantedBody({ ...options, flavor: args.flavor }, context.nowMs);
    const keyFile = await readPublicKey(context.io, options.key);
    const { leases, lease } = await context.client.createLease({
      ...wanted,
      ...termsBody(options),
      name: options.name,
      purpose: options.purpose ?? 'interactive',
      override_limits: options.overrideLimits,
      image: options.image,
      ssh_public_key: keyFile?.key ?? null,
      ...(await setupBody(context, options)),
      wait: options.wait,
      count: options.count ?? 1,
    });
    context.note(keyFile === null ? NO_KEY : `SSH key: ${keyFile.path}`);
    if (leases[0] !== undefined) noteScratch(context, leases[0]);
    if (lease !== undefined) return printLease(context, options, lease);
    const list = { ...options, long: false, sortColumn: null, sortDescending: false };
    return printList(context, list, leaseColumns(context.nowMs), leases, 'No lease was made.');
  },
});

interface TermsOptions {
  readonly duration: string | null;
  readonly atEnd: LeaseJson['at_end'] | null;
  readonly renew: 'yes' | 'no' | null;
  readonly ticket: TicketWhen | null;
}

/** How long, and what becomes of it: the fields of the request's body. */
export function termsBody(options: TermsOptions) {
  const { duration: length, atEnd, renew, ticket: when } = options;
  return {
    duration: length,
    at_end: atEnd,
    renew: renew === null ? null : renew === 'yes',
    ticket: when === null ? null : ticketBody(when),
  };
}

/** What shelving will not keep is said before anybody has put something there. */
export function noteScratch(context: CliContext, lease: LeaseJson): void {
  if (lease.scratch_gib === 0 || lease.at_end === 'delete') return;
  context.note(
    `Shelving keeps the root disk only: ${lease.scratch_gib} GiB of ephemeral and swap disks are lost at the end.`,
  );
}

/** The fields of a request body for what the machine is to be. Throws CliFailure where a file cannot be read. */
export async function setupBody(
  { io }: CliContext,
  options: {
    readonly profiles: readonly ProfileWanted[];
    readonly userData: string | null;
    readonly network: string | null;
    readonly address: 'floating' | 'fixed' | null;
    readonly sshFrom: readonly string[];
  },
) {
  const { profiles: wanted, userData, network, address, sshFrom } = options;
  const unreadable = (error: unknown): never => {
    const why = error instanceof Error ? error.message : 'unknown failure';
    throw new CliFailure(
      `the user data ${userData ?? ''} cannot be read: ${why}`,
      'Name a file.',
      EXIT.usage,
    );
  };
  return {
    ...(wanted.length > 0 && { profiles: [...wanted] }),
    ...(userData !== null && { user_data: await io.readText(userData).catch(unreadable) }),
    ...(network !== null && { network }),
    ...(address !== null && { address }),
    ...(sshFrom.length > 0 && { ssh_from: [...sshFrom] }),
  };
}

export const NO_KEY =
  'No SSH public key was found in ~/.ssh or in ssh-agent, so none is put on the machine. Ask for one with --key generate.';
