import type { LeaseJson } from '../../api/leases.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError } from '../failure.ts';
import { countsText } from '../format/cell.ts';
import { leaseName, nowText } from '../lease-text.ts';
import { startProgress } from '../progress.ts';
import { argumentsOf, flag } from '../specs.ts';
import { watchLease } from '../watch-lease.ts';
import { LEASES_MAX } from './lease-change.ts';

export const returnLease = defineCommand({
  path: ['return'],
  summary: 'Give leases back and wait until their GPUs are free',
  description:
    'The machine and its disk are deleted. Ctrl-C stops only the watching; the leases end all the same.',
  examples: ['berth return 4f3a1b2c', 'berth return 4f3a1b2c 7d20c9e1 --detach'],
  args: { leases: argumentsOf('LEASE', 'Ids, or their beginnings.') },
  options: { detach: flag('--detach', 'Do not wait until the GPUs are free.') },
  async run(context, { args, options }) {
    if (args.leases.length > LEASES_MAX)
      throw new UsageError(`more than ${LEASES_MAX} leases at once`, 'Give fewer.');
    const ending: LeaseJson[] = [];
    for (const id of args.leases) {
      const { lease } = await context.client.releaseLease(id);
      if (options.detach) context.note(`${leaseName(lease)}: ${nowText(lease, context.nowMs)}`);
      ending.push(lease);
    }
    if (options.detach) return EXIT.ok;
    const interrupt = new AbortController();
    const restore = context.io.onInterrupt(() => interrupt.abort());
    try {
      for (const lease of ending) await waitUntilGone(context, lease, interrupt.signal);
      return EXIT.ok;
    } catch (error) {
      if (!interrupt.signal.aborted) throw error;
      context.note('Interrupted; the leases end all the same.');
      return EXIT.interrupted;
    } finally {
      restore();
    }
  },
});

async function waitUntilGone(context: CliContext, lease: LeaseJson, signal: AbortSignal): Promise<void> {
  const progress = startProgress(context.io);
  const name = leaseName(lease);
  try {
    await watchLease(context, lease.id, {
      until: (now) => {
        if (now.state !== 'ended') progress.say(`${name}: ${nowText(now, context.io.clock.wallMs())}`);
        return now.state === 'ended';
      },
      onAbsence: () => progress.say(`${name}: the server does not answer, trying again`),
      signal,
    });
  } finally {
    progress.stop();
  }
  context.note(`${name} is given back; ${countsText(lease.gpus)} free again.`);
}
