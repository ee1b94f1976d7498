import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import type { ErrorCode } from '../api/errors.ts';
import { METHODS, type Method } from '../api/route.ts';
import { scrub } from '../base/scrub.ts';
import { routes } from '../api/routes.ts';
import { EngineError } from '../engine/engine-types.ts';
import { StoreError } from '../engine/ports.ts';
import type { Logger } from './log/catalogue.ts';
import { Problem, PROBLEM_TYPE } from './problem.ts';

/** Errors of fastify 5 (`lib/errors.js`) that a request can cause, and what they are to the caller. */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_json', 'the body is not valid JSON'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_json', 'the body is empty'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'the body is larger than 256 KiB'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'only JSON is accepted'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_request', 'the body is not as long as Content-Length says'],
  FST_ERR_BAD_URL: ['malformed_url', 'the path is not validly encoded'],
  FST_ERR_MAX_PARAM_LENGTH: ['route_not_found', 'a part of the path is too long'],
  FST_ERR_ASYNC_CONSTRAINT: ['malformed_request', 'the request cannot be routed'],
};

/**
 * Every error of a request as an answer; what nobody foresaw is a defect of ours: logged, and told without
 * details.
 */
export function toProblem(error: unknown, request: FastifyRequest, logger: Logger): Problem {
  if (error instanceof Problem) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = FASTIFY_ERRORS[code];
  if (known !== undefined) return new Problem(known[0], { detail: known[1] });
  if (error instanceof SyntaxError && 'statusCode' in error) {
    return new Problem('malformed_json', { detail: 'the body is not valid JSON, or has a forbidden key' });
  }
  const fields = {
    request_id: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    err: error,
  };
  if (error instanceof EngineError && error.code === 'busy') {
    return new Problem('overloaded', { detail: error.message, headers: { 'retry-after': '1' } });
  }
  if (error instanceof StoreError || error instanceof EngineError) {
    logger.log('request_incomplete', fields);
    return new Problem('engine_stopped', {
      detail: 'the service is stopping or recovering; whether the command was done is not known',
      headers: { 'retry-after': '2' },
    });
  }
  logger.log('request_defect', fields);
  return new Problem('internal', { detail: 'the service met an error of its own' });
}

export function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): void {
  request.problemCode = problem.code;
  reply
    .code(problem.status)
    .headers(problem.headers)
    .header('content-type', PROBLEM_TYPE)
    .send(JSON.stringify(problem.body(request.id)));
}

/** What is answered where no route is: 405 with the methods where only the method is wrong, else 404. */
export function noRoute(request: FastifyRequest): Problem {
  const path = scrub(request.url.split('?', 1)[0] ?? '');
  const allowed = METHODS.filter((method) => PATTERNS.get(method)?.some((pattern) => pattern.test(path)));
  if (allowed.length === 0) {
    return new Problem('route_not_found', {
      detail: `there is no route ${request.method} ${path.slice(0, 200)}`,
    });
  }
  const allow = allowed.includes('GET')
    ? ['GET', 'HEAD', ...allowed.filter((method) => method !== 'GET')]
    : allowed;
  return new Problem('method_not_allowed', {
    detail: `${path.slice(0, 200)} does not know the method ${request.method}`,
    headers: { allow: allow.join(', ') },
  });
}

const PATTERNS: ReadonlyMap<Method, readonly RegExp[]> = Map.groupBy(
  Object.values(routes).map(({ method, path }) => ({ method, pattern: patternOf(path) })),
  ({ method }) => method,
)
  .entries()
  .reduce(
    (map, [method, list]) =>
      map.set(
        method,
        list.map(({ pattern }) => pattern),
      ),
    new Map<Method, RegExp[]>(),
  );

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

/**
 * Answers what is not even HTTP, or too slow, on the bare socket. Returns what was answered; null: nobody is
 * there to hear it.
 */
export function answerClientError(
  error: Error & { readonly code?: string },
  socket: Socket,
  requestId: string,
): ErrorCode | null {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return null;
  const problem = clientProblem(error.code);
  answerBare(socket, problem, requestId);
  return problem.code;
}

/** Answers who speaks plain HTTP where TLS is spoken. What was sent has crossed the network in the clear. */
export function answerPlainHttp(socket: Socket, requestId: string): void {
  const problem = new Problem('tls_required', { detail: 'plain HTTP came to a port that speaks TLS' });
  answerBare(socket, problem, requestId);
  // Closed with bytes unread, the kernel would reset the connection and take the answer away.
  socket.on('error', () => undefined).resume();
  socket.setTimeout(LINGER_MS, () => socket.destroy());
}

/** How long a caller may take to read its answer. */
const LINGER_MS = 2000;

function answerBare(socket: Socket, problem: Problem, requestId: string): void {
  const body = JSON.stringify(problem.body(requestId));
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.body('').title}\r\n` +
      `Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Openstack-Request-Id: ${requestId}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function clientProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Problem('header_too_large', { detail: 'the headers exceed 16 KiB' });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Problem('request_timeout', { detail: 'the request was not received completely in time' });
  }
  return new Problem('malformed_request', { detail: 'this is not a valid HTTP/1.1 request' });
}
