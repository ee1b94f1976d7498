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

/** The name in white, for the dark bar of the page. */
const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40" viewBox="0 0 120 40"><text x="0" y="28" ' +
  'font-family="sans-serif" font-size="26" font-weight="bold" fill="#fff">Berth</text></svg>';
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

  app.get(routes.metrics.path, { config: { operationId: 'metrics' } }, async (request, reply) => {
    if (options.metricsNeedToken) await gate.admit(request, reply);
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

  // Static: the description is ours, made from the table of routes; the plugin only hands it to the page.
  await app.register(swagger, { mode: 'static', specification: { document: JSON.parse(description) } });
  await app.register(swaggerUi, {
    routePrefix: '/ui',
    staticCSP: true,
    theme: { title: 'Berth API' },
    logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: '/', target: '_self' },
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
