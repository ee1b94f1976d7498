import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { systemClock } from '../base/clock.ts';
import type { CliIo, Output, ServerCommands } from './io.ts';

/** Files that are read whole are keys, tokens and lists of a few lines; a larger one is a mistake. */
const FILE_BYTES_MAX = 1_048_576;

/** The process as the command line sees it. */
export function processIo(own: NodeJS.Process, version: string, server: ServerCommands): CliIo {
  return {
    env: own.env,
    stdout: outputOf(own, own.stdout),
    stderr: outputOf(own, own.stderr),
    homeDir: homedir(),
    clock: systemClock,
    fetch,
    readText,
    onInterrupt(callback) {
      for (const signal of SIGNALS) own.on(signal, callback);
      return () => {
        for (const signal of SIGNALS) own.off(signal, callback);
      };
    },
    version,
    server,
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
