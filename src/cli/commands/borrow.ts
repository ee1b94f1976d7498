import type { LeaseJson } from '../../api/leases.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { endText, leaseName, nowText, stageOf } from '../lease-text.ts';
import { shortId } from '../format/cell.ts';
import { startProgress } from '../progress.ts';
import { flag } from '../specs.ts';
import { shellQuoted } from '../ssh-command.ts';
import { readPublicKey } from '../ssh-key.ts';
import { watchLease } from '../watch-lease.ts';
import { roughDuration, relativeTime } from '../when.ts';
import { createOptions, flavorArgument, NO_KEY, noteScratch, setupBody, termsBody } from './lease-create.ts';
import { wantedBody } from './wanted.ts';

export const borrow = defineCommand({
  path: ['borrow'],
  summary: 'Borrow a GPU and wait until you can get in',
  description:
    'Shows the place in the queue and when it is expected to start, then each step until its address is known. Only the ssh ' +
    'command line goes to stdout, so that $(berth borrow …) logs in. Ctrl-C while waiting gives the request back, ' +
    'except with --keep.',
  examples: [
    'berth borrow gpu.v100 --for 8h',
    '$(berth borrow gpu.v100 --for 2h --at-end delete)',
    'berth borrow gpu.v100 --for 8h --detach',
    'berth borrow gpu.v100 --for 8h --profile nvidia-driver:version=550 --profile cuda:version=12.4',
    'berth borrow --requirements gpu=V100,count=2 --for 1d --wait 30m',
  ],
  args: { flavor: flavorArgument },
  options: {
    ...createOptions,
    detach: flag('--detach', 'Print the id of the lease and return at once.'),
    keep: flag('--keep', 'Ctrl-C only stops the watching; the request stays.'),
  },
  async run(context, { args, options }) {
    const wanted = wantedBody({ ...options, flavor: args.flavor }, context.nowMs);
    const keyFile = await readPublicKey(context.io, options.key);
    const interrupt = new AbortController();
    const restore = context.io.onInterrupt(() => interrupt.abort());
    try {
      const { leases } = await context.client.createLease({
        ...wanted,
        ...termsBody(options),
        name: options.name,
        purpose: options.purpose ?? 'interactive',
        override_limits: options.overrideLimits,
        image: options.image,
        ssh_public_key: keyFile?.key ?? null,
        ...(await setupBody(context, options)),
        wait: options.wait,
      });
      const [lease] = leases;
      if (lease === undefined) throw new CliFailure('the server made no lease', "See 'berth lease list'.");
      context.note(keyFile === null ? NO_KEY : `SSH key: ${keyFile.path}`);
      noteScratch(context, lease);
      if (options.detach) {
        context.io.stdout.write(`${lease.id}\n`);
        return EXIT.ok;
      }
      const ready = await waitUntilReady(context, lease, interrupt.signal);
      return ready === null
        ? await interrupted(context, lease, options.keep, restore)
        : await announce(context, ready, keyFile?.identity ?? null);
    } finally {
      restore();
    }
  },
});

/** Resolves with the lease when somebody can get in, or null when Ctrl-C came first. */
async function waitUntilReady(
  context: CliContext,
  lease: LeaseJson,
  signal: AbortSignal,
): Promise<LeaseJson | null> {
  const progress = startProgress(context.io);
  const tell = (now: LeaseJson): boolean => {
    const settled = now.state === 'active' || now.state === 'ended' || now.state === 'shelved';
    if (!settled) progress.say(`${leaseName(now)}: ${nowText(now, context.io.clock.wallMs())}`, stageOf(now));
    return settled;
  };
  try {
    const onAbsence = (): void =>
      progress.say(`${leaseName(lease)}: the server does not answer, trying again`);
    return await watchLease(context, lease.id, { until: tell, onAbsence, signal });
  } catch (error) {
    if (signal.aborted) return null;
    const fix = `The request stays: see 'berth lease show ${shortId(lease.id)}'.`;
    context.note(fix);
    throw error;
  } finally {
    progress.stop();
  }
}

async function announce(context: CliContext, lease: LeaseJson, identity: string | null): Promise<ExitCode> {
  if (lease.state !== 'active' || lease.connection === null) {
    const tries = lease.setbacks.map(({ message }) => message).at(-1);
    const why = lease.cause === null && tries !== undefined ? `${endText(lease)} (${tries})` : endText(lease);
    throw new CliFailure(`${leaseName(lease)} ended: ${why}`, `See 'berth event list --lease ${lease.id}'.`);
  }
  const nowMs = context.io.clock.wallMs();
  const ends = lease.expires_at === null ? '' : `, ends ${relativeTime(Date.parse(lease.expires_at), nowMs)}`;
  const took = roughDuration(Math.max(0, nowMs - context.nowMs));
  context.note(
    `Ready after ${took}: ${leaseName(lease)}${lease.host === null ? '' : ` on ${lease.host}`}${ends}.`,
  );
  for (const note of lease.notes) context.note(note);
  context.note(`Log in with: berth ssh ${shortId(lease.id)}`);
  context.note(`Give it back with: berth return ${shortId(lease.id)}`);
  const { host, port, user, ssh } = lease.connection;
  // A key that ssh does not find by itself has to be named.
  const words = ['ssh', '-i', identity ?? '', '-p', String(port), `${user}@${host}`];
  context.io.stdout.write(`${identity === null ? ssh : shellQuoted(words)}\n`);
  return EXIT.ok;
}

/** From here on a second Ctrl-C ends the program as usual. */
async function interrupted(
  context: CliContext,
  lease: LeaseJson,
  keep: boolean,
  restore: () => void,
): Promise<ExitCode> {
  restore();
  if (keep) {
    context.note(`Interrupted. The request stays: berth lease show ${shortId(lease.id)}`);
    return EXIT.interrupted;
  }
  await context.client.releaseLease(lease.id);
  context.note(`Interrupted: the request ${leaseName(lease)} is cancelled.`);
  return EXIT.interrupted;
}
