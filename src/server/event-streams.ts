import type { ServerResponse } from 'node:http';
import { STREAM_END, STREAM_HEARTBEAT_MS, STREAM_REMOVED, type StreamEndJson } from '../api/events.ts';
import type { Clock } from '../base/clock.ts';
import type { LeaseId } from '../base/ids.ts';
import type { EventFloor } from '../domain/model/control.ts';
import type { StoredEvent } from '../engine/ports.ts';
import type { Session } from '../engine/views.ts';
import type { Metrics } from './metrics.ts';
import type { Logger } from './log/catalogue.ts';
import { eventToJson, removedToJson } from './present/event.ts';
import { Problem } from './problem.ts';

interface StreamFilter {
  readonly leaseId: LeaseId | null;
  readonly type: string | null;
}

interface StreamRequest {
  readonly session: Session;
  readonly filter: StreamFilter;
  /** Resume after this event; null: from now on. */
  readonly afterSeq: number | null;
  readonly response: ServerResponse;
  readonly headers: Readonly<Record<string, string>>;
  /** Asked at each heartbeat: whether the token is still good. */
  readonly stillValid: () => Promise<boolean>;
}

export interface EventStreams {
  /** Takes the connection over. Throws a Problem when there are too many streams. */
  open(request: StreamRequest): void;
  /** Ends all streams, telling why. */
  close(): void;
}

/**
 * Streams of one server: each holds a connection and a short queue of events that it shares with the others.
 */
const STREAMS_MAX = 1000;

/**
 * Events that wait for a client that does not read; a page of a busy minute. Past it the client is dropped.
 */
const PENDING_MAX = 512;

/** Events read from the store at once while a client catches up. */
const PAGE_SIZE = 500;

/**
 * A client that reads nothing for two heartbeats is dropped, and one that does not take the goodbye is cut
 * off.
 */
const BLOCKED_BEATS_MAX = 2;
const GOODBYE_MS = 5000;

type EndReason = StreamEndJson['reason'];

const END_DETAIL: Readonly<Record<EndReason, string>> = {
  slow: 'events came faster than this client read them; resume after the given event',
  stopping: 'the server stops; resume after the given event when it is back',
  unauthenticated: 'the token was revoked or has expired',
  failed: 'events could not be read; resume after the given event',
};

/** The floor of the audit log, where it hides something after `afterSeq`; null: all of that is there. */
export function removedAfter(session: Session, afterSeq: number): EventFloor | null {
  const floor = session.eventFloor();
  return floor !== null && floor.seq > afterSeq ? floor : null;
}

/** Follows the committed events for clients, as server-sent events (WHATWG HTML, section 9.2). */
export function createEventStreams(clock: Clock, metrics: Metrics, logger: Logger): EventStreams {
  const open = new Set<Stream>();
  return {
    open(request) {
      if (open.size >= STREAMS_MAX) {
        throw new Problem('too_many_streams', {
          detail: `${STREAMS_MAX} clients follow events already`,
          headers: { 'retry-after': '30' },
        });
      }
      const stream = new Stream(request, clock, (why, cause) => {
        open.delete(stream);
        metrics.streamClosed(why);
        if (cause !== null) logger.log('stream_failed', { err: cause });
      });
      open.add(stream);
      metrics.streamOpened();
      void stream.run();
    },
    close() {
      for (const stream of open) stream.end('stopping');
    },
  };
}

class Stream {
  readonly #request: StreamRequest;
  readonly #clock: Clock;
  readonly #onClosed: (why: EndReason | 'left', cause: unknown) => void;
  readonly #unsubscribe: () => void;
  #cancelBeat: () => void = () => undefined;
  /** Number of the last event that was written or skipped. */
  #position = 0;
  #pending: StoredEvent[] = [];
  /** While the past is read from the store, an overflow only means that more is to be read. */
  #catchingUp = true;
  #overflowed = false;
  #blocked = false;
  #blockedBeats = 0;
  #onDrain: (() => void) | null = null;
  #closed = false;

  constructor(
    request: StreamRequest,
    clock: Clock,
    onClosed: (why: EndReason | 'left', cause: unknown) => void,
  ) {
    this.#request = request;
    this.#clock = clock;
    this.#onClosed = onClosed;
    const { response, session, headers } = request;
    // A connection that carried a stream is not used again, so that a stopping server need not wait for it.
    const own = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no', connection: 'close' };
    response.writeHead(200, { ...headers, ...own });
    response.on('close', () => this.#finish('left', null));
    response.on('drain', () => this.#drained());
    response.on('error', () => this.#finish('left', null));
    this.#unsubscribe = session.subscribe(({ event }) => this.#notice(event));
    this.#beat();
  }

  /** Writes the past, then what has happened meanwhile; after that each event as it comes. */
  async run(): Promise<void> {
    try {
      this.#position = this.#request.afterSeq ?? (await this.#newestSeq());
      this.#write(`id: ${this.#position}\n\n`);
      if (this.#request.afterSeq !== null) await this.#readPast();
      while (this.#overflowed && !this.#closed) await this.#readPast();
      this.#catchingUp = false;
      this.#flush();
    } catch (error) {
      this.end('failed', error);
    }
  }

  end(reason: EndReason, cause: unknown = null): void {
    if (this.#closed) return;
    const { response } = this.#request;
    const data: StreamEndJson = { reason, detail: END_DETAIL[reason], after: this.#position };
    response.end(`event: ${STREAM_END}\ndata: ${JSON.stringify(data)}\n\n`);
    const cut = this.#clock.setTimer(GOODBYE_MS, () => response.destroy());
    response.once('close', cut);
    this.#finish(reason, cause);
  }

  /** Nobody is to take what is left for all that happened. */
  #tellRemoved(): void {
    const floor = removedAfter(this.#request.session, this.#position);
    if (floor === null) return;
    this.#position = floor.seq;
    const data = JSON.stringify(removedToJson(floor));
    this.#write(`event: ${STREAM_REMOVED}\nid: ${floor.seq}\ndata: ${data}\n\n`);
  }

  async #newestSeq(): Promise<number> {
    const [newest] = await this.#request.session.events({
      afterSeq: 0,
      limit: 1,
      leaseId: null,
      type: null,
      newestFirst: true,
    });
    return newest?.seq ?? 0;
  }

  async #readPast(): Promise<void> {
    this.#overflowed = false;
    for (;;) {
      this.#tellRemoved();
      const page = await this.#request.session.events({
        afterSeq: this.#position,
        limit: PAGE_SIZE,
        ...this.#request.filter,
        newestFirst: false,
      });
      for (const event of page) {
        if (this.#closed) return;
        this.#send(event);
        if (this.#blocked) await new Promise<void>((resolve) => (this.#onDrain = resolve));
      }
      if (page.length < PAGE_SIZE || this.#closed) return;
    }
  }

  #notice(event: StoredEvent): void {
    const { leaseId, type } = this.#request.filter;
    if (type !== null && event.type !== type) return;
    if (leaseId !== null && event.id !== leaseId) return;
    if (!this.#catchingUp && !this.#blocked) return this.#send(event);
    if (this.#pending.length < PENDING_MAX) {
      this.#pending.push(event);
    } else if (this.#catchingUp) {
      this.#pending = [];
      this.#overflowed = true;
    } else {
      this.end('slow');
    }
    return undefined;
  }

  #send(event: StoredEvent): void {
    if (event.seq <= this.#position) return;
    this.#position = event.seq;
    this.#write(`id: ${event.seq}\ndata: ${JSON.stringify(eventToJson(event))}\n\n`);
  }

  #write(text: string): void {
    if (!this.#closed && !this.#request.response.write(text)) this.#blocked = true;
  }

  #drained(): void {
    this.#blocked = false;
    this.#blockedBeats = 0;
    this.#onDrain?.();
    this.#onDrain = null;
    if (!this.#catchingUp) this.#flush();
  }

  #flush(): void {
    let sent = 0;
    for (const event of this.#pending) {
      if (this.#blocked) break;
      this.#send(event);
      sent += 1;
    }
    this.#pending.splice(0, sent);
  }

  #beat(): void {
    this.#cancelBeat = this.#clock.setTimer(STREAM_HEARTBEAT_MS, () => {
      this.#request.stillValid().then(
        (isValid) => this.#afterBeat(isValid),
        (error: unknown) => this.end('failed', error),
      );
    });
  }

  #afterBeat(isValid: boolean): void {
    if (this.#closed) return;
    if (!isValid) return this.end('unauthenticated');
    if (this.#blocked) this.#blockedBeats += 1;
    else this.#write(': still here\n\n');
    if (this.#blockedBeats >= BLOCKED_BEATS_MAX) return this.end('slow');
    return this.#beat();
  }

  #finish(why: EndReason | 'left', cause: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelBeat();
    this.#unsubscribe();
    this.#pending = [];
    this.#onDrain?.();
    this.#onClosed(why, cause);
  }
}
