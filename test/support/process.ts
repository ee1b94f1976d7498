/**
 * The real server as a process of its own, on a data folder and a simulated cloud that both outlive it: what
 * crash tests kill and start again.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { createClient, type Client } from '../../src/client/client.ts';
import { demoTopology } from '../../src/main/demo.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { REALISTIC_TIMINGS, type SimTimings } from '../../src/sim/world.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Two busy cores need seconds to load the program; what takes longer hangs. */
const START_MS_MAX = 40_000;

/** A cloud that does everything at once: crash tests wait for Berth, not for builds. */
const QUICK: SimTimings = {
  ...REALISTIC_TIMINGS,
  scheduleMs: [10, 50],
  spawnMs: [50, 200],
  shelveMs: [50, 200],
  offloadMs: [10, 50],
  deleteMs: [50, 200],
};

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  readonly pid: number;
  readonly url: string;
  readonly client: Client;
  /** Of the simulated cloud; empty without one. */
  readonly cloudUrl: string;
  readonly exited: Promise<Exit>;
  /** Everything that it has written to standard error so far. */
  stderr(): string;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Exit>;
}

export interface StartOptions {
  /** `<point>:<n>`: where to stop, for BERTH_PAUSE_POINT. */
  readonly pausePoint?: string;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** False: the configuration that `args` names has hosts of its own. Default: the simulated cloud. */
  readonly isSimulated?: boolean;
}

/** Where the servers of a site keep what they know. */
export interface SiteStore {
  /** Arguments of `serve`. */
  readonly args: readonly string[];
  /** The step of the newest intent on record; null: there is none. Only while no server runs. */
  newestIntent(): Promise<IntentSeen | null>;
  remove(): Promise<void>;
}

export interface IntentSeen {
  readonly step: string;
  readonly isOpen: boolean;
}

/** A data folder with a quick simulated cloud in it; `remove` ends the servers on it that still run. */
export class CrashSite {
  readonly dir: string;
  readonly data: string;
  readonly #store: SiteStore;
  readonly #running = new Set<ServerProcess>();

  /** `store` left out: SQLite in the data folder. */
  constructor(hosts = 2, store?: SiteStore) {
    this.dir = mkdtempSync(join(tmpdir(), 'berth-crash-'));
    this.data = join(this.dir, 'data');
    mkdirSync(this.data, { mode: 0o700 });
    this.#store = store ?? sqliteIn(this.data);
    const cloud = new SimCloud({ topology: demoTopology(hosts), timings: QUICK });
    writeFileSync(join(this.data, 'simulated-cloud.json'), JSON.stringify(cloud), { mode: 0o600 });
  }

  /** Resolves once it serves; rejects with what it said if it ends before. */
  async start(options: StartOptions = {}): Promise<ServerProcess> {
    const server = await startProcess(this.data, this.#with(options));
    this.#running.add(server);
    void server.exited.then(() => this.#running.delete(server));
    return server;
  }

  /** Runs a server that is expected to end by itself. */
  async startInVain(options: StartOptions = {}): Promise<Exit & { readonly stderr: string }> {
    const { exited, stderr } = spawnServer(this.data, this.#with(options));
    return { ...(await exited), stderr: stderr() };
  }

  newestIntent(): Promise<IntentSeen | null> {
    return this.#store.newestIntent();
  }

  #with(options: StartOptions): StartOptions {
    return { ...options, args: [...this.#store.args, ...(options.args ?? [])] };
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#running].map((server) => server.end('SIGKILL')));
    await this.#store.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function sqliteIn(data: string): SiteStore {
  return {
    args: [],
    newestIntent: async () => {
      const db = new DatabaseSync(join(data, 'berth.sqlite'));
      try {
        const row = db.prepare('SELECT step, closed_at_ms FROM intents ORDER BY rowid DESC LIMIT 1').get();
        if (row === undefined) return null;
        return { step: String(row['step']), isOpen: row['closed_at_ms'] === null };
      } finally {
        db.close();
      }
    },
    remove: async () => undefined,
  };
}

/**
 * Waits for a condition that another process brings about; says how far it came when it does not. `pauseMs`:
 * between two looks.
 */
export async function eventually(
  what: string,
  limitMs: number,
  condition: () => Promise<boolean> | boolean,
  describe: () => unknown = () => '',
  pauseMs = 50,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) {
      throw new Error(`waited ${limitMs} ms in vain for ${what}: ${JSON.stringify(await describe())}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

interface Spawned {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
}

function spawnServer(data: string, { pausePoint, args: more = [] }: StartOptions): Spawned {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'serve', '--demo'];
  const child = spawn(process.execPath, [...args, '--listen', '127.0.0.1:0', '--data', data, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BERTH_PAUSE_POINT: pausePoint ?? '' },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    exited,
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => child.kill(signal),
  };
}

async function startProcess(data: string, options: StartOptions): Promise<ServerProcess> {
  const { pid, exited, stdout, stderr, kill } = spawnServer(data, options);
  let isOver = false;
  void exited.then(() => (isOver = true));
  const urls = (): readonly (string | undefined)[] => [
    / at (http:\S+) \(demo/.exec(stdout())?.[1],
    options.isSimulated === false ? '' : /simulated cloud is at (http:[^;\s]+)/.exec(stdout())?.[1],
  ];
  const said = (): string => `${stdout()}${stderr()}`;
  await eventually(
    'the server to start',
    START_MS_MAX,
    () => isOver || !urls().includes(undefined),
    said,
  ).catch((error: unknown) => {
    kill('SIGKILL');
    throw error;
  });
  const [url, cloudUrl] = urls();
  if (isOver || url === undefined || cloudUrl === undefined) throw new Error(`did not start: ${said()}`);
  return {
    pid,
    url,
    cloudUrl,
    client: createClient({ baseUrl: url, timeoutMs: 5000 }),
    exited,
    stderr,
    end: (signal) => {
      kill(signal);
      return exited;
    },
  };
}
