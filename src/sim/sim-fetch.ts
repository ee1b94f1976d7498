/**
 * The simulated cloud as a `fetch`: the request takes effect when it is made, and the reply is delivered
 * through the clock after the drawn delay. Under a virtual clock nothing here waits for real time.
 */
import type { Clock } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import type { SimCloud } from './cloud.ts';
import type { SimOutcome, SimRequest, SimResponse } from './http.ts';

/** How long a client waits for headers before it gives up by itself: undici's default. */
const HANG_MS_MAX = 300_000;

/**
 * A function with the type of `fetch` that any host name leads to `cloud`. It draws from its own `prng`.
 * Rejects with a TypeError whose `cause.code` is undici's (`ECONNRESET`, `UND_ERR_HEADERS_TIMEOUT`), or with
 * the signal's reason; an abort leaves what the request did as it is. The cloud's time is `clock`'s monotonic
 * one on top of the wall clock at the start, so that a stepped wall clock does not move the cloud.
 */
export function createSimFetch(cloud: SimCloud, clock: Clock, prng: Prng): typeof fetch {
  const originMs = clock.wallMs() - clock.monotonicMs();
  return async (input, init) => {
    const isRequest = input instanceof Request;
    const signal = init?.signal ?? (isRequest ? input.signal : null);
    const simRequest = isRequest ? await fromRequest(new Request(input, init)) : fromInit(input, init ?? {});
    if (signal?.aborted === true) throw reasonOf(signal);
    const outcome = cloud.handle(simRequest, Math.floor(originMs + clock.monotonicMs()), prng);
    return deliver(clock, outcome, signal);
  };
}

/** The reply as `fetch` gives it; statuses without content have no body, whatever the cloud said. */
function toResponse(response: SimResponse): Response {
  const bodyless = response.status === 204 || response.status === 304;
  return new Response(bodyless ? null : response.body, {
    status: response.status,
    headers: response.headers,
  });
}

/** Read without waiting: a reply's place in the order of events must depend on the clock alone. */
function fromInit(input: string | URL, init: RequestInit): SimRequest {
  const url = typeof input === 'string' ? new URL(input) : input;
  const { body } = init;
  if (typeof body !== 'string' && body !== null && body !== undefined) {
    throw new TypeError('the simulated cloud takes text bodies only');
  }
  return {
    method: (init.method ?? 'GET').toUpperCase(),
    path: `${url.pathname}${url.search}`,
    origin: url.origin,
    headers: Object.fromEntries(new Headers(init.headers)),
    body: body ?? null,
  };
}

async function fromRequest(request: Request): Promise<SimRequest> {
  const { method } = request;
  const body = request.body === null ? null : await request.text();
  return fromInit(request.url, { method, headers: request.headers, body });
}

function deliver(clock: Clock, outcome: SimOutcome, signal: AbortSignal | null): Promise<Response> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal?.removeEventListener('abort', onAbort);
      if (outcome.kind === 'reply') resolve(toResponse(outcome.response));
      else reject(brokenConnection(outcome.kind));
    };
    const cancel = clock.setTimer(outcome.kind === 'hang' ? HANG_MS_MAX : outcome.delayMs, settle);
    const onAbort = (): void => {
      cancel();
      if (signal !== null) reject(reasonOf(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function brokenConnection(kind: 'reset' | 'hang'): TypeError {
  const code = kind === 'reset' ? 'ECONNRESET' : 'UND_ERR_HEADERS_TIMEOUT';
  const message = kind === 'reset' ? 'read ECONNRESET' : 'Headers Timeout Error';
  return new TypeError('fetch failed', { cause: Object.assign(new Error(message), { code }) });
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new DOMException('This operation was aborted', 'AbortError');
}
