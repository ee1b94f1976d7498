/**
 * Which connections are let in before a byte of HTTP is read: a bound for each address, and on a port of TLS
 * a helpful answer to who speaks plain HTTP there.
 */
import type { Server, Socket } from 'node:net';
import { MINUTE_MS, SECOND_MS } from '../base/units.ts';
import type { Clock } from '../base/clock.ts';
import { limitKeyOf, type Trust } from './address.ts';
import { answerPlainHttp } from './failures.ts';
import type { Logger } from './log/catalogue.ts';
import { newRequestId } from './request-id.ts';

export interface ConnectionLimits {
  /** Of one listener. */
  readonly connectionsMax: number;
  /** Of one address; declared proxies are no address in this sense. */
  readonly connectionsPerAddressMax: number;
  /** From the connection to the end of the headers, and to the end of the body. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often those two are looked at. */
  readonly checkIntervalMs: number;
  /** Between two requests on a connection. */
  readonly keepAliveMs: number;
  /** A socket on which nothing moves. */
  readonly idleMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  // 10,000 agents and as many clients.
  connectionsMax: 20_000,
  // A university behind one address; one who wants to take all needs twenty.
  connectionsPerAddressMax: 1000,
  // Slow senders must not hold all connections (Slowloris).
  headersTimeoutMs: 15 * SECOND_MS,
  requestTimeoutMs: 30 * SECOND_MS,
  checkIntervalMs: 5 * SECOND_MS,
  // Longer than the idle time of common proxies (60 s), so that they, not we, close first.
  keepAliveMs: 75 * SECOND_MS,
  // Streams have a heartbeat every 15 s.
  idleMs: 2 * MINUTE_MS,
};

/** An attack is told once a minute, not once per connection. */
const REFUSAL_TOLD_MS = MINUTE_MS;

/** The first byte of a TLS connection: a record of type handshake (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 0x16;

export interface GuardOptions {
  readonly limits: ConnectionLimits;
  readonly isProxy: Trust;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRefused: () => void;
}

export type Guard = (server: Server, secure: boolean) => void;

/** Puts itself before what `server` does with a connection. All servers of one guard share its counts. */
export function createGuard({ limits, isProxy, clock, logger, onRefused }: GuardOptions): Guard {
  const open = new Map<string, number>();
  let toldAtMs = Number.NEGATIVE_INFINITY;

  const isLetIn = (socket: Socket): boolean => {
    const { remoteAddress } = socket;
    if (isProxy(remoteAddress)) return true;
    const key = limitKeyOf(remoteAddress ?? '');
    const count = open.get(key) ?? 0;
    if (count >= limits.connectionsPerAddressMax) {
      onRefused();
      if (clock.monotonicMs() - toldAtMs >= REFUSAL_TOLD_MS) {
        toldAtMs = clock.monotonicMs();
        logger.log('connection_refused', { address: key });
      }
      return false;
    }
    open.set(key, count + 1);
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1;
      if (left > 0) open.set(key, left);
      else open.delete(key);
    });
    return true;
  };

  return (server, secure) => {
    const accepting = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (!isLetIn(socket)) return socket.destroy();
      const accept = (): void => {
        for (const listener of accepting) listener.call(server, socket);
      };
      if (secure) return whenTls(socket, limits, logger, accept);
      return accept();
    });
  };
}

/** Waits for the first byte, which tells plain HTTP from TLS, and leaves it where it is. */
function whenTls(socket: Socket, limits: ConnectionLimits, logger: Logger, accept: () => void): void {
  const giveUp = (): void => void socket.destroy();
  socket.setTimeout(limits.headersTimeoutMs, giveUp);
  socket.on('error', giveUp);
  socket.once('readable', () => {
    const first: unknown = socket.read(1);
    socket.off('error', giveUp).off('timeout', giveUp).setTimeout(0);
    if (!(first instanceof Uint8Array)) return giveUp();
    socket.unshift(first);
    if (first[0] === TLS_HANDSHAKE) return accept();
    const requestId = newRequestId();
    const address = socket.remoteAddress ?? '';
    logger.log('request_malformed', { request_id: requestId, address, code: 'tls_required' });
    return answerPlainHttp(socket, requestId);
  });
}
