import { z } from 'zod';
import { problemJson } from '../api/errors.ts';
import type { Route } from '../api/route.ts';
import { backoffMs } from '../base/backoff.ts';
import { sleep, type Clock } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import type { Authorization } from './authorization.ts';
import { ApiError, ConnectionError } from './errors.ts';

export interface Transport {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly authorization: Authorization;
  readonly fetch: typeof fetch;
  /** For one try. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly prng: Prng;
}

export interface CallInput {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  readonly signal?: AbortSignal;
}

/** Tries of one call: a connection that breaks three times in a row is no accident. */
const TRIES_MAX = 3;
const RETRY = { initialMs: 200, maxMs: 2000 } as const;

/**
 * Makes one call of the table and returns its parsed reply. After a broken connection it is repeated where
 * that is safe: reads, and commands under an Idempotency-Key, which every such call gets; and once with a new
 * token where the server did not accept the old one, which it says before it does anything. Rejects with
 * ApiError and ConnectionError, with the reason of the caller's signal, and as the authorization does.
 */
export async function call<S extends z.ZodType>(
  transport: Transport,
  route: Route & { readonly response: S },
  input: CallInput = {},
): Promise<z.output<S>> {
  const url = urlOf(transport.baseUrl, route.path, input);
  const key = route.idempotent ? { 'idempotency-key': crypto.randomUUID() } : {};
  const type = input.body === undefined ? {} : { 'content-type': 'application/json' };
  const repeatable = route.idempotent || route.method === 'GET';
  let isRenewed = false;
  for (let tries = 1; ; tries++) {
    const proof = await transport.authorization.headers();
    const headers = { ...ACCEPT_JSON, ...type, ...key, ...proof };
    const init = { method: route.method, headers, ...(input.body && { body: JSON.stringify(input.body) }) };
    try {
      return await tryOnce(transport, url, init, route.response, input.signal);
    } catch (error) {
      if (isRefusedToken(error) && !isRenewed && (await transport.authorization.renew(proof))) {
        isRenewed = true;
        continue;
      }
      const lost = error instanceof ConnectionError && !error.unsent;
      if (!lost || !repeatable || tries >= TRIES_MAX) throw error;
    }
    await sleep(transport.clock, backoffMs(RETRY, tries - 1, transport.prng), input.signal);
  }
}

/** The address of a call: parameters filled in and encoded, absent query values left out. */
export function urlOf(baseUrl: string, path: string, input: Pick<CallInput, 'params' | 'query'>): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeSegment(input.params?.[name] ?? ''),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? `${baseUrl}${filled}` : `${baseUrl}${filled}?${query.toString()}`;
}

const ACCEPT_JSON = { accept: 'application/json, application/problem+json' };

/** True if the server did not accept the token: nothing was done. */
export function isRefusedToken(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** The error in a reply that is no success; what is not a problem document becomes `unexpected_reply`. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  const problem = problemJson.safeParse(parseJson(text));
  return problem.success ? new ApiError(problem.data) : unexpected(response, 'is no problem document');
}

async function tryOnce<S extends z.ZodType>(
  transport: Transport,
  url: string,
  init: RequestInit,
  schema: S,
  signal: AbortSignal | undefined,
): Promise<z.output<S>> {
  const timeout = AbortSignal.timeout(transport.timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await transport.fetch(url, {
      ...init,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    if (!response.ok) throw await errorOf(response);
    text = await response.text();
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    throw new ConnectionError(transport.baseUrl, error);
  }
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw unexpected(response, z.prettifyError(parsed.error));
}

/** `.` and `..` would be resolved away by the URL parser before they are sent. */
function encodeSegment(text: string): string {
  return text === '.' || text === '..' ? text.replaceAll('.', '%252E') : encodeURIComponent(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unexpected(response: Response, why: string): ApiError {
  return new ApiError({
    status: response.status,
    code: 'unexpected_reply',
    title: 'Unexpected reply',
    detail: `the reply (status ${response.status}) is not one of Berth: ${why}`,
    field: null,
    fix: 'Check that the address is that of a Berth server of the same version, not of a proxy.',
    details: {},
    request_id: response.headers.get('x-openstack-request-id') ?? '',
  });
}
