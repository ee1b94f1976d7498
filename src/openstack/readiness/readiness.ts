/**
 * Whether a server is usable by its borrower: one look by the means that the operator chose for the cloud. It
 * decides nothing, remembers nothing, and never logs in anywhere.
 */
import { assertDefined, unreachable } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { LeaseId } from '../../base/ids.ts';
import type { Connection } from '../../domain/model/lease.ts';
import { keeperOf } from '../../domain/provision/keeper.ts';
import type { Sighting } from '../../domain/provision/sighting.ts';
import { ProviderError, type Readiness, type Subject } from '../../engine/ports.ts';
import { readConsole } from '../nova/console.ts';
import type { OpenStackSession } from '../session.ts';
import { createConsoleMatch } from './console-match.ts';
import { isToBeSetUp, judgeCalls, judgeConsole, type ConsoleText } from './setup.ts';
import { probeSsh } from './ssh-banner.ts';

/**
 * `ssh`: something speaks SSH where the borrower will connect. `console`: the console log has the text.
 * `phone_home`: the machine has called the server. `none`: as soon as it has an address.
 */
export type ProbeKind = 'ssh' | 'console' | 'phone_home' | 'none';

export interface ReadinessOptions {
  readonly probe: ProbeKind;
  /** Regular expression, for `console`. */
  readonly consoleText: string;
  /** Where the machine of a try is to call, for `phone_home`; each try has a port of its own. */
  readonly phoneHomeUrl: (leaseId: LeaseId, portId: string) => string;
  readonly clock: Clock;
}

export interface CloudReadiness {
  /** Looks once; bounded in time, never rejects. */
  probe(
    subject: Subject,
    connection: Connection,
    sighting: Sighting,
    session: OpenStackSession,
  ): Promise<Readiness>;
  /** For the user data of a new server; null: it need not call. */
  phoneHomeUrl(leaseId: LeaseId, portId: string): string | null;
}

export function createReadiness(options: ReadinessOptions): CloudReadiness {
  const { probe: kind, clock } = options;
  const matches = createConsoleMatch(options.consoleText);
  return {
    phoneHomeUrl: (leaseId, portId) => (kind === 'phone_home' ? options.phoneHomeUrl(leaseId, portId) : null),
    async probe(subject, connection, sighting, session) {
      const { lease } = subject;
      const mustBeSetUp = isToBeSetUp(lease);
      const readsConsole = kind === 'console' || (mustBeSetUp && kind !== 'phone_home');
      const console = readsConsole ? await consoleOf(sighting, session) : null;
      let setup = SET_UP;
      if (mustBeSetUp) setup = console === null ? judgeCalls(lease) : judgeConsole(console);
      if (!setup.ready) return setup;
      const reached = await reach({ kind, matches, clock }, subject, connection, console);
      return reached.ready ? setup : reached;
    },
  };
}

/** Whether the borrower can get in, once the machine is what it was asked to be. */
async function reach(
  means: {
    readonly kind: ProbeKind;
    readonly matches: (text: string) => boolean | null;
    readonly clock: Clock;
  },
  subject: Subject,
  connection: Connection,
  console: ConsoleText | null,
): Promise<Readiness> {
  switch (means.kind) {
    case 'ssh':
      return probeSsh(connection, means.clock);
    case 'console':
      return endOfBoot(assertDefined(console, 'it was read'), means.matches);
    case 'phone_home':
      // The end of its set-up was its call.
      return isToBeSetUp(subject.lease) ? SET_UP : probeCall(subject, connection, means.clock);
    case 'none':
      return SET_UP;
    default:
      return unreachable(means.kind);
  }
}

const SET_UP: Readiness = { ready: true };

function endOfBoot(console: ConsoleText, matches: (text: string) => boolean | null): Readiness {
  if (console.kind === 'unreadable') return notReady(console.why);
  const found = matches(console.text);
  if (found === true) return { ready: true };
  return notReady(
    found === null
      ? 'the search in its console takes too long: simplify ready.console_text'
      : 'its console does not show the end of the boot yet',
  );
}

async function consoleOf(sighting: Sighting, session: OpenStackSession): Promise<ConsoleText> {
  const unreadable = (why: string): ConsoleText => ({ kind: 'unreadable', why });
  const server = keeperOf(sighting);
  if (server === null) return unreadable('its server does not show');
  try {
    const console = await readConsole(session, server.id);
    switch (console.kind) {
      case 'text':
        return console;
      case 'not_yet':
        return unreadable('its console is not there yet');
      case 'none':
        return unreadable('it has no console that can be read');
      case 'unsupported':
        return unreadable('this cloud keeps no console log: the operator has to choose another ready.probe');
      default:
        return unreachable(console);
    }
  } catch (error) {
    const why = error instanceof ProviderError ? error.message : 'the reply is not understood';
    return unreadable(`its console cannot be read (${why})`);
  }
}

/**
 * cloud-init calls once per instance (cc_phone_home, 22.4), so a server that comes back from the shelf never
 * calls again: of that one it is asked whether SSH answers.
 */
async function probeCall({ lease }: Subject, connection: Connection, clock: Clock): Promise<Readiness> {
  const { state } = lease;
  if (state.kind === 'starting' && state.comeback) return probeSsh(connection, clock);
  const hasCalled = state.kind === 'starting' && state.calledHome;
  return hasCalled ? { ready: true } : notReady('the machine has not called home yet');
}

function notReady(why: string): Readiness {
  return { ready: false, why };
}
