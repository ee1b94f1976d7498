import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { systemClock } from '../base/clock.ts';
import type { CliIo, CloudLogins, Output, ProgramEnd, ProgramOutput, ServerCommands } from './io.ts';

/** Files that are read whole are keys, tokens and lists of a few lines; a larger one is a mistake. */
const FILE_BYTES_MAX = 1_048_576;

/** The process as the command line sees it. */
export function processIo(
  own: NodeJS.Process,
  version: string,
  server: ServerCommands,
  clouds: CloudLogins,
): CliIo {
  return {
    env: own.env,
    stdout: outputOf(own, own.stdout),
    stderr: outputOf(own, own.stderr),
    homeDir: homedir(),
    clock: systemClock,
    fetch,
    readText,
    makeFolder: async (path) => void (await mkdir(path, { recursive: true, mode: 0o700 })),
    removeFile: (path) => rm(path, { force: true }),
    runProgram: (name, args) => runProgram(own, name, args),
    captureProgram,
    makeReadOnly: (path) => chmod(path, 0o400),
    onInterrupt(callback) {
      for (const signal of SIGNALS) own.on(signal, callback);
      return () => {
        for (const signal of SIGNALS) own.off(signal, callback);
      };
    },
    version,
    server,
    clouds,
  };
}

/** A closed terminal (SIGHUP) is one more way to stop waiting. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function outputOf(own: NodeJS.Process, stream: NodeJS.WriteStream): Output {
  // `berth event list | head`: the reader has enough, and that is no failure.
  stream.on('error', (error: NodeJS.ErrnoException) => own.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    write: (text) => void stream.write(text),
    isTTY: stream.isTTY ?? false,
    get columns() {
      return stream.isTTY ? (stream.columns ?? null) : null;
    },
  };
}

async function readText(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > FILE_BYTES_MAX) throw new Error(`${path} is larger than 1 MiB`);
  return readFile(path, 'utf8');
}

/** ssh-add and ssh-keygen answer at once; an agent that hangs is one that is not there. */
const CAPTURE_MS_MAX = 10_000;

function captureProgram(name: string, args: readonly string[]): Promise<ProgramOutput | null> {
  return new Promise((resolve) => {
    const limits = { timeout: CAPTURE_MS_MAX, maxBuffer: FILE_BYTES_MAX };
    execFile(name, [...args], limits, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') resolve(null);
      else
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
          stdout,
          stderr,
        });
    });
  });
}

/** Of a terminal the program gets them itself; who sends one to this process alone means the program too. */
const PASSED_ON = [...SIGNALS, 'SIGQUIT'] as const;

function runProgram(own: NodeJS.Process, name: string, args: readonly string[]): Promise<ProgramEnd | null> {
  return new Promise((resolve, reject) => {
    // Before the program is there: a signal in between would end us and leave it alone.
    const passOn = (signal: NodeJS.Signals): void => void program.kill(signal);
    for (const signal of PASSED_ON) own.on(signal, passOn);
    const program = spawn(name, args, { stdio: 'inherit' });
    const restore = (): void => {
      for (const signal of PASSED_ON) own.off(signal, passOn);
    };
    program.once('error', (error: NodeJS.ErrnoException) => {
      restore();
      if (error.code === 'ENOENT') resolve(null);
      else reject(error);
    });
    program.once('exit', (code, signal) => {
      restore();
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'killed', signal });
    });
  });
}
