import type { LeaseJson } from '../../api/leases.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { printList, showOptions } from '../format/output.ts';
import { choice, duration, integer, optionalArgument, text, ticket, waitLimit } from '../specs.ts';
import { readPublicKey } from '../ssh-key.ts';
import { ticketBody, type TicketWhen } from '../ticket.ts';
import { leaseColumns, printLease } from './lease-view.ts';
import { wantedBody, wantedOptions } from './wanted.ts';

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
  image: text('--image IMAGE', 'Image name or id; default: that of the cloud.'),
  key: text('--key FILE', 'SSH public key; default ~/.ssh/id_ed25519.pub, id_ecdsa.pub or id_rsa.pub.'),
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
      image: options.image,
      ssh_public_key: keyFile?.key ?? null,
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

export const NO_KEY =
  'No SSH public key was found in ~/.ssh, so none is put on the machine. Make one with ssh-keygen, or name one with --key.';
