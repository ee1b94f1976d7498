import { formatTime } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../failure.ts';
import { showOptions } from '../format/output.ts';
import { argument, argumentsOf, duration, time, waitLimit } from '../specs.ts';
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
  examples: ['berth lease extend 4f3a1b2c --for 2h', 'berth lease extend 4f3a1b2c --until 18:00'],
  args: { lease },
  options: {
    duration: duration('--for DURATION', 'By so much longer than planned now.'),
    until: time('--until TIME', 'Or the new end: +2h (from now), 18:00, or ISO 8601.'),
    overrideLimits,
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { duration: longer, until } = options;
    if ((longer === null) === (until === null)) {
      throw new UsageError('how much longer is not clear', 'Give either --for or --until.');
    }
    const end = until === null ? { duration: longer } : { expires_at: formatTime(until) };
    const body = { ...end, override_limits: options.overrideLimits };
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
  examples: ['berth lease unshelve 4f3a1b2c --for 4h'],
  args: { lease },
  options: {
    duration: duration('--for DURATION', 'How long; default: as long as before.'),
    wait: waitLimit(
      '--wait DURATION',
      "Longest time in the queue, or 'no': now or never. Default: no limit.",
    ),
    overrideLimits,
    ...showOptions,
  },
  async run(context, { args, options }) {
    const back = await context.client.unshelveLease(args.lease, {
      duration: options.duration,
      wait: options.wait,
      override_limits: options.overrideLimits,
    });
    printLease(context, options, back.lease);
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
