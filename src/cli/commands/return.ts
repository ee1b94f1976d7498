import type { LeaseJson } from '../../api/leases.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError } from '../failure.ts';
import { countsText } from '../format/cell.ts';
import { leaseName, nowText, OBSERVING } from '../lease-text.ts';
import { forgetHostKeys } from '../host-keys.ts';
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
      if (ending.some(({ state }) => state !== 'ended')) await sayIfFrozen(context);
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

/** While it lasts, waiting looks as if nothing happened: because nothing does. */
async function sayIfFrozen(context: CliContext): Promise<void> {
  const { freeze, mode } = await context.client.getStatus();
  if (mode === 'observe') context.note(OBSERVING);
  if (!freeze.frozen) return;
  context.note(
    `The service is frozen (${freeze.reason ?? 'no reason given'}): machines are taken away after the thaw.`,
  );
}

async function waitUntilGone(context: CliContext, lease: LeaseJson, signal: AbortSignal): Promise<void> {
  const progress = startProgress(context.io);
  const name = leaseName(lease);
  // Those who waited, and disks on the shelf, had no host.
  const freed = lease.host === null ? 'it held no GPU' : `${countsText(lease.gpus)} free again`;
  let ended: LeaseJson;
  try {
    ended = await watchLease(context, lease.id, {
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
  await forgetHostKeys(context.io, ended.id);
  context.note(`${name} is ${ended.end_reason === 'cancelled' ? 'cancelled' : 'given back'}; ${freed}.`);
}
