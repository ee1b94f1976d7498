import {
  eventJson,
  removedEvents,
  STREAM_END,
  STREAM_HEARTBEAT_MS,
  STREAM_REMOVED,
  streamEndJson,
  type EventJson,
  type RemovedEventsJson,
} from '../api/events.ts';
import { errorCatalogue } from '../api/errors.ts';
import { backoffMs } from '../base/backoff.ts';
import { sleep } from '../base/clock.ts';
import { errorOf, isRefusedToken, urlOf, type Transport } from './call.ts';
import { ApiError, ConnectionError } from './errors.ts';

export interface EventsOptions {
  /** Events after this number; left out: from now on. */
  readonly after?: number;
  readonly lease?: string;
  readonly type?: string;
  readonly signal?: AbortSignal;
  /** Told when events after the position are kept no longer. */
  readonly onRemoved?: (removed: RemovedEventsJson) => void;
}

/** One message of a stream of server-sent events. */
export interface StreamMessage {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** An event is a few kilobytes; a line beyond this is no event stream. */
const LINE_LENGTH_MAX = 1_048_576;

/** Three heartbeats without a byte: the connection is dead though nobody said so. */
const SILENCE_MS_MAX = 3 * STREAM_HEARTBEAT_MS;

/**
 * Failed connections in a row; with the backoff about three minutes, the time of a restart with room to
 * spare.
 */
const FAILURES_MAX = 12;
const RECONNECT = { initialMs: 250, maxMs: 20_000 } as const;

/**
 * Follows events until the signal aborts (then it ends without an error). A broken stream is resumed after
 * the last event, so none is lost or repeated. Rejects with ApiError where repeating cannot help, and with
 * the last error after 12 failures in a row.
 */
export async function* followEvents(
  transport: Transport,
  options: EventsOptions,
): AsyncGenerator<EventJson, void> {
  let after = options.after ?? null;
  let failures = 0;
  let proof: Readonly<Record<string, string>> = {};
  let isRenewed = false;
  while (!options.signal?.aborted) {
    try {
      proof = await transport.authorization.headers();
      for await (const message of connect(transport, options, after, proof)) {
        failures = 0;
        if (message.event === STREAM_END) {
          const end = streamEndJson.parse(JSON.parse(message.data));
          after = end.after;
          if (end.reason === 'unauthenticated') throw refusedToken(end.detail);
          break;
        }
        isRenewed = false;
        if (message.id !== null) after = Number(message.id);
        if (message.event === STREAM_REMOVED) {
          options.onRemoved?.(removedEvents.parse(JSON.parse(message.data)));
          continue;
        }
        if (message.data !== '') yield eventJson.parse(JSON.parse(message.data));
        if (options.signal?.aborted) return;
      }
    } catch (error) {
      if (options.signal?.aborted) return;
      if (isRefusedToken(error) && !isRenewed && (await transport.authorization.renew(proof))) {
        isRenewed = true;
        continue;
      }
      if (!mayPass(error) || failures >= FAILURES_MAX) throw error;
    }
    if (options.signal?.aborted) return;
    const delayMs = backoffMs(RECONNECT, failures, transport.prng);
    failures += 1;
    await sleep(transport.clock, delayMs, options.signal).catch(() => undefined);
  }
}

/**
 * Cuts the text of a stream into messages (WHATWG HTML, section 9.2.6). A message without data still comes
 * through: its id says where the stream stands.
 */
export async function* parseStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamMessage, void> {
  const decoder = new TextDecoder();
  let rest = '';
  let fields: { id: string | null; event: string; data: string[] } = { id: null, event: 'message', data: [] };
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) throw new Error('a line of the event stream is too long');
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'id') fields.id = value;
      if (name === 'event') fields.event = value;
      if (name === 'data') fields.data.push(value);
      if (line !== '') continue;
      const { id, event, data } = fields;
      if (id !== null || data.length > 0) yield { id, event, data: data.join('\n') };
      fields = { id: null, event: 'message', data: [] };
    }
  }
}

async function* connect(
  transport: Transport,
  options: EventsOptions,
  after: number | null,
  proof: Readonly<Record<string, string>>,
): AsyncGenerator<StreamMessage, void> {
  const query = { after: after ?? undefined, lease: options.lease, type: options.type };
  const silence = new AbortController();
  const signals = options.signal ? [options.signal, silence.signal] : [silence.signal];
  const listen = (delayMs: number): (() => void) =>
    transport.clock.setTimer(delayMs, () => silence.abort(new Error('the event stream fell silent')));
  let cancel = listen(transport.timeoutMs);
  try {
    const response = await transport.fetch(urlOf(transport.baseUrl, '/v1/events', { query }), {
      headers: { accept: 'text/event-stream, application/problem+json', ...proof },
      signal: AbortSignal.any(signals),
    });
    if (!response.ok || response.body === null) throw await errorOf(response);
    yield* parseStream(
      heard(response.body, () => {
        cancel();
        cancel = listen(SILENCE_MS_MAX);
      }),
    );
  } catch (error) {
    throw error instanceof ApiError ? error : new ConnectionError(transport.baseUrl, error);
  } finally {
    cancel();
    silence.abort();
  }
}

async function* heard(
  body: AsyncIterable<Uint8Array>,
  onChunk: () => void,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of body) {
    onChunk();
    yield chunk;
  }
}

/** What the server would have answered instead of a stream. */
function refusedToken(detail: string): ApiError {
  const { status, title, whatToDo } = errorCatalogue.unauthenticated;
  return new ApiError({
    status,
    title,
    code: 'unauthenticated',
    detail,
    field: null,
    fix: whatToDo,
    details: {},
    request_id: '',
  });
}

/** Whether a new try may succeed: broken connections, and a server that is busy or restarts. */
function mayPass(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  return error instanceof ApiError && (error.status === 429 || error.status >= 502);
}
