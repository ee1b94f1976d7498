/**
 * Processes of a benchmark: each answers messages one at a time, so that client and server share no core.
 */
import { fork, type ChildProcess } from 'node:child_process';

/** A stuck child fails the benchmark instead of hanging it. */
const ANSWER_MS_MAX = 120_000;

export interface Child {
  readonly pid: number;
  /** Sends a question and waits for its answer. */
  ask<Answer>(question: object): Promise<Answer>;
  stop(): Promise<void>;
}

/** `file`: a module of this folder that calls `answer`. */
export function startChild(file: string, execArgv: readonly string[] = []): Child {
  const child = fork(new URL(file, import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning', ...execArgv],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    pid: child.pid ?? 0,
    ask: (question) => exchange(child, question),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** In the child: answers each question of the parent, whose type both sides agree on. */
export function answer(handle: (question: never) => Promise<object>): void {
  process.on('message', (question) => {
    handle(question as never).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
}

function exchange<Answer>(child: ChildProcess, question: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle({ error: 'no answer in time' }), ANSWER_MS_MAX);
    const onExit = (): void => settle({ error: 'it has exited' });
    const settle = (message: unknown): void => {
      clearTimeout(timer);
      child.off('message', settle);
      child.off('exit', onExit);
      const { result, error } = message as { readonly result?: Answer; readonly error?: string };
      if (result === undefined) reject(new Error(`a child process failed: ${error ?? ''}`));
      else resolve(result);
    };
    child.once('message', settle);
    child.once('exit', onExit);
    child.send(question);
  });
}
