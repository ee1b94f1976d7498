/**
 * Where a peer runs: a temporary folder, and the processes that were started for it. Whatever happens, also
 * at Ctrl-C, all of them are ended by their id, in the reverse order, and the folder is removed.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeFolder, removeFolder } from '../service.ts';

/** A database that flushes its pages needs seconds; what is not gone then is killed. */
const END_MS_MAX = 15_000;
/** The longest one-off command makes a database's schema; on busy cores that is half a minute. */
const RUN_MS_MAX = 180_000;
const OUTPUT_BYTES_MAX = 64 << 20;
const POLL_MS = 50;
/** Of a log that is shown when its process failed. */
const LOG_TAIL_LENGTH = 2000;

export interface Daemon {
  readonly name: string;
  readonly pid: number;
  isRunning(): boolean;
  /** The last of what it has said. */
  said(): string;
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export class Stage {
  readonly folder = makeFolder();
  readonly #closers: (() => Promise<void>)[] = [];

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Something else that has to end with the stage. */
  onClose(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Starts a process that stays, in a process group of its own: a terminal's Ctrl-C is for us to pass on. */
  start(name: string, command: string, args: readonly string[], options: RunOptions = {}): Daemon {
    const logPath = this.path(`${name}.out`);
    const log = openSync(logPath, 'a');
    const child = spawn(command, args, {
      stdio: ['ignore', log, log],
      detached: true,
      cwd: this.folder,
      env: cleanEnvironment(options.env),
    });
    closeSync(log);
    const { pid } = child;
    if (pid === undefined) throw new Error(`${command} cannot be started`);
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
    const stop = async (): Promise<void> => {
      if (isRunning()) child.kill('SIGTERM');
      const killer = setTimeout(() => killGroup(pid), END_MS_MAX);
      await exited;
      clearTimeout(killer);
    };
    this.#closers.push(stop);
    const said = (): string => readFileSync(logPath, 'utf8').slice(-LOG_TAIL_LENGTH);
    return { name, pid, isRunning, said, stop };
  }

  async close(): Promise<void> {
    while (this.#closers.length > 0) await this.#closers.pop()?.();
    removeFolder(this.folder);
  }
}

/** Runs `use` with a stage and takes it down again, also when the program is told to end. */
export async function onStage<Result>(use: (stage: Stage) => Promise<Result>): Promise<Result> {
  const stage = new Stage();
  const onSignal = (signal: NodeJS.Signals): void => {
    console.error(`${signal}: ending what was started …`);
    void stage.close().finally(() => process.exit(130));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    return await use(stage);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await stage.close();
  }
}

/** Runs a command to its end; resolves with its standard output. Rejects with what it said when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { env: cleanEnvironment(options.env), timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${command} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
      },
    );
    child.stdin?.end(options.input ?? '');
  });
}

/** Polls until the condition holds; rejects after the time, or once the daemon has ended, with what it said. */
export async function untilTrue(
  condition: () => boolean | Promise<boolean>,
  options: { readonly what: string; readonly withinMs: number; readonly daemon?: Daemon },
): Promise<void> {
  const { what, withinMs, daemon } = options;
  const deadlineMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (daemon?.isRunning() === false) throw new Error(`${daemon.name} has ended: ${daemon.said()}`);
    if (performance.now() > deadlineMs)
      throw new Error(`waited in vain for ${what}: ${daemon?.said() ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** One that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Debian's programs with Debian's libraries, whatever else this shell has on its path. */
function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/tmp', ...more };
}

/** The process and its children, which lead a group of their own. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
