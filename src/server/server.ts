/**
 * The HTTP door: authenticates, parses, asks the engine, answers. It decides nothing and knows no driver; it
 * sees the engine only as `EnginePort`. Operations are in `resources/`, their contract in `src/api`.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { routes } from '../api/routes.ts';
import { VERSION_HEADER } from '../api/version.ts';
import { assert } from '../base/assert.ts';
import { parseProxies, type Trust } from './address.ts';
import { createGate, type Gate } from './auth.ts';
import { CONNECTION_LIMITS, createGuard } from './connections.ts';
import { createRegister, type Register } from './dispatch.ts';
import { createEventStreams, type EventStreams } from './event-streams.ts';
import { noRoute, sendProblem, toProblem } from './failures.ts';
import { createListeners, type Listeners } from './listeners.ts';
import { logRequests } from './log/requests.ts';
import { createMetrics } from './metrics.ts';
import type { ServerOptions } from './options.ts';
import { requestIdOf } from './request-id.ts';
import { accessRoutes } from './resources/access.ts';
import { capacityRoutes } from './resources/capacity.ts';
import { cloudRoutes } from './resources/clouds.ts';
import { eventRoutes } from './resources/events.ts';
import { flavorReportRoutes } from './resources/flavor-report.ts';
import { leaseRoutes } from './resources/leases.ts';
import { operationRoutes } from './resources/operation.ts';
import { phoneHomeRoutes } from './resources/phone-home.ts';
import { serviceRoutes } from './resources/service.ts';
import { usageRoutes } from './resources/usage.ts';
import { profileRoutes } from './resources/profiles.ts';
import { waitingRoutes } from './resources/waiting.ts';

export interface BerthServer extends Omit<Listeners, 'close'> {
  /** Ends streams with a message, lets requests finish, closes. */
  close(): Promise<void>;
}

/** The largest body is an adoption or a public key: a few kilobytes. */
const BODY_BYTES_MAX = 256 * 1024;

/** Ids are UUIDs and names of hosts and flavors; what is longer is no route of ours. */
const PARAM_LENGTH_MAX = 512;

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
  const { clock, logger } = options;
  const isProxy = trustOf(options.trustedProxies);
  const app = createApp(options, isProxy);
  const headers = { ...SECURITY_HEADERS, [VERSION_HEADER]: options.version };
  const gate = createGate(options);
  const metrics = createMetrics(options.engine, options.version);
  const streams = createEventStreams(clock, metrics, logger);
  const limits = { ...CONNECTION_LIMITS, ...options.limits };
  const guard = createGuard({ limits, isProxy, clock, logger, onRefused: () => metrics.connectionRefused() });
  const listeners = createListeners({ app, tls: options.tls, limits, guard, clock, logger });
  acceptOnlyJson(app);
  app.decorateRequest('admission', null);
  logRequests(app, logger);
  app.setErrorHandler((error, request, reply) => {
    sendProblem(toProblem(error, request, logger), request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    reply.headers(headers).header('x-openstack-request-id', request.id);
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
      reply.headers(headers).header('x-openstack-request-id', request.id);
      next();
    });
    registerOperations(createRegister(scope, options, gate, metrics), options, streams, gate);
    await scope.register(async (machines) => phoneHomeRoutes(machines, options));
  });
  app.addHook('preClose', async () => streams.close());
  await app.ready();
  if (options.tls !== null) metrics.certificateEnds(options.tls.notAfterMs);
  return {
    ...listeners,
    setTls(material) {
      listeners.setTls(material);
      metrics.certificateEnds(material.notAfterMs);
    },
    close: () => listeners.close(() => app.close()),
  };
}

function createApp({ logger }: ServerOptions, isProxy: Trust): FastifyInstance {
  return fastify({
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    trustProxy: isProxy,
    genReqId: ({ headers }) => requestIdOf(headers),
    requestIdHeader: false,
    frameworkErrors(error: Error, request: FastifyRequest, reply: FastifyReply) {
      sendProblem(toProblem(error, request, logger), request, reply);
    },
  });
}

/** The configuration has been checked for what is no address. */
function trustOf(proxies: readonly string[]): Trust {
  const trust = parseProxies(proxies);
  assert(trust.ok, 'the proxies are addresses or networks');
  return trust.value;
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
  usageRoutes(noting);
  eventRoutes(noting, streams, gate);
  operationRoutes(noting, options);
  accessRoutes(noting, options);
  cloudRoutes(noting, options);
  for (const [operationId, { role }] of Object.entries(routes)) {
    assert(role === 'public' || registered.has(operationId), `the operation ${operationId} has a handler`);
  }
}
