/**
 * One connection to one server, with a time-out on everything that is asked of it. Asks one thing at a time;
 * a connection that does not answer in time is given up, because what it still does is not known.
 */
import { Socket } from 'node:net';
import { Client, types, type ClientConfig } from 'pg';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../engine/ports.ts';
import { ConnectionLostError } from './failure.ts';
import type { HostPort } from './url.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Statement {
  /** Prepared under this name at its first use. Left out: not prepared. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly (string | number | null | readonly string[])[];
}

export interface Reply {
  readonly rows: readonly Row[];
  /** What the server warned of while it worked on the statement; usually nothing. */
  readonly warnings: readonly string[];
}

export interface SessionBounds {
  readonly clock: Clock;
  /** For calls that say nothing else, ms. */
  readonly callTimeoutMs: number;
}

export interface Session {
  readonly place: HostPort;
  alive(): boolean;
  /** Rejects with what the server answered, ConnectionLostError, or StoreError `refused` for too many calls. */
  ask(statement: Statement, timeoutMs?: number): Promise<Reply>;
  /** BEGIN, `run`, COMMIT; rolled back when `run` rejects. The warnings are those of the COMMIT. */
  transaction<T>(run: () => Promise<T>): Promise<{ readonly value: T; readonly warnings: readonly string[] }>;
  /** Ends it politely, within a second; then anyhow. */
  end(): Promise<void>;
  /** Ends it at once. */
  destroy(): void;
}

/** One commit is in flight at a time; the rest are page reads of people. More than this waiting is overload. */
const WAITING_CALLS_MAX = 256;
const END_MS_MAX = 1000;
/** Codes of types in results: pg_type.dat. Times and counts stay below 2^53; bodies are parsed where used. */
const [INT8, JSON_TYPE] = [20, 114];

const textParsers = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return Number;
    if (oid === JSON_TYPE) return (text: string) => text;
    return types.getTypeParser(oid, format);
  },
};

/**
 * Connects to `config.host`. Rejects with the driver's error, within the connection time-out that is part of
 * `config`.
 */
export async function openSession(
  config: ClientConfig & { readonly connectionTimeoutMillis: number },
  place: HostPort,
  limits: SessionBounds,
): Promise<Session> {
  const socket = new Socket();
  const client = new Client({ ...config, types: textParsers, stream: () => socket });
  const session = new ClientSession(client, socket, place, limits);
  try {
    await client.connect();
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}

class ClientSession implements Session {
  readonly place: HostPort;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #bounds: SessionBounds;
  #lost: ConnectionLostError | null = null;
  /** Of the statement under way. */
  #warnings: string[] = [];
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: Client, socket: Socket, place: HostPort, bounds: SessionBounds) {
    this.place = place;
    this.#client = client;
    this.#socket = socket;
    this.#bounds = bounds;
    // Without a listener the loss of an idle connection would end the process.
    client.on('error', (error) => void this.#lose(error.message));
    client.on('end', () => void this.#lose('the connection was closed'));
    client.on('notice', ({ severity, message = '', detail }) => {
      if (severity !== 'WARNING') return;
      this.#warnings.push(detail === undefined ? message : `${message}: ${detail}`);
    });
  }

  alive(): boolean {
    return this.#lost === null;
  }

  ask(statement: Statement, timeoutMs = this.#bounds.callTimeoutMs): Promise<Reply> {
    if (this.#waiting >= WAITING_CALLS_MAX) {
      const message = `${WAITING_CALLS_MAX} calls wait for the database already`;
      return Promise.reject(new StoreError('refused', message));
    }
    this.#waiting += 1;
    const run = this.#last.then(() => this.#send(statement, timeoutMs));
    this.#last = run.catch(() => undefined).finally(() => (this.#waiting -= 1));
    return run;
  }

  async transaction<T>(
    run: () => Promise<T>,
  ): Promise<{ readonly value: T; readonly warnings: readonly string[] }> {
    await this.ask({ text: 'BEGIN' });
    try {
      const value = await run();
      return { value, warnings: (await this.ask({ text: 'COMMIT' })).warnings };
    } catch (error) {
      if (this.alive()) await this.ask({ text: 'ROLLBACK' });
      throw error;
    }
  }

  async end(): Promise<void> {
    if (!this.alive()) return;
    const timeout = Promise.withResolvers<void>();
    const cancel = this.#bounds.clock.setTimer(END_MS_MAX, timeout.resolve);
    await Promise.race([this.#client.end().catch(() => undefined), timeout.promise]);
    cancel();
    this.destroy();
  }

  destroy(): void {
    this.#lose('the connection was closed');
    this.#socket.destroy();
  }

  async #send({ name, text, values = [] }: Statement, timeoutMs: number): Promise<Reply> {
    if (this.#lost !== null) throw this.#lost;
    const warnings: string[] = [];
    this.#warnings = warnings;
    const late = Promise.withResolvers<never>();
    const cancel = this.#bounds.clock.setTimer(timeoutMs, () => {
      late.reject(this.#lose(`no answer within ${timeoutMs} ms`));
      this.#socket.destroy();
    });
    try {
      const answer = this.#client.query({ ...(name !== undefined && { name }), text, values: [...values] });
      const { rows } = await Promise.race([answer, late.promise]);
      return { rows, warnings };
    } catch (error) {
      if (isAnswer(error)) throw error;
      this.#socket.destroy();
      throw this.#lose(error instanceof Error ? error.message : String(error));
    } finally {
      cancel();
    }
  }

  /** The first reason stays. */
  #lose(reason: string): ConnectionLostError {
    this.#lost ??= new ConnectionLostError(reason);
    return this.#lost;
  }
}

/** The server has answered, and the connection goes on. */
function isAnswer(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR';
}
