import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Route } from '../api/route.ts';
import { correlated } from '../base/correlation.ts';
import type { Command } from '../domain/command.ts';
import type { Reply } from '../domain/decision.ts';
import type { Idempotency, Session } from '../engine/views.ts';
import type { CloudCaller } from '../engine/ports.ts';
import type { Gate } from './auth.ts';
import type { Admission } from './callers.ts';
import { idempotencyOf } from './idempotency.ts';
import type { Metrics } from './metrics.ts';
import type { ServerOptions, UserActor } from './options.ts';
import { Problem, refused } from './problem.ts';
import { parsePart, type Parsed } from './validate.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null until admitted, and on public routes. */
    admission: Admission | null;
  }
}

/** One parsed request, as handlers see it. */
export interface Call<R extends Route> {
  readonly params: Parsed<R['params']>;
  readonly query: Parsed<R['query']>;
  readonly body: Parsed<R['body']>;
  readonly caller: UserActor;
  /** Where the caller has a token of a cloud: what the cloud says of it. Never to be logged or stored. */
  readonly cloud: CloudCaller | null;
  readonly admission: Admission;
  readonly session: Session;
  readonly nowMs: number;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /**
   * Gives a command to the engine under the request's Idempotency-Key. Throws what it refuses as a Problem.
   */
  readonly submit: (command: Command) => Promise<Reply>;
}

/** The body of the answer; null: the handler has taken the connection over (streams). */
type Handler<R extends Route> = (
  call: Call<R>,
) => z.output<NonNullable<R['response']>> | null | Promise<z.output<NonNullable<R['response']>> | null>;

/** Puts one operation of the table behind its path. */
export type Register = <R extends Route>(operationId: string, route: R, handler: Handler<R>) => void;

/** A read waits at most so long for the revision that it asks for. */
const MIN_REVISION_WAIT_MS = 5000;

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Makes the one way from a request to an answer: admit, wait for the wanted revision, parse, handle, answer.
 * Whatever is wrong is thrown as a Problem and answered by the error handler of the server.
 */
export function createRegister(
  app: FastifyInstance,
  options: ServerOptions,
  gate: Gate,
  metrics: Metrics,
): Register {
  const { engine } = options;
  return (operationId, route, handler) => {
    const observe = metrics.requests(operationId);
    app.route({
      method: route.method,
      url: fastifyPath(route.path),
      config: { operationId },
      onRequest: (request, reply, next) => {
        const admit = (admission: Admission): void => {
          request.admission = admission;
          next();
        };
        const admission = correlated(request.id, () => gate.admit(request, reply));
        if (admission instanceof Promise) admission.then(admit, next);
        else admit(admission);
      },
      onResponse: (_request, reply, next) => {
        observe(reply.statusCode, reply.elapsedTime);
        next();
      },
      handler: async (request, reply) => {
        const { admission } = request;
        if (admission === null) throw new Problem('unauthenticated', { detail: 'nobody was admitted' });
        if (request.headers['berth-min-revision'] !== undefined) await waitForRevision(options, request);
        const { actor: caller, cloud } = admission;
        const session = engine.as(caller);
        const idempotency = route.idempotent ? idempotencyOf(request) : undefined;
        // What is asked of a cloud on the way has the id of this request there.
        const body = await correlated(request.id, () =>
          handler({
            params: parsePart<(typeof route)['params']>(route.params, request.params),
            query: parsePart<(typeof route)['query']>(route.query, request.query),
            // No body is as good as an empty one: what is missing in it is then named.
            body: parsePart<(typeof route)['body']>(
              route.body,
              request.body === undefined ? {} : request.body,
            ),
            caller,
            cloud,
            admission,
            session,
            nowMs: engine.nowMs(),
            request,
            reply,
            submit: (command) => submit(session, command, { idempotency, cloud }, reply),
          }),
        );
        if (body === null) return reply;
        if (!reply.hasHeader('berth-revision')) reply.header('berth-revision', engine.revision);
        return reply.code(route.status).header('content-type', JSON_TYPE).send(JSON.stringify(body));
      },
    });
  };
}

/** `/v1/leases/{id}` as fastify writes it. */
export function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

async function submit(
  session: Session,
  command: Command,
  {
    idempotency,
    cloud,
  }: { readonly idempotency: Idempotency | undefined; readonly cloud: CloudCaller | null },
  reply: FastifyReply,
): Promise<Reply> {
  const outcome = await session.submit(command, idempotency ?? null, cloud);
  if (!outcome.ok) throw refused(outcome.refusal);
  reply.header('berth-revision', outcome.revision);
  if (outcome.replayed) reply.header('idempotent-replayed', 'true');
  return outcome.reply;
}

async function waitForRevision(options: ServerOptions, request: FastifyRequest): Promise<void> {
  const text = request.headers['berth-min-revision'];
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) {
    throw new Problem('malformed_header', {
      detail: 'Berth-Min-Revision must be a whole number',
      field: 'Berth-Min-Revision',
      fix: 'Send the Berth-Revision of an earlier reply.',
    });
  }
  if (await options.engine.waitForRevision(Number(text), MIN_REVISION_WAIT_MS)) return;
  throw new Problem('revision_timeout', {
    detail: `revision ${text} did not arrive here within ${MIN_REVISION_WAIT_MS / 1000} seconds`,
    details: { revision: options.engine.revision },
    headers: { 'retry-after': '1' },
  });
}
