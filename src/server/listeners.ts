/** The sockets on which the server listens, each with the same routes and limits behind it. */
import type { FastifyInstance } from 'fastify';
import { chmod, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { connect, type ListenOptions, type Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { createCloser, type Closer } from './closing.ts';
import type { ConnectionLimits, Guard } from './connections.ts';
import { answerClientError } from './failures.ts';
import type { Logger } from './log/catalogue.ts';
import { newRequestId } from './request-id.ts';
import { secureContextOf, type TlsMaterial } from './tls.ts';

export interface Listeners {
  /** Returns the address to use, e.g. `https://127.0.0.1:8443`. Port 0 takes a free one. */
  listen(host: string, port: number): Promise<string>;
  /** On a socket file, for a proxy on this machine: plain HTTP, whatever the ports speak. */
  listenUnix(path: string, mode: number): Promise<string>;
  /** New connections get it; those that are open go on. */
  setTls(material: TlsMaterial): void;
  /** Takes no more connections; resolves when those that are open have come to their end. */
  close(endRequests: () => Promise<void>): Promise<void>;
}

export interface ListenersOptions {
  readonly app: FastifyInstance;
  readonly tls: TlsMaterial | null;
  readonly limits: ConnectionLimits;
  readonly guard: Guard;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createListeners(options: ListenersOptions): Listeners {
  const { app, guard, limits, clock } = options;
  let { tls } = options;
  const secureServers: HttpsServer[] = [];
  const closers: Closer[] = [];
  const answer: RequestListener = (request, response) => app.routing(request, response);

  const open = (secure: boolean): Server => {
    const common = {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      keepAliveTimeout: limits.keepAliveMs,
    };
    const server = secure ? secureServer(common) : createHttpServer(common, answer);
    watchConnections(server, secure, options);
    guard(server, secure);
    closers.push(createCloser(server, clock, secure));
    return server;
  };

  const secureServer = (common: object): HttpsServer => {
    assert(tls !== null, 'a secure server has a certificate');
    const handshake = { handshakeTimeout: limits.headersTimeoutMs };
    const server = createHttpsServer({ ...common, ...handshake, ...secureContextOf(tls) }, answer);
    secureServers.push(server);
    return server;
  };

  return {
    async listen(host, port) {
      const server = open(tls !== null);
      await bound(server, { host, port });
      return urlOf(server, host, tls !== null);
    },
    async listenUnix(path, mode) {
      await removeStale(path);
      const server = open(false);
      // Until it has its own mode, nobody else may open it.
      const umask = process.umask(0o177);
      const binding = bound(server, { path });
      process.umask(umask);
      await binding;
      await chmod(path, mode);
      return `unix:${path}`;
    },
    setTls(material) {
      tls = material;
      for (const server of secureServers) server.setSecureContext(secureContextOf(material));
    },
    async close(endRequests) {
      const closing = closers.map((close) => close());
      await endRequests();
      await Promise.all(closing);
    },
  };
}

/** Cuts off who holds a connection and says nothing, and answers who says what is no HTTP. */
function watchConnections(server: Server, secure: boolean, { limits, logger }: ListenersOptions): void {
  server.maxConnections = limits.connectionsMax;
  server.setTimeout(limits.idleMs);
  // Node's own time-outs begin with the first byte: who sends none would be kept for as long as a stream.
  // Who sends some gets Node's answer before.
  const silentMs = limits.headersTimeoutMs + 2 * limits.checkIntervalMs;
  const speakers = new WeakSet<Socket>();
  server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
    speakers.add(socket);
    socket.setTimeout(silentMs);
  });
  server.on('request', ({ socket }) => socket.setTimeout(limits.idleMs));
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    // Without a handshake there is nobody who could be answered.
    if (!speakers.has(socket)) return socket.destroy();
    const requestId = newRequestId();
    const code = answerClientError(error, socket, requestId);
    const address = socket.remoteAddress ?? 'unix';
    if (code !== null) logger.log('request_malformed', { request_id: requestId, address, code });
    return undefined;
  });
}

function bound(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A killed server leaves its socket file. One that still answers is somebody else's: binding it fails. */
async function removeStale(path: string): Promise<void> {
  const code = await new Promise<string>((resolve) => {
    const probe = connect({ path }, () => {
      probe.destroy();
      resolve('');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
  if (code === 'ECONNREFUSED') await rm(path, { force: true });
}

function urlOf(server: Server, host: string, secure: boolean): string {
  const address = server.address();
  assert(address !== null && typeof address === 'object', 'a listening server has an address');
  const name = host.includes(':') ? `[${host}]` : host;
  return `${secure ? 'https' : 'http'}://${name}:${address.port}`;
}
