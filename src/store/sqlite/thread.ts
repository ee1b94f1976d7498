/** The calling side of the writer thread: matches answers to calls, bounds their number and time. */
import { startAssetThread } from '../../base/assets.ts';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../engine/ports.ts';
import { SchemaError } from '../migrations.ts';
import type { Answer, Answers, Call, Failure, WriterOptions } from './protocol.ts';

export interface Thread {
  /** Rejects with StoreError or SchemaError. */
  call<C extends Call>(request: C): Promise<Answers[C['op']]>;
  alive(): boolean;
  /** Ends it at once; resolves when it is gone. */
  kill(): Promise<void>;
}

/**
 * One commit is in flight at a time; the rest are page reads of people. More than this many waiting is
 * overload.
 */
const WAITING_CALLS_MAX = 256;

interface Waiting {
  readonly op: Call['op'];
  readonly settle: (answer: Answer) => void;
  readonly fail: (error: StoreError) => void;
}

export function startThread(
  options: WriterOptions,
  limits: { readonly clock: Clock; readonly callTimeoutMs: number },
): Thread {
  const worker = startAssetThread(new URL('./worker', import.meta.url), { workerData: options });
  const waiting = new Map<number, Waiting>();
  let nextId = 1;
  let alive = true;
  const die = (reason: string): void => {
    alive = false;
    for (const { op, fail } of waiting.values()) fail(unanswered(op, reason));
    waiting.clear();
  };
  worker.on('message', (answer: Answer) => {
    const entry = waiting.get(answer.id);
    waiting.delete(answer.id);
    entry?.settle(answer);
  });
  worker.on('error', (error: Error) => die(`the writer thread failed: ${error.message}`));
  worker.on('exit', () => die('the writer thread ended'));
  return {
    alive: () => alive,
    kill: async () => {
      die('the writer thread was ended');
      await worker.terminate();
    },
    call: <C extends Call>(request: C) =>
      new Promise<Answers[C['op']]>((resolve, reject) => {
        if (!alive) return reject(new StoreError('closed', 'the writer thread has ended: load again'));
        if (waiting.size >= WAITING_CALLS_MAX) {
          return reject(new StoreError('refused', `${WAITING_CALLS_MAX} calls wait for the store already`));
        }
        const id = nextId++;
        const cancel = limits.clock.setTimer(limits.callTimeoutMs, () => {
          waiting.delete(id);
          reject(unanswered(request.op, `no answer within ${limits.callTimeoutMs} ms`));
        });
        waiting.set(id, {
          op: request.op,
          settle: (answer) => {
            cancel();
            // The thread answers each call with the type of its kind.
            if (answer.ok) resolve(answer.value as Answers[C['op']]);
            else reject(errorOf(answer.failure));
          },
          fail: (error) => {
            cancel();
            reject(error);
          },
        });
        worker.postMessage({ id, call: request }, []);
      }),
  };
}

/** A commit without an answer may be there or not; any other call can simply be repeated. */
function unanswered(op: Call['op'], reason: string): StoreError {
  return op === 'commit' ? new StoreError('in_doubt', reason) : new StoreError('closed', reason);
}

function errorOf(failure: Failure): StoreError | SchemaError {
  return failure.kind === 'schema'
    ? new SchemaError(failure.code, failure.message)
    : new StoreError(failure.code, failure.message);
}
