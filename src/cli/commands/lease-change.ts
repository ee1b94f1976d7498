import { formatTime } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../failure.ts';
import { showOptions } from '../format/output.ts';
import { argument, argumentsOf, duration, flag, requiredDuration, time, waitLimit } from '../specs.ts';
import { ticketBody } from '../ticket.ts';
import { leaseName, nowText } from '../lease-text.ts';
import { overrideLimits } from './lease-create.ts';
import { printLease } from './lease-view.ts';

const lease = argument('LEASE', 'Id, or its beginning (at least 4 characters).');

/** A command line of a thousand ids is a script that should read the API. */
export const LEASES_MAX = 1000;

export const leaseExtend = defineCommand({
  path: ['lease', 'extend'],
  summary: 'Let a lease last longer',
  description:
    'Refused where the GPU is promised to somebody else by then; the answer says until when it is possible.',
  examples: [
    'berth lease extend 4f3a1b2c --for 2h',
    'berth lease extend 4f3a1b2c --until 18:00',
    'berth lease extend 4f3a1b2c --max',
  ],
  args: { lease },
  options: {
    duration: duration('--for DURATION', 'By so much longer than planned now.'),
    until: time('--until TIME', 'Or the new end: +2h (from now), 18:00, or ISO 8601.'),
    max: flag('--max', 'Or as far as breaks no promise and the rules allow.'),
    overrideLimits,
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { duration: longer, until, max } = options;
    if (Number(longer !== null) + Number(until !== null) + Number(max) !== 1) {
      throw new UsageError('how much longer is not clear', 'Give one of --for, --until and --max.');
    }
    const end = until === null ? { duration: longer } : { expires_at: formatTime(until) };
    const body = { ...(max ? { max } : end), override_limits: options.overrideLimits };
    const extended = await context.client.extendLease(args.lease, body);
    printLease(context, options, extended.lease);
  },
});

export const leaseShelve = defineCommand({
  path: ['lease', 'shelve'],
  summary: 'Free the GPU but keep the root disk',
  description: "Ephemeral and swap disks are lost. 'berth lease unshelve' brings the machine back.",
  examples: ['berth lease shelve 4f3a1b2c'],
  args: { leases: argumentsOf('LEASE', 'Ids, or their beginnings.') },
  options: {},
  run: (context, { args }) => each(context, args.leases, (id) => context.client.shelveLease(id)),
});

export const leaseUnshelve = defineCommand({
  path: ['lease', 'unshelve'],
  summary: 'Bring a shelved lease back, through the queue',
  description: 'At once, or with --at when its return ticket says: it joins the queue by itself then.',
  examples: ['berth lease unshelve 4f3a1b2c --for 4h', 'berth lease unshelve 4f3a1b2c --at 08:00'],
  args: { lease },
  options: {
    duration: duration('--for DURATION', 'How long; default: as long as before.'),
    wait: waitLimit(
      '--wait DURATION',
      "Longest time in the queue, or 'no': now or never. Default: no limit.",
    ),
    at: time('--at TIME', 'Not at once, but then: +8h, 08:00, or ISO 8601. It gets as long as before.'),
    overrideLimits,
    ...showOptions,
  },
  async run(context, { args, options }) {
    if (options.at !== null) {
      if (options.duration !== null || options.wait !== null)
        throw new UsageError('--at goes with neither --for nor --wait', 'Leave them out.');
      const ticketed = await context.client.setTicket(args.lease, { ticket: formatTime(options.at) });
      return printLease(context, options, ticketed.lease);
    }
    const back = await context.client.unshelveLease(args.lease, {
      duration: options.duration,
      wait: options.wait,
      override_limits: options.overrideLimits,
    });
    return printLease(context, options, back.lease);
  },
});

export const leaseKeep = defineCommand({
  path: ['lease', 'keep'],
  summary: 'Keep a shelved disk longer',
  description:
    "A disk on the shelf is deleted some day; 'berth lease show' says when, and warnings come before.",
  examples: ['berth lease keep 4f3a1b2c --for 30d'],
  args: { lease },
  options: { duration: requiredDuration('--for DURATION', 'So long from now.'), ...showOptions },
  async run(context, { args, options }) {
    const kept = await context.client.keepLease(args.lease, { duration: options.duration });
    printLease(context, options, kept.lease);
  },
});

export const leaseTicketSet = defineCommand({
  path: ['lease', 'ticket', 'set'],
  summary: 'Let a lease come back from the shelf by itself',
  description:
    'With a return ticket it joins the queue by itself: as soon as its time is over, or at a time. It is good for ' +
    'one journey.',
  examples: ['berth lease ticket set 4f3a1b2c', 'berth lease ticket set 4f3a1b2c --at 08:00'],
  args: { lease },
  options: {
    at: time('--at TIME', 'At that time: +8h, 08:00, or ISO 8601. Default: as soon as its time is over.'),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const body = { ticket: ticketBody(options.at ?? 'now') };
    const ticketed = await context.client.setTicket(args.lease, body);
    printLease(context, options, ticketed.lease);
  },
});

export const leaseTicketClear = defineCommand({
  path: ['lease', 'ticket', 'clear'],
  summary: 'Take the return ticket of a lease away',
  examples: ['berth lease ticket clear 4f3a1b2c'],
  args: { lease },
  options: showOptions,
  async run(context, { args, options }) {
    const cleared = await context.client.setTicket(args.lease, { ticket: null });
    printLease(context, options, cleared.lease);
  },
});

export const leaseDelete = defineCommand({
  path: ['lease', 'delete'],
  summary: 'End leases, whatever their state, without waiting for it',
  description: "A shelved disk is deleted. 'berth return' does the same and waits until the GPU is free.",
  examples: ['berth lease delete 4f3a1b2c', 'berth lease delete 4f3a1b2c 7d20c9e1'],
  args: { leases: argumentsOf('LEASE', 'Ids, or their beginnings.') },
  options: {},
  run: (context, { args }) => each(context, args.leases, (id) => context.client.releaseLease(id)),
});

/**
 * One after the other, so that a refusal says exactly which were done: those that were reported before it.
 */
async function each(
  context: CliContext,
  ids: readonly string[],
  change: (id: string) => ReturnType<CliContext['client']['getLease']>,
): Promise<void> {
  if (ids.length > LEASES_MAX) throw new UsageError(`more than ${LEASES_MAX} leases at once`, 'Give fewer.');
  for (const id of ids) {
    const { lease: changed } = await change(id);
    context.note(`${leaseName(changed)}: ${nowText(changed, context.nowMs)}`);
  }
}
