import type { Clock } from '../base/clock.ts';
import type { CloudToken } from '../client/authorization.ts';

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

/** What `berth doctor` was asked for; null: left to the configuration. */
export interface DoctorOptions {
  readonly configPath: string | null;
  readonly cloud: string | null;
  readonly dataDir: string | null;
  /** To examine beside those of the configuration, by id or name. */
  readonly projects: readonly string[];
  /** Called with what is being read. */
  readonly say: (what: string) => void;
}

/** One thing that is wrong with a cloud. */
export interface DoctorFinding {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  /** Name of the cloud; '' where none was reached. */
  readonly cloud: string;
  readonly subject: string;
  readonly message: string;
  readonly fix: string;
}

export interface DoctorReport {
  /** Names of the clouds that were examined. */
  readonly clouds: readonly string[];
  readonly findings: readonly DoctorFinding[];
}

export interface DoctorEntry {
  readonly code: string;
  readonly severity: DoctorFinding['severity'];
  readonly theme: string;
  readonly title: string;
  readonly fix: string;
}

/** What `berth backup` was asked for; null: left to the configuration. */
export interface BackupOptions {
  /** `-`: standard output. */
  readonly path: string;
  readonly configPath: string | null;
  readonly dataDir: string | null;
  readonly storeUrl: string | null;
  /** File with the passphrase that seals the backup; null: it is not sealed. */
  readonly passphrasePath: string | null;
  readonly keyOnly: boolean;
}

/** What a backup holds. */
export interface BackupReport {
  readonly path: string;
  /** null: it went to standard output. */
  readonly bytes: number | null;
  readonly sealed: boolean;
  readonly hasKey: boolean;
  /** ISO 8601. */
  readonly madeAt: string;
  /** Version of the program that made it. */
  readonly berth: string;
  /** Of the store; all null: only the key is in it. */
  readonly deploymentId: string | null;
  readonly schema: string | null;
  readonly revision: number | null;
  readonly committedAt: string | null;
}

/** What `berth restore` was asked for; null: left to the configuration. */
export interface RestoreOptions {
  readonly path: string;
  readonly configPath: string | null;
  readonly dataDir: string | null;
  readonly storeUrl: string | null;
  readonly passphrasePath: string | null;
  /** Moves aside what is there. */
  readonly force: boolean;
}

/** What `berth store migrate` was asked for. */
export interface StoreMigrateOptions {
  /** The data folder. */
  readonly from: string;
  /** URL of the database. */
  readonly to: string;
  /** File with the password of the database; null: it is in the URL, PGPASSWORD, or none is needed. */
  readonly passwordPath: string | null;
  /** Told what is copied, and how many rows of it are done. */
  readonly say: (what: string, rows: number) => void;
}

export interface StoreMigrateReport {
  readonly from: string;
  /** Without the password. */
  readonly to: string;
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly hash: string }[];
}

export interface RestoreReport {
  readonly dir: string;
  /** Where the files went that were there before; null: there were none. */
  readonly asideDir: string | null;
  /** When the backup was made; ISO 8601. */
  readonly madeAt: string;
  /** Of the restored store; null: the backup has only the key. */
  readonly deploymentId: string | null;
  readonly revision: number | null;
  readonly hasKey: boolean;
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
  /**
   * Examines clouds; what is wrong is a finding, never a rejection, except that no cloud is named.
   */
  doctor(options: DoctorOptions): Promise<DoctorReport>;
  /** Every finding that there can be. */
  doctorCatalogue(): Promise<readonly DoctorEntry[]>;
  /** Backs the data folder up, also while a server runs on it. */
  backup(options: BackupOptions): Promise<BackupReport>;
  /** Reads a backup whole, and changes nothing. */
  checkBackup(path: string, passphrasePath: string | null): Promise<BackupReport>;
  /** Makes a data folder of a backup, while no server runs on it. */
  restore(options: RestoreOptions): Promise<RestoreReport>;
  /** Moves a store to an empty database, compared row by row, while no server runs on either. */
  migrateStore(options: StoreMigrateOptions): Promise<StoreMigrateReport>;
  /** The whole configuration as `serve` would use it, as YAML without secrets. */
  configPrint(path: string | null): Promise<string>;
}

/** How a program ended: by itself, or by a signal such as `SIGTERM`. */
export type ProgramEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: NodeJS.Signals };

export interface ProgramOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Logs the caller in at a cloud of the own; handed in by the composition root. */
export interface CloudLogins {
  /**
   * A token of the cloud of this name in clouds.yaml; null: of the one that OS_* describe. Rejects with a
   * CliFailure that says what to do.
   */
  logIn(cloud: string | null): Promise<CloudToken>;
  /** Names of the clouds of the clouds.yaml that lies around; empty where none does, or it cannot be read. */
  known(): Promise<readonly string[]>;
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
  /** Makes a folder and those above it, for its owner alone. */
  makeFolder(path: string): Promise<void>;
  /** Removes a file; one that is not there is no fault. */
  removeFile(path: string): Promise<void>;
  /**
   * Runs a program of PATH on this terminal, passes signals on to it, and resolves once it has ended; null:
   * there is no such program.
   */
  runProgram(name: string, args: readonly string[]): Promise<ProgramEnd | null>;
  /** Runs a program of PATH without a terminal and gives what it wrote; null: there is no such program. */
  captureProgram(name: string, args: readonly string[]): Promise<ProgramOutput | null>;
  /** Lets nobody but its owner read a file, and nobody write it (0400). */
  makeReadOnly(path: string): Promise<void>;
  /**
   * Calls back at each Ctrl-C (or SIGTERM, SIGHUP) instead of ending the process; returns what undoes that.
   */
  onInterrupt(callback: () => void): () => void;
  /** Of this program. */
  readonly version: string;
  readonly server: ServerCommands;
  readonly clouds: CloudLogins;
}
