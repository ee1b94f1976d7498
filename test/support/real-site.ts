/**
 * Berth's own program in front of a real OpenStack: servers as processes that can be killed, and commands as
 * their users type them, with a folder, a clouds.yaml and a home of their own.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { z } from 'zod';
import { createClient, type Client } from '../../src/client/client.ts';
import { eventually, type Exit } from './process.ts';
import { ofBerth, RealApi } from './real-api.ts';
import type { RealCloud, RealCloudLogin } from './real-cloud.ts';

const BERTH = fileURLToPath(new URL('../../bin/berth', import.meta.url));
/** A server logs in and looks at everything before it says that it serves. */
const START_MS_MAX = 60_000;
/** A borrow that has to wait for its turn is the longest. */
const COMMAND_MS_MAX = 180_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Serving {
  readonly url: string;
  readonly exited: Promise<Exit>;
  /** What it has said, and its log. */
  said(): string;
  end(signal: NodeJS.Signals): Promise<Exit>;
}

/** More settings of an entry of clouds.yaml. */
export type CloudSettings = Readonly<Record<string, string | number>>;

export interface ServeSetup {
  /** Entry of clouds.yaml that Berth works as; default: admin. */
  readonly as?: string;
  /** What berth.yaml says; left out: there is none. */
  readonly config?: object;
  readonly args?: readonly string[];
}

export class RealSite {
  readonly dir = mkdtempSync(join(tmpdir(), 'berth-real-'));
  /** Private key; the public one is beside it. */
  readonly key = join(this.dir, 'key');
  /** Administrator of the cloud, past Berth. */
  readonly admin: RealApi;
  readonly #cloud: RealCloud;
  readonly #running = new Set<Serving>();
  readonly #deployments = new Set<string>();
  #data = join(this.dir, 'data');
  #url = '';

  private constructor(cloud: RealCloud, admin: RealApi) {
    this.#cloud = cloud;
    this.admin = admin;
  }

  /** `settings`: by name of the cloud, added to its entry of clouds.yaml. */
  static async open(
    cloud: RealCloud,
    settings: Readonly<Record<string, CloudSettings>> = {},
  ): Promise<RealSite> {
    const site = new RealSite(cloud, await RealApi.logIn(cloud.cloud('admin')));
    site.writeClouds(
      Object.fromEntries(
        ['admin', 'demo', 'lab2'].map((name) => [name, { ...cloud.cloud(name), ...settings[name] }]),
      ),
    );
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', site.key], process.env);
    return site;
  }

  /** Of the server that was started last. */
  get url(): string {
    return this.#url;
  }

  logIn(name: string): Promise<RealApi> {
    return RealApi.logIn(this.#cloud.cloud(name));
  }

  writeClouds(clouds: Readonly<Record<string, RealCloudLogin | object>>): void {
    writeFileSync(join(this.dir, 'clouds.yaml'), stringify({ clouds }), { mode: 0o600 });
  }

  /** Servers that start from now on have an empty data folder. */
  loseData(): void {
    this.#data = mkdtempSync(join(this.dir, 'data-'));
  }

  /** Resolves once it serves; rejects with what it said if it ends before. */
  async serve(setup: ServeSetup = {}): Promise<Serving> {
    const serving = await this.#spawn(setup);
    this.#running.add(serving);
    void serving.exited.then(() => this.#running.delete(serving));
    this.#url = serving.url;
    const { deployment_id: deploymentId } = await this.client(this.admin).getStatus();
    this.#deployments.add(deploymentId);
    return serving;
  }

  /** Of the server that was started last, as somebody who is logged in to the cloud. */
  client({ token }: RealApi): Client {
    return createClient({ baseUrl: this.#url, token });
  }

  /** A command of somebody who is logged in to a cloud of clouds.yaml; null: of nobody. */
  berth(as: string | null, ...args: readonly string[]): Promise<Ran> {
    return this.berthWith(as === null ? {} : { OS_CLOUD: as }, ...args);
  }

  berthWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
    return execute(BERTH, args, { ...this.#environment(), BERTH_URL: this.#url, ...env });
  }

  /** What a command prints; rejects when it fails. */
  async out(as: string | null, ...args: readonly string[]): Promise<string> {
    const ran = await this.berth(as, ...args);
    if (ran.code === 0) return ran.stdout.trim();
    throw new Error(`berth ${args.join(' ')} ended with ${ran.code}: ${ran.stderr}`);
  }

  /** Borrows and does not wait; the id of the lease. */
  borrow(as: string, flavor: string, ...args: readonly string[]): Promise<string> {
    return this.out(as, 'borrow', flavor, '--key', `${this.key}.pub`, '--detach', ...args);
  }

  /** Step of the newest outside call on record, and whether its answer is; only while no server runs. */
  newestIntent(): { readonly step: string; readonly isOpen: boolean } | null {
    const db = new DatabaseSync(join(this.#data, 'berth.sqlite'));
    try {
      const row = db.prepare('SELECT step, closed_at_ms FROM intents ORDER BY rowid DESC LIMIT 1').get();
      if (row === undefined) return null;
      const { step, closed_at_ms: closed } = intentRow.parse(row);
      return { step, isOpen: closed === null };
    } finally {
      db.close();
    }
  }

  /** Ends what still runs, and takes away what a test that failed has left outside. */
  async remove(): Promise<void> {
    await Promise.all([...this.#running].map((serving) => serving.end('SIGKILL')));
    for (const deploymentId of this.#deployments) {
      await this.admin.takeAway(ofBerth(await this.admin.outside(), deploymentId));
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => !/^(?:OS|BERTH)_/.test(name));
    return {
      ...Object.fromEntries(kept),
      HOME: this.dir,
      XDG_STATE_HOME: join(this.dir, 'state'),
      OS_CLIENT_CONFIG_FILE: join(this.dir, 'clouds.yaml'),
      no_proxy: '127.0.0.1',
      NO_PROXY: '127.0.0.1',
    };
  }

  async #spawn({ as = 'admin', config, args = [] }: ServeSetup): Promise<Serving> {
    mkdirSync(this.#data, { recursive: true, mode: 0o700 });
    const file = join(this.dir, 'berth.yaml');
    if (config !== undefined) writeFileSync(file, stringify(config));
    const own = config === undefined ? [] : ['--config', file];
    const listen = ['--listen', '127.0.0.1:0', '--data', this.#data];
    const child = spawn(BERTH, ['serve', '--cloud', as, ...listen, ...own, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.#environment(),
    });
    let said = '';
    let isOver = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const exited = new Promise<Exit>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    void exited.then(() => (isOver = true));
    const url = (): string | undefined => / serves at (http:[^;\s]+);/.exec(said)?.[1];
    await eventually(
      'the server to start',
      START_MS_MAX,
      () => isOver || url() !== undefined,
      () => said,
    ).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    const found = url();
    if (found === undefined) throw new Error(`did not start: ${said}`);
    return {
      url: found,
      exited,
      said: () => said,
      end: (signal) => {
        child.kill(signal);
        return exited;
      },
    };
  }
}

const intentRow = z.object({ step: z.string(), closed_at_ms: z.number().nullable() });

/** Resolves with any exit code. */
function execute(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  const options = { env, timeout: COMMAND_MS_MAX, encoding: 'utf8' } as const;
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
