import type { Clock } from '../base/clock.ts';
import { correlationId } from '../base/correlation.ts';
import { ProviderError } from '../engine/ports.ts';
import { tlsFailureText } from './tls-failure.ts';

/** The part of `fetch` that is used, so that a simulation or a client with its own CA can stand in for it. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
  readonly redirect: 'manual';
  readonly signal: AbortSignal;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** True if the request changes nothing, so that a lost reply leaves nothing in doubt. */
  readonly safe: boolean;
  /** What it is called in messages, e.g. `compute POST /servers`. */
  readonly name: string;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The server's clock from the Date header, ms; null: it sent none. */
  readonly dateMs: number | null;
}

export interface Http {
  /** Upper limit of one exchange, ms. */
  readonly timeoutMs: number;
  /** Any status resolves; rejects with ProviderError when there is no complete reply in time. */
  exchange(request: HttpRequest): Promise<HttpReply>;
}

/** Nova's largest page has 1000 servers of some 10 KB; more than this is not a reply that we asked for. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** Failures before the first byte of the request was sent: nothing can have happened. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** One request, one reply: bounded in time and size, never repeated. */
export function createHttp(options: {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly timeoutMs: number;
}): Http {
  const { fetch, clock, timeoutMs } = options;
  return {
    timeoutMs,
    async exchange(request) {
      const abort = new AbortController();
      const cancel = clock.setTimer(timeoutMs, () =>
        abort.abort(new Error(`no reply within ${timeoutMs} ms`)),
      );
      try {
        const response = await fetch(request.url, {
          method: request.method,
          headers: { ...request.headers, ...correlationHeaders() },
          body: request.body,
          redirect: 'manual',
          signal: abort.signal,
        });
        const text = await readBounded(response);
        return { status: response.status, headers: response.headers, text, dateMs: dateOf(response.headers) };
      } catch (error) {
        throw lostReply(request, abort.signal.aborted ? abort.signal.reason : error);
      } finally {
        cancel();
      }
    },
  };
}

/**
 * The service writes this id into its log beside its own, and passes it on to the services that it asks.
 * Source: oslo.middleware 5.0.0, request_id.py; oslo.log, `logging_context_format_string`.
 */
function correlationHeaders(): Readonly<Record<string, string>> {
  const id = correlationId();
  return id === null ? {} : { 'x-openstack-request-id': id };
}

async function readBounded(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > BODY_BYTES_MAX) throw new Error(`the reply is larger than ${BODY_BYTES_MAX} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function dateOf(headers: Headers): number | null {
  const dateMs = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(dateMs) ? null : dateMs;
}

function lostReply(request: HttpRequest, error: unknown): ProviderError {
  const cause = error instanceof Error ? error : new Error(String(error));
  const inner = cause.cause instanceof Error ? cause.cause : cause;
  const code = 'code' in inner && typeof inner.code === 'string' ? inner.code : '';
  const tls = tlsFailureText(request.url, code);
  if (tls !== null || NOT_SENT.has(code)) {
    const { origin } = new URL(request.url);
    const text = tls ?? `cannot connect to ${origin} (${inner.message})`;
    return new ProviderError('unavailable', 'none', `${request.name}: ${text}`, { cause });
  }
  const effect = request.safe ? 'none' : 'unknown';
  return new ProviderError('no_reply', effect, `${request.name}: no complete reply (${inner.message})`, {
    cause,
  });
}
