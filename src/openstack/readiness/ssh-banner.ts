import { connect } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { Readiness } from '../../engine/ports.ts';

/** For the connection and the banner together: sshd sends it at once, so a slower one is not usable yet. */
export const SSH_TIMEOUT_MS = 3000;

/** RFC 4253 (4.2) allows other lines before the banner; real ones are a few hundred bytes. */
const BYTES_MAX = 8192;

/** Protocol 2, or both (RFC 4253, 5.1). */
const BANNER = /(?:^|\n)SSH-(?:2\.0|1\.99)-[^\n]*\n/;

/** So much of a foreign greeting is enough to recognize what answers. */
const SHOWN_CHARS_MAX = 40;

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['EHOSTUNREACH', 'no route to it'],
  ['ENETUNREACH', 'no route to it'],
  ['ETIMEDOUT', 'no answer'],
  ['ENOTFOUND', 'the name does not resolve'],
  ['EAI_AGAIN', 'the name does not resolve'],
]);

/**
 * Connects once and waits for the banner of an SSH server; sends nothing, since whether a key is let in is
 * between the borrower and the machine. Always resolves, after SSH_TIMEOUT_MS at most.
 */
export function probeSsh(
  { host, port }: { readonly host: string; readonly port: number },
  clock: Clock,
): Promise<Readiness> {
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let received = '';
    let isConnected = false;
    const end = (why: string | null): void => {
      cancel();
      socket.destroy();
      resolve(why === null ? { ready: true } : { ready: false, why: `SSH did not answer at ${at} (${why})` });
    };
    const seconds = SSH_TIMEOUT_MS / 1000;
    const cancel = clock.setTimer(SSH_TIMEOUT_MS, () => {
      if (received !== '') end(foreign(received));
      else if (isConnected) end(`connected, but no SSH banner within ${seconds} s`);
      else end(`no answer within ${seconds} s`);
    });
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      isConnected = true;
    });
    socket.on('data', (text: string) => {
      received += text;
      if (BANNER.test(received)) end(null);
      else if (received.length > BYTES_MAX) end(foreign(received));
    });
    socket.on('end', () => {
      end(received === '' ? 'the connection was closed without an SSH banner' : foreign(received));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end(REASONS.get(error.code ?? '') ?? error.message);
    });
  });
}

function foreign(received: string): string {
  const line = received.split('\n', 1)[0] ?? '';
  const shown = line.replaceAll(/[^\x20-\x7E]/g, '').slice(0, SHOWN_CHARS_MAX);
  return `something else answers: '${shown}'`;
}
