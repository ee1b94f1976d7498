/**
 * The HTTP door: authenticates, parses, asks the engine, answers. It decides nothing and knows no driver; it
 * sees the engine only as `EnginePort`. Operations are in `resources/`, their contract in `src/api`.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { routes } from '../api/routes.ts';
import { assert } from '../base/assert.ts';
import { MINUTE_MS, SECOND_MS } from '../base/units.ts';
import { createGate, type Gate } from './auth.ts';
import { createCloser } from './closing.ts';
import { createRegister, type Register } from './dispatch.ts';
import { createEventStreams, type EventStreams } from './event-streams.ts';
import { answerClientError, noRoute, sendProblem, toProblem } from './failures.ts';
import { createMetrics } from './metrics.ts';
import type { ServerOptions } from './options.ts';
import { accessRoutes } from './resources/access.ts';
import { capacityRoutes } from './resources/capacity.ts';
import { cloudRoutes } from './resources/clouds.ts';
import { eventRoutes } from './resources/events.ts';
import { flavorReportRoutes } from './resources/flavor-report.ts';
import { leaseRoutes } from './resources/leases.ts';
import { operationRoutes } from './resources/operation.ts';
import { phoneHomeRoutes } from './resources/phone-home.ts';
import { serviceRoutes } from './resources/service.ts';
import { profileRoutes } from './resources/profiles.ts';
import { waitingRoutes } from './resources/waiting.ts';

export interface BerthServer {
  /** Binds and returns the address to use, e.g. `http://127.0.0.1:8080`. Port 0 takes a free one. */
  listen(host: string, port: number): Promise<string>;
  /** Ends streams with a message, lets requests finish, closes. */
  close(): Promise<void>;
  readonly app: FastifyInstance;
}

/** The largest body is an adoption or a public key: a few kilobytes. */
const BODY_BYTES_MAX = 256 * 1024;

/** Ids are UUIDs and names of hosts and flavors; what is longer is no route of ours. */
const PARAM_LENGTH_MAX = 512;

/** A request must arrive within this time, so that slow senders cannot hold all connections (Slowloris). */
const REQUEST_TIMEOUT_MS = 30 * SECOND_MS;
const HEADERS_TIMEOUT_MS = 15 * SECOND_MS;
/** Longer than the idle time of common proxies (60 s), so that they, not we, close first. */
const KEEP_ALIVE_MS = 75 * SECOND_MS;
/** A socket on which nothing moves; streams have a heartbeat every 15 s. */
const SOCKET_IDLE_MS = 2 * MINUTE_MS;
/** 10,000 agents and as many clients. */
const CONNECTIONS_MAX = 20_000;

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/**
 * Builds the server; it listens only when told to. Whether a listener is safe is for `checkListener` to say.
 */
export async function createServer(options: ServerOptions): Promise<BerthServer> {
  const app = createApp(options);
  const gate = createGate(options);
  const metrics = createMetrics(options.engine, options.version);
  const streams = createEventStreams(options.clock, metrics, options.logger);
  acceptOnlyJson(app);
  app.decorateRequest('admission', null);
  app.setErrorHandler((error, request, reply) => {
    sendProblem(toProblem(error, request, options.logger), request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    reply.headers(SECURITY_HEADERS).header('x-openstack-request-id', request.id);
    sendProblem(noRoute(request), request, reply);
  });
  if (options.openAs !== null) {
    app.addHook('onRequest', (request, _reply, next) => {
      gate.checkOrigin(request);
      next();
    });
  }
  flavorReportRoutes(app, options);
  await app.register(async (scope) => serviceRoutes(scope, options, gate, metrics));
  await app.register(async (scope) => {
    scope.addHook('onRequest', (request, reply, next) => {
      reply.headers(SECURITY_HEADERS).header('x-openstack-request-id', request.id);
      next();
    });
    registerOperations(createRegister(scope, options, gate, metrics), options, streams, gate);
    await scope.register(async (machines) => phoneHomeRoutes(machines, options));
  });
  app.addHook('preClose', async () => streams.close());
  const close = createCloser(app, options.clock, options.tls !== null);
  await app.ready();
  return {
    app,
    async listen(host, port) {
      await app.listen({ host, port });
      return urlOf(app, host, options.tls !== null);
    },
    close,
  };
}

function createApp(options: ServerOptions): FastifyInstance {
  const common = {
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: SOCKET_IDLE_MS,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    forceCloseConnections: 'idle' as const,
    genReqId: requestId,
    requestIdHeader: false as const,
    clientErrorHandler(error: Error & { code?: string }, socket: Socket) {
      answerClientError(error, socket, requestId());
    },
    frameworkErrors(error: Error, request: FastifyRequest, reply: FastifyReply) {
      sendProblem(toProblem(error, request, options.logger), request, reply);
    },
  };
  const limits = { headersTimeout: HEADERS_TIMEOUT_MS };
  const app: FastifyInstance = options.tls
    ? fastify({ ...common, https: { ...limits, ...options.tls } })
    : fastify({ ...common, http: limits });
  app.server.maxConnections = CONNECTIONS_MAX;
  return app;
}

/** As OpenStack writes request ids. */
function requestId(): string {
  return `req-${randomUUID()}`;
}

/** Bodies are JSON or nothing; an empty one is nothing, whatever its type says. */
function acceptOnlyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else void parseJson(request, String(body), done);
  });
}

/** Puts every operation of the table that is not public behind its path. */
function registerOperations(
  register: Register,
  options: ServerOptions,
  streams: EventStreams,
  gate: Gate,
): void {
  const registered = new Set<string>();
  const noting: Register = (operationId, route, handler) => {
    registered.add(operationId);
    register(operationId, route, handler);
  };
  leaseRoutes(noting, options);
  capacityRoutes(noting);
  profileRoutes(noting, options);
  waitingRoutes(noting, options);
  eventRoutes(noting, streams, gate);
  operationRoutes(noting, options);
  accessRoutes(noting, options);
  cloudRoutes(noting, options);
  for (const [operationId, { role }] of Object.entries(routes)) {
    assert(role === 'public' || registered.has(operationId), `the operation ${operationId} has a handler`);
  }
}

function urlOf(app: FastifyInstance, host: string, secure: boolean): string {
  const address = app.server.address();
  assert(address !== null && typeof address === 'object', 'a listening server has an address');
  const name = host.includes(':') ? `[${host}]` : host;
  return `${secure ? 'https' : 'http'}://${name}:${address.port}`;
}
