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
  limits: { readonly clock: Clock; readonly callTimeoutMs: number },
): Promise<Session> {
  const socket = new Socket();
  const client = new Client({ ...config, types: textParsers, stream: () => socket });
  let lost: ConnectionLostError | null = null;
  const lose = (reason: string): ConnectionLostError => {
    lost ??= new ConnectionLostError(reason);
    return lost;
  };
  // Without a listener the loss of an idle connection would end the process.
  client.on('error', (error) => void lose(error.message));
  client.on('end', () => void lose('the connection was closed'));
  let warnings: string[] = [];
  client.on('notice', ({ severity, message = '', detail }) => {
    if (severity === 'WARNING') warnings.push(detail === undefined ? message : `${message}: ${detail}`);
  });
  try {
    await client.connect();
  } catch (error) {
    socket.destroy();
    throw error;
  }
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  const send = async (statement: Statement, timeoutMs: number): Promise<Reply> => {
    if (lost !== null) throw lost;
    warnings = [];
    const late = Promise.withResolvers<never>();
    const cancel = limits.clock.setTimer(timeoutMs, () => {
      late.reject(lose(`no answer within ${timeoutMs} ms`));
      socket.destroy();
    });
    try {
      const { name, text, values = [] } = statement;
      const answer = client.query({ ...(name !== undefined && { name }), text, values: [...values] });
      const { rows } = await Promise.race([answer, late.promise]);
      return { rows, warnings };
    } catch (error) {
      if (isAnswer(error)) throw error;
      socket.destroy();
      throw lose(error instanceof Error ? error.message : String(error));
    } finally {
      cancel();
    }
  };
  const ask = (statement: Statement, timeoutMs = limits.callTimeoutMs): Promise<Reply> => {
    if (waiting >= WAITING_CALLS_MAX) {
      const message = `${WAITING_CALLS_MAX} calls wait for the database already`;
      return Promise.reject(new StoreError('refused', message));
    }
    waiting += 1;
    const run = last.then(() => send(statement, timeoutMs));
    last = run.catch(() => undefined).finally(() => (waiting -= 1));
    return run;
  };
  return {
    place,
    alive: () => lost === null,
    ask,
    transaction: async (run) => {
      await ask({ text: 'BEGIN' });
      try {
        const value = await run();
        return { value, warnings: (await ask({ text: 'COMMIT' })).warnings };
      } catch (error) {
        if (lost === null) await ask({ text: 'ROLLBACK' });
        throw error;
      }
    },
    end: async () => {
      if (lost !== null) return;
      const timeout = Promise.withResolvers<void>();
      const cancel = limits.clock.setTimer(END_MS_MAX, timeout.resolve);
      await Promise.race([client.end().catch(() => undefined), timeout.promise]);
      cancel();
      lose('the connection was closed');
      socket.destroy();
    },
    destroy: () => {
      lose('the connection was given up');
      socket.destroy();
    },
  };
}

/** The server has answered, and the connection goes on. */
function isAnswer(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR';
}
