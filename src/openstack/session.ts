/**
 * A logged-in connection to one OpenStack cloud: token, catalog, and calls with their microversion, expected
 * codes and parsed replies. Owns the token's life and nothing else: it decides nothing and repeats nothing,
 * except once after a 401, which proves that the call was not executed. Resources are in
 * `<service>/<resource>.ts`.
 */
import type { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { ProviderError } from '../engine/ports.ts';
import {
  selectEndpoint,
  withVersionPath,
  type Interface,
  type ServicePreferences,
  type ServiceType,
} from './catalog.ts';
import type { Credentials } from './credentials.ts';
import { failureOf } from './failure.ts';
import { createHttp, type Fetch, type Http, type HttpReply, type HttpRequest } from './http.ts';
import { identityUrl, issueToken, type IssuedToken, type TokenIdentity } from './keystone/tokens.ts';

export interface SessionOptions {
  readonly authUrl: string;
  readonly credentials: Credentials;
  /** null: the first endpoint of a service, whatever its region. */
  readonly region: string | null;
  /** In order of preference. */
  readonly interfaces: readonly Interface[];
  /** Base URLs that replace the catalog's. */
  readonly endpointOverrides?: Readonly<Partial<Record<ServiceType, string>>>;
  readonly services?: Readonly<Partial<Record<ServiceType, ServicePreferences>>>;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Upper limit of each single exchange, ms. */
  readonly callTimeoutMs: number;
}

export interface Call<T> {
  readonly service: ServiceType;
  readonly method: HttpRequest['method'];
  /** Below the service's base URL, with ids already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** e.g. `2.87`; sent as `OpenStack-API-Version: compute 2.87`. */
  readonly microversion?: string;
  readonly body?: unknown;
  /** Beside those that every call has; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly expect: readonly number[];
  /** Parses the reply; an empty one is `undefined`. */
  readonly reply: z.ZodType<T>;
}

export interface OpenStackSession {
  readonly callTimeoutMs: number;
  /** Makes one call. Rejects with ProviderError. */
  send<T>(call: Call<T>): Promise<T>;
  /** The project that the credentials are scoped to; null: none. Logs in if needed. */
  projectId(): Promise<string | null>;
  /** Whom the credentials belong to, as the newest token tells. Logs in if needed. */
  identity(): Promise<TokenIdentity>;
  /** Clock of the cloud in the newest reply, ms; null: it has not told. */
  dateMs(): number | null;
}

/** Renewed this long before the end, so that a token never ends between our check and the service's. */
const TOKEN_RENEWAL_MS = 120_000;

interface HeldToken extends IssuedToken {
  readonly renewAtMonotonicMs: number;
}

export function createSession(options: SessionOptions): OpenStackSession {
  const { clock } = options;
  const http = createHttp({ fetch: options.fetch, clock, timeoutMs: options.callTimeoutMs });
  let held: HeldToken | null = null;
  let login: Promise<HeldToken> | null = null;
  let newestDateMs: number | null = null;

  /** All callers share one login. */
  const token = (): Promise<HeldToken> => {
    if (held !== null && clock.monotonicMs() < held.renewAtMonotonicMs) return Promise.resolve(held);
    login ??= logIn(http, options).then(
      (issued) => {
        held = issued;
        newestDateMs = issued.dateMs ?? newestDateMs;
        login = null;
        return issued;
      },
      (error: unknown) => {
        login = null;
        throw error;
      },
    );
    return login;
  };

  const exchange = async (call: Call<unknown>, bearer: HeldToken): Promise<[HttpRequest, HttpReply]> => {
    const microversion = call.microversion ?? options.services?.[call.service]?.microversion;
    const versioned = microversion === undefined ? call : { ...call, microversion };
    const request = requestOf(versioned, endpointOf(options, bearer, call.service), bearer.secret);
    const reply = await http.exchange(request);
    newestDateMs = reply.dateMs ?? newestDateMs;
    return [request, reply];
  };

  return {
    callTimeoutMs: options.callTimeoutMs,
    async send(call) {
      const bearer = await token();
      let [request, reply] = await exchange(call, bearer);
      if (reply.status === 401) {
        if (held === bearer) held = null;
        [request, reply] = await exchange(call, await token());
      }
      return readReply(call, request, reply);
    },
    async projectId() {
      return (await token()).projectId;
    },
    async identity() {
      const { userId, userName, projectId, projectName, roles } = await token();
      return { userId, userName, projectId, projectName, roles };
    },
    dateMs: () => newestDateMs,
  };
}

async function logIn(http: Http, options: SessionOptions): Promise<HeldToken> {
  const issued = await issueToken(http, options.authUrl, options.credentials).catch((error: unknown) => {
    throw asCallFailure(error);
  });
  return {
    ...issued,
    renewAtMonotonicMs: options.clock.monotonicMs() + issued.validForMs - TOKEN_RENEWAL_MS,
  };
}

/**
 * No code that a caller could take for an answer about what it asked for: a project or trust that Keystone
 * does not find, or does not let us into, is a login that was refused, not a server that is missing.
 */
function asCallFailure(error: unknown): unknown {
  if (!(error instanceof ProviderError) || LOGIN_CODES.has(error.code)) return error;
  const isRefused = error.code === 'forbidden' || error.code === 'not_found';
  const code = isRefused ? 'unauthorized' : 'unavailable';
  return new ProviderError(code, error.effect, error.message, { cause: error });
}

const LOGIN_CODES: ReadonlySet<ProviderError['code']> = new Set([
  'unauthorized',
  'rate_limited',
  'unavailable',
  'no_reply',
]);

function endpointOf(options: SessionOptions, token: IssuedToken, service: ServiceType): string {
  const preferences = options.services?.[service];
  if (preferences?.disabled === true) {
    const text = `'${service}' is not to be called: has_${service} is false in the cloud's configuration`;
    throw new ProviderError('unsupported', 'none', text);
  }
  const override = options.endpointOverrides?.[service];
  if (override !== undefined) return withVersionPath(service, override);
  if (service === 'identity') return identityUrl(options.authUrl);
  const { region, interfaces } = options;
  return selectEndpoint(token.catalog, { service, region, interfaces, preferences });
}

function requestOf(call: Call<unknown>, baseUrl: string, secret: string): HttpRequest {
  const headers: Record<string, string> = { accept: 'application/json', 'x-auth-token': secret };
  if (call.microversion !== undefined)
    headers['openstack-api-version'] = `${call.service} ${call.microversion}`;
  if (call.body !== undefined) headers['content-type'] = 'application/json';
  Object.assign(headers, call.headers);
  const query = call.query === undefined ? '' : `?${new URLSearchParams({ ...call.query }).toString()}`;
  return {
    method: call.method,
    url: baseUrl + call.path + query,
    headers,
    body: call.body === undefined ? null : JSON.stringify(call.body),
    safe: call.method === 'GET',
    name: `${call.service} ${call.method} ${call.path}`,
  };
}

function readReply<T>(call: Call<T>, request: HttpRequest, reply: HttpReply): T {
  if (!call.expect.includes(reply.status)) throw failureOf(request, reply);
  const parsed = call.reply.safeParse(parseJson(reply.text));
  if (parsed.success) return parsed.data;
  // The call was accepted, but nobody can say what it made.
  const text = `${request.name}: ${reply.status}, but the reply is not understood`;
  throw new ProviderError('no_reply', request.safe ? 'none' : 'unknown', text, { cause: parsed.error });
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
