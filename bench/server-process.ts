/** A server in a process of its own: Berth with declared hosts, or the least that fastify can do. */
import fastify from 'fastify';
import { systemClock } from '../src/base/clock.ts';
import { randomIds } from '../src/main/bootstrap.ts';
import { createServer } from '../src/server/server.ts';
import { quietLogger } from '../test/support/logger.ts';
import { answer } from './child.ts';
import { openBenchService } from './service.ts';
import { createCatalogue } from '../src/profiles/catalogue.ts';

export type ServerQuestion =
  | { readonly serve: 'berth'; readonly hosts: number; readonly commitDelayMs: number }
  /** Answers each POST with a small object and each GET of /gpus/flavors with `body`. */
  | { readonly serve: 'trivial'; readonly body: string };

export interface ServerAnswer {
  readonly url: string;
  /** Empty: none is needed. */
  readonly token: string;
}

answer((question: ServerQuestion) =>
  question.serve === 'berth' ? serveBerth(question) : serveTrivial(question.body),
);

async function serveBerth(options: {
  readonly hosts: number;
  readonly commitDelayMs: number;
}): Promise<ServerAnswer> {
  const running = await openBenchService(options);
  const server = await createServer({
    engine: running.service,
    logger: quietLogger,
    clock: systemClock,
    ids: randomIds(systemClock),
    version: 'bench',
    openAs: null,
    clouds: [],
    metricsNeedToken: false,
    rateLimit: null,
    isMachineOf: () => false,
    profiles: createCatalogue([]),
    trustedProxies: [],
    tls: null,
  });
  process.once(
    'SIGTERM',
    () =>
      void server
        .close()
        .then(() => running.close())
        .then(() => process.exit(0)),
  );
  return { url: await server.listen('127.0.0.1', 0), token: await running.token() };
}

async function serveTrivial(body: string): Promise<ServerAnswer> {
  const app = fastify();
  app.post('/v1/leases', (_request, reply) => reply.send({ lease: { id: 'trivial' } }));
  app.get('/gpus/flavors', (_request, reply) =>
    reply.header('content-type', 'application/json; charset=utf-8').send(body),
  );
  process.once('SIGTERM', () => process.exit(0));
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), token: '' };
}
