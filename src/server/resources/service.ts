import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { randomBytes } from 'node:crypto';
import { openApiDocument } from '../../api/openapi.ts';
import { routes } from '../../api/routes.ts';
import type { Gate } from '../auth.ts';
import type { Metrics } from '../metrics.ts';
import type { ServerOptions } from '../options.ts';
import { Problem } from '../problem.ts';
import { startPage } from './start-page.ts';

const TEXT_TYPE = 'text/plain; charset=utf-8';

/** Health, metrics, the description of the API, and the page at `/`. */
export async function serviceRoutes(
  app: FastifyInstance,
  options: ServerOptions,
  gate: Gate,
  metrics: Metrics,
): Promise<void> {
  const { engine } = options;
  const description = JSON.stringify(openApiDocument(options.version));

  app.get(routes.healthz.path, (_request, reply) => {
    reply.header('content-type', TEXT_TYPE).send('ok\n');
  });

  app.get(routes.readyz.path, (_request, reply) => {
    if (!engine.ready()) {
      throw new Problem('not_ready', {
        detail: 'the clouds have not been seen completely since the start',
        headers: { 'retry-after': '2' },
      });
    }
    reply.header('content-type', TEXT_TYPE).send('ready\n');
  });

  app.get(routes.metrics.path, async (request, reply) => {
    if (options.metricsNeedToken) gate.admit(request);
    return reply.header('content-type', metrics.contentType).send(await metrics.render());
  });

  app.get(routes.openapi.path, (_request, reply) => {
    reply.header('content-type', 'application/json; charset=utf-8').send(description);
  });

  app.get('/', (_request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', pagePolicy(nonce))
      .send(startPage(nonce, options.version));
  });

  await app.register(swagger, { openapi: {} });
  await app.register(swaggerUi, {
    routePrefix: '/ui',
    staticCSP: true,
    uiConfig: { url: routes.openapi.path },
  });
}

/** The page may run its own script and ask this server, nothing else. */
function pagePolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
