import { constants } from 'node:os';
import type { LeaseJson } from '../../api/leases.ts';
import { defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { shortId } from '../format/cell.ts';
import { forgetHostKeys, hostKeysPath, prepareHostKeys } from '../host-keys.ts';
import type { ProgramEnd } from '../io.ts';
import { endText, leaseName, nowText, stageOf } from '../lease-text.ts';
import { startProgress } from '../progress.ts';
import { argument, flag, optionalArguments, text } from '../specs.ts';
import { generatedIdentity } from '../ssh-key.ts';
import { shellQuoted, sshArguments } from '../ssh-command.ts';
import { watchLease } from '../watch-lease.ts';

export const ssh = defineCommand({
  path: ['ssh'],
  summary: 'Log in to the machine of a lease, or run a command there',
  description:
    'Runs the ssh program of this machine and ends with its exit code. Host keys are kept per lease, in ' +
    '~/.local/state/berth/known_hosts (or XDG_STATE_HOME), because addresses are used again by other machines. ' +
    'Options of ssh itself can stand in ~/.ssh/config; what comes after -- runs on the machine.',
  examples: [
    'berth ssh 4f3a1b2c',
    'berth ssh training --wait',
    'berth ssh 4f3a1b2c --identity ~/.ssh/id_gpu -- nvidia-smi -L',
    'berth ssh 4f3a1b2c --print',
  ],
  args: {
    lease: argument('LEASE', 'Id, its beginning (at least 4 characters), or the name of a live lease.'),
    command: optionalArguments('COMMAND', 'To be run there instead of a login; best after --.'),
  },
  options: {
    identity: text('-i, --identity FILE', 'Private key; default: those that ssh finds by itself.'),
    wait: flag('--wait', 'Wait until one can get in, if it has not started yet.'),
    print: flag('--print', 'Print the ssh command line, quoted for a shell, instead of running it.'),
  },
  async run(context, { args, options }) {
    const { io } = context;
    const { lease: found } = await context.client.getLease(args.lease);
    const lease = options.wait && willStart(found) ? await waitFor(context, found) : found;
    if (lease === null) return EXIT.interrupted;
    if (lease.state === 'ended') await forgetHostKeys(io, lease.id);
    const { connection } = lease;
    if (lease.state !== 'active' || connection === null) throw notActive(lease, io.clock.wallMs());
    if (connection.host.startsWith('-')) {
      throw new CliFailure(`'${connection.host}' is no address`, "Report it: see 'berth lease show'.");
    }
    const words = sshArguments({
      ...connection,
      identity: options.identity ?? (await generatedIdentity(io)),
      knownHosts: hostKeysPath(io, lease.id),
      command: args.command,
    });
    await prepareHostKeys(io);
    if (options.print) {
      io.stdout.write(`${shellQuoted(['ssh', ...words])}\n`);
      return EXIT.ok;
    }
    const end = await io.runProgram('ssh', words);
    if (end !== null) return exitCodeOf(end);
    throw new CliFailure(
      'there is no ssh program on this machine',
      `Install the OpenSSH client, or log in by other means: 'berth ssh ${shortId(lease.id)} --print'.`,
    );
  },
});

function willStart({ state }: LeaseJson): boolean {
  return state === 'reserved' || state === 'queued' || state === 'starting';
}

/** Resolves with the lease once nothing is to be waited for any more, or with null at Ctrl-C. */
async function waitFor(context: CliContext, lease: LeaseJson): Promise<LeaseJson | null> {
  const interrupt = new AbortController();
  const restore = context.io.onInterrupt(() => interrupt.abort());
  const progress = startProgress(context.io);
  const name = leaseName(lease);
  try {
    return await watchLease(context, lease.id, {
      until(now) {
        if (willStart(now)) progress.say(`${name}: ${nowText(now, context.io.clock.wallMs())}`, stageOf(now));
        return !willStart(now);
      },
      onAbsence: () => progress.say(`${name}: the server does not answer, trying again`),
      signal: interrupt.signal,
    });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    context.note(`Interrupted; ${name} stays as it is.`);
    return null;
  } finally {
    progress.stop();
    restore();
  }
}

/** What it is instead, and the next step from there. */
function notActive(lease: LeaseJson, nowMs: number): CliFailure {
  const id = shortId(lease.id);
  const name = leaseName(lease);
  switch (lease.state) {
    case 'reserved':
    case 'queued':
    case 'starting':
    case 'active':
      return new CliFailure(
        `${name} cannot be entered yet: ${nowText(lease, nowMs)}`,
        `Wait for it with 'berth ssh ${id} --wait'.`,
      );
    case 'shelving':
    case 'shelved':
      return new CliFailure(
        `${name} is ${lease.state}: its disk is kept, nothing runs`,
        `Bring it back with 'berth lease unshelve ${id}', then 'berth ssh ${id} --wait'.`,
      );
    case 'ending':
    case 'ended':
      return new CliFailure(
        `${name} is over: ${endText(lease)}`,
        `Borrow anew with 'berth borrow ${lease.flavor} --for DURATION'.`,
      );
  }
}

/** As a shell shows it: the program's own code, or 128 and the number of the signal. */
function exitCodeOf(end: ProgramEnd): number {
  return end.kind === 'exited' ? end.code : 128 + constants.signals[end.signal];
}
