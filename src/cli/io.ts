import type { Clock } from '../base/clock.ts';

/** Where text goes. */
export interface Output {
  write(text: string): void;
  /** Whether a person reads it as it appears: colours and live lines only then. */
  readonly isTTY: boolean;
  /** Width of the terminal in columns; null: no terminal, nothing is shortened. */
  readonly columns: number | null;
}

/** What `berth serve` was asked for; null: left to the configuration. */
export interface ServeOptions {
  readonly configPath: string | null;
  readonly cloud: string | null;
  /** `HOST:PORT`. */
  readonly listen: string | null;
  readonly dataDir: string | null;
  readonly storeUrl: string | null;
  readonly mode: 'act' | 'observe' | null;
  readonly demo: boolean;
  readonly insecureHttp: boolean;
}

/**
 * What this program does beside being a client; handed in by the composition root. Each may reject with a
 * CliFailure that says what to do.
 */
export interface ServerCommands {
  /** Serves until it is told to stop; resolves with the exit code. */
  serve(options: ServeOptions): Promise<number>;
  /**
   * Every fault of the configuration, a sentence each; none: it is valid. null: the file that `serve`
   * would read.
   */
  configCheck(path: string | null): Promise<readonly string[]>;
  /** The whole configuration as `serve` would use it, as YAML without secrets. */
  configPrint(path: string | null): Promise<string>;
}

/** All that the command line needs of the outside. */
export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly homeDir: string;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  /** Text of a file; rejects with the system's error (`code` ENOENT …). */
  readText(path: string): Promise<string>;
  /**
   * Calls back at each Ctrl-C (or SIGTERM, SIGHUP) instead of ending the process; returns what undoes that.
   */
  onInterrupt(callback: () => void): () => void;
  /** Of this program. */
  readonly version: string;
  readonly server: ServerCommands;
}
