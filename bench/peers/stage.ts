/**
 * Where a peer runs: a temporary folder, and the processes that were started for it. Whatever happens, also
 * at Ctrl-C, all of them are ended by their id, in the reverse order, and the folder is removed.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeFolder, removeFolder } from '../service.ts';

/** A database that flushes its pages needs seconds; what is not gone then is killed. */
const END_MS_MAX = 15_000;
/** The longest one-off command makes a database's schema; on busy cores that is half a minute. */
const RUN_MS_MAX = 180_000;
const OUTPUT_BYTES_MAX = 64 << 20;
const POLL_MS = 50;
/** Places in /proc/PID/stat, counted from the state; a tick is 10 ms on all Linux machines. */
const GROUP = 2;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
const MS_PER_TICK = 10;
const RANGE_MIN = 20_000;
const RANGE_MAX = 32_000;
const RANGE_TRIES_MAX = 20;
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

interface Member {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export class Stage {
  readonly folder = makeFolder();
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #abort = new AbortController();
  #closing: Promise<void> | null = null;

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Something else that has to end with the stage. */
  onClose(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Starts a process that stays, in a process group of its own: a terminal's Ctrl-C is for us to pass on. */
  start(name: string, command: string, args: readonly string[], options: RunOptions = {}): Daemon {
    const daemon = this.#spawn({ name, command, args }, options);
    this.#closers.push(() => daemon.stop());
    return daemon;
  }

  /** Many that are alike, and end together. */
  startCrowd(members: readonly Member[], options: RunOptions = {}): readonly Daemon[] {
    const daemons: Daemon[] = [];
    this.#closers.push(async () => void (await Promise.all(daemons.map((daemon) => daemon.stop()))));
    for (const member of members) daemons.push(this.#spawn(member, options));
    return daemons;
  }

  #spawn({ name, command, args }: Member, { env }: RunOptions): Daemon {
    this.#abort.signal.throwIfAborted();
    const logPath = this.path(`${name}.out`);
    const log = openSync(logPath, 'a');
    const child = spawn(command, args, {
      stdio: ['ignore', log, log],
      detached: true,
      cwd: this.folder,
      env: cleanEnvironment(env),
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
    const said = (): string => readFileSync(logPath, 'utf8').slice(-LOG_TAIL_LENGTH);
    return { name, pid, isRunning, said, stop };
  }

  /** As `run`; ended with the stage. */
  run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    return run(command, args, options, this.#abort.signal);
  }

  /** Once, however often it is asked for. Afterwards nothing can be started. */
  close(): Promise<void> {
    return (this.#closing ??= this.#closeAll());
  }

  async #closeAll(): Promise<void> {
    this.#abort.abort();
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
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
  signal?: AbortSignal,
): Promise<string> {
  const limits = { timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { env: cleanEnvironment(options.env), ...limits, ...(signal !== undefined && { signal }) },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${command} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
      },
    );
    child.stdin?.end();
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
export async function freePort(): Promise<number> {
  return listenOnce(0);
}

/** The first of so many in a row, all below those that the kernel gives to clients. */
export async function freePortRange(count: number): Promise<number> {
  for (let attempt = 0; attempt < RANGE_TRIES_MAX; attempt++) {
    const first = RANGE_MIN + Math.floor(Math.random() * (RANGE_MAX - RANGE_MIN - count));
    const ports = Array.from({ length: count }, (_unused, index) => first + index);
    const free = await Promise.allSettled(ports.map(listenOnce));
    if (free.every(({ status }) => status === 'fulfilled')) return first;
  }
  throw new Error(`no ${count} free ports in a row`);
}

/** Resolves with the port once it is free again. */
function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      const given = typeof address === 'object' && address !== null ? address.port : port;
      probe.close(() => resolve(given));
    });
  });
}

/**
 * Processor time that a process, and those of the group that it leads, have taken so far, ms: user and
 * system, from Linux's /proc, in steps of 10 ms.
 */
export function processorMs(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (Number(name) === pid || Number(fields[GROUP]) === pid) {
      ticks += Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS]);
    }
  }
  return MS_PER_TICK * ticks;
}

/** Fields of proc(5) from the third on, which follow the name; none when the process has just ended. */
function statOf(pid: string): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
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
