/** One line for each request, at its end. Paths stand in it as routes: they may hold names and secrets. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../api/errors.ts';
import { routes } from '../../api/routes.ts';
import { addressOf } from '../address.ts';
import type { Logger } from './catalogue.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The error that it was answered with; null: none. */
    problemCode: ErrorCode | null;
  }
  interface FastifyContextConfig {
    operationId?: string;
  }
}

/** What monitors ask all the time. */
const PROBES: ReadonlySet<string> = new Set([routes.healthz.path, routes.readyz.path, routes.metrics.path]);

/** To be called before routes are made. */
export function logRequests(app: FastifyInstance, logger: Logger): void {
  app.decorateRequest('problemCode', null);
  if (!logger.logs('request') && !logger.logs('probe')) return;
  app.addHook('onRequest', (request, reply, next) => {
    const { url: route } = request.routeOptions;
    const isProbe = route !== undefined && PROBES.has(route);
    const log = (): void => {
      const fields = fieldsOf(request, reply);
      if (isProbe) logger.log('probe', fields);
      else logger.log('request', fields);
    };
    // `close` comes in every case, also where the caller has left.
    if (logger.logs(isProbe ? 'probe' : 'request')) reply.raw.once('close', log);
    next();
  });
}

function fieldsOf(request: FastifyRequest, reply: FastifyReply) {
  const { admission } = request;
  const revision = reply.getHeader('berth-revision');
  return {
    request_id: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    operation: request.routeOptions.config.operationId ?? null,
    status: reply.raw.statusCode,
    code: request.problemCode,
    duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
    aborted: !reply.raw.writableFinished,
    revision: revision === undefined ? null : Number(revision),
    address: addressOf(request),
    user: admission?.actor.userId ?? null,
    project: admission?.actor.projectId ?? null,
    role: admission?.actor.role ?? null,
    cloud: admission?.cloud?.providerId ?? null,
  };
}
