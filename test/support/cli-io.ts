import type { Clock } from '../../src/base/clock.ts';
import { systemClock } from '../../src/base/clock.ts';
import { assertDefined } from '../../src/base/assert.ts';
import { UsageError } from '../../src/cli/failure.ts';
import type {
  CliIo,
  CloudLogins,
  ProgramEnd,
  ProgramOutput,
  ServeOptions,
  ServerCommands,
} from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/run.ts';

export interface CliTestOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Paths and texts; every other file is missing. */
  readonly files?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly fetch?: typeof fetch;
  readonly isTTY?: boolean;
  readonly columns?: number | null;
  readonly faults?: readonly string[];
  /** Replaces what the program does beside being a client. */
  readonly server?: Partial<ServerCommands>;
  /** Left out: there is no clouds.yaml. */
  readonly clouds?: CloudLogins;
  /** What programs write that are only listened to; null, or left out: there is no such program. */
  readonly captured?: (name: string, args: readonly string[]) => ProgramOutput | null;
  /** How every program ends; null: there is none. */
  readonly programEnd?: ProgramEnd | null;
}

export interface CliTest {
  /** Runs one command line as a shell would split it at blanks. */
  run(...argv: readonly string[]): Promise<number>;
  /** Takes what was written since the last look. */
  stdout(): string;
  stderr(): string;
  /** Resolves once stderr has the text. */
  said(text: string): Promise<void>;
  /** Ctrl-C. */
  interrupt(): void;
  readonly served: readonly ServeOptions[];
  /** Programs that were run, with their arguments. */
  readonly programs: readonly (readonly string[])[];
  /** Folders that were made, and files that were removed. */
  readonly folders: readonly string[];
  readonly removed: readonly string[];
  /** Files that were made so. */
  readonly readOnly: readonly string[];
}

/** The command line in this process, with an outside of texts. */
export function createCliTest(options: CliTestOptions = {}): CliTest {
  const written = { stdout: '', stderr: '' };
  const interrupts = new Set<() => void>();
  const served: ServeOptions[] = [];
  const folders: string[] = [];
  const removed: string[] = [];
  const readOnly: string[] = [];
  const programs: (readonly string[])[] = [];
  let onWrite: (() => void) | null = null;
  const output = (name: 'stdout' | 'stderr') => ({
    write(text: string) {
      written[name] += text;
      onWrite?.();
    },
    isTTY: options.isTTY ?? false,
    columns: options.columns ?? null,
  });
  const io: CliIo = {
    env: options.env ?? {},
    stdout: output('stdout'),
    stderr: output('stderr'),
    homeDir: '/home/ada',
    clock: options.clock ?? systemClock,
    fetch: options.fetch ?? fetch,
    makeFolder: async (path) => void folders.push(path),
    removeFile: async (path) => void removed.push(path),
    runProgram: async (name, args) => {
      programs.push([name, ...args]);
      return options.programEnd === undefined ? { kind: 'exited', code: 0 } : options.programEnd;
    },
    captureProgram: async (name, args) => {
      programs.push([name, ...args]);
      return options.captured?.(name, args) ?? null;
    },
    makeReadOnly: async (path) => void readOnly.push(path),
    readText: async (path) => assertDefined(options.files?.[path], `ENOENT: ${path}`),
    onInterrupt(callback) {
      interrupts.add(callback);
      return () => interrupts.delete(callback);
    },
    version: '1.2.3',
    server: {
      serve: async (wanted) => {
        served.push(wanted);
        return 0;
      },
      doctor: async () => ({ clouds: [], findings: [] }),
      doctorCatalogue: async () => [],
      configCheck: async () => options.faults ?? [],
      backup: () => Promise.reject(new UsageError('there is no data folder', 'Make one.')),
      checkBackup: () => Promise.reject(new UsageError('there is no backup', 'Make one.')),
      migrateStore: () => Promise.reject(new UsageError('there is no store', 'Make one.')),
      restore: () => Promise.reject(new UsageError('there is no backup', 'Make one.')),
      configPrint: async (path) => `path: ${path ?? 'default'}`,
      ...options.server,
    },
    clouds: options.clouds ?? {
      logIn: () => Promise.reject(new UsageError('there is no clouds.yaml', 'Write one.')),
      known: async () => [],
    },
  };
  const take = (name: 'stdout' | 'stderr'): string => {
    const text = written[name];
    written[name] = '';
    return text;
  };
  return {
    run: (...argv) => runCli(argv, io),
    stdout: () => take('stdout'),
    stderr: () => take('stderr'),
    said: (text) =>
      new Promise((resolve) => {
        onWrite = () => {
          if (written.stderr.includes(text)) resolve();
        };
        onWrite();
      }),
    interrupt: () => interrupts.forEach((callback) => callback()),
    served,
    programs,
    folders,
    removed,
    readOnly,
  };
}
