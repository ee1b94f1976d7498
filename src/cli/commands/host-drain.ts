import { formatTime } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import { showOptions } from '../format/output.ts';
import { argument, text, time } from '../specs.ts';
import { printHost } from './host.ts';

export const hostDrain = defineCommand({
  path: ['host', 'drain'],
  summary: 'Keep leases off a host for a maintenance window',
  description:
    'Nothing lands on the host whose time would touch the window. Leases that run stay: see when they end with ' +
    "'berth host show'. Times: ISO 8601, +2h, now, or 14:30 on the clock of this machine.",
  examples: [
    "berth host drain gpu-01 --reason 'driver update'",
    "berth host drain gpu-01 --from 18:00 --until +12h --reason 'new power supply'",
  ],
  args: { host: argument('HOST', 'Id or name.') },
  options: {
    reason: text('--reason TEXT', 'Why; people who wait are shown it.'),
    from: time('--from TIME', 'Start of the window; default now.'),
    until: time('--until TIME', 'End of the window; default: until undrained.'),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { from, until, reason } = options;
    if (reason === null)
      throw new UsageError('--reason is missing', "Say why, such as --reason 'driver update'.");
    if (until !== null && until <= (from ?? context.nowMs)) {
      throw new UsageError('the window ends before it starts', 'Give an --until that is later than --from.');
    }
    const { host } = await context.client.drainHost(args.host, {
      reason,
      from: from === null || from <= context.nowMs ? null : formatTime(from),
      until: until === null ? null : formatTime(until),
    });
    printHost(context, options, host);
    const { lease_count: count } = host;
    if (count > 0)
      context.note(
        count === 1 ? 'One lease is on it, or booked there.' : `${count} leases are on it, or booked there.`,
      );
  },
});

export const hostUndrain = defineCommand({
  path: ['host', 'undrain'],
  summary: 'Take leases on a drained host again',
  examples: ['berth host undrain gpu-01'],
  args: { host: argument('HOST', 'Id or name.') },
  options: showOptions,
  async run(context, { args, options }) {
    const { host } = await context.client.undrainHost(args.host);
    printHost(context, options, host);
  },
});
