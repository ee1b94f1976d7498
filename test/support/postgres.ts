/**
 * Real PostgreSQL servers for tests: Debian's, each in a temporary folder of its own, on a free port of
 * 127.0.0.1, run as the user `postgres` where we are root (it refuses to run as root).
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { eventually, type SiteStore } from './process.ts';

const BIN = '/usr/lib/postgresql/15/bin';
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 20_000;
/** The superuser of the clusters, and the password of the roles that have one. */
const SUPERUSER = 'postgres';

export interface ServerOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf instead of trust for everybody on 127.0.0.1. */
  readonly hba?: readonly string[];
  /** The standby of this server, made by pg_basebackup; `name` is its application_name. */
  readonly standbyOf?: { readonly primary: PostgresServer; readonly name: string };
}

const running = new Set<PostgresServer>();
// A worker that is ended in the middle of a test runs no hooks.
process.on('exit', () => running.forEach((server) => server.kill()));

export class PostgresServer {
  readonly dir: string;
  readonly port: number;
  #child: ChildProcess | null = null;
  #log = '';

  /** Makes a cluster and starts it; resolves once it accepts connections. */
  static async start(options: ServerOptions = {}): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort());
    server.#initialise(options);
    await server.resume();
    return server;
  }

  private constructor(port: number) {
    this.port = port;
    this.dir = mkdtempSync(join(tmpdir(), 'berth-postgres-'));
    const owner = ownerOf();
    if (owner !== null) chownSync(this.dir, owner.uid, owner.gid);
  }

  /** `postgresql://postgres@127.0.0.1:PORT/DATABASE`. */
  url(database = 'postgres', port = this.port): string {
    return `postgresql://${SUPERUSER}@127.0.0.1:${port}/${database}`;
  }

  get data(): string {
    return join(this.dir, 'data');
  }

  /** What the server has written to its log. */
  get log(): string {
    return this.#log;
  }

  #initialise({ settings = {}, hba, standbyOf }: ServerOptions): void {
    if (standbyOf === undefined) {
      const flags = ['--no-sync', '--locale=C.UTF-8', '--encoding=UTF8', '--auth=trust'];
      asOwner(join(BIN, 'initdb'), ['-D', this.data, '-U', SUPERUSER, ...flags]);
    } else {
      const { primary, name } = standbyOf;
      const source = `${primary.url()}?application_name=${name}`;
      asOwner(join(BIN, 'pg_basebackup'), ['-D', this.data, '-d', source, '-R', '--no-sync', '-c', 'fast']);
    }
    const all = {
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: this.dir,
      // A test needs no protection from power cuts; what a killed process leaves is the same.
      fsync: 'off',
      shared_buffers: '16MB',
      log_min_messages: 'warning',
      ...settings,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key} = '${value}'\n`);
    appendFileSync(join(this.data, 'postgresql.conf'), lines.join(''));
    if (hba !== undefined) writeFileSync(join(this.data, 'pg_hba.conf'), `${hba.join('\n')}\n`);
  }

  /** Starts it again after `stop` or `kill`. */
  async resume(): Promise<void> {
    const child = spawn(join(BIN, 'postgres'), ['-D', this.data], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...ownerOf(),
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    running.add(this);
    child.once('exit', () => running.delete(this));
    await eventually(
      'PostgreSQL to start',
      START_MS_MAX,
      () => isAccepting(this.url()),
      () => this.#log,
    );
  }

  /** Runs one statement as the superuser. */
  async sql(
    text: string,
    database = 'postgres',
    values: readonly (string | number)[] = [],
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const client = new Client({ connectionString: this.url(database), connectionTimeoutMillis: 5000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** A new empty database; its name. */
  async createDatabase(): Promise<string> {
    const name = `db_${Math.random().toString(36).slice(2)}`;
    await this.sql(`CREATE DATABASE ${name} TEMPLATE template0`);
    return name;
  }

  /** A database for the server processes of one site. */
  async siteStore(): Promise<SiteStore> {
    const database = await this.createDatabase();
    return {
      args: ['--store', this.url(database)],
      newestIntent: async () => {
        const text = 'SELECT step, closed_at_ms FROM intents ORDER BY opened_at_ms DESC, ctid DESC LIMIT 1';
        const [row] = await this.sql(text, database);
        if (row === undefined) return null;
        return { step: String(row['step']), isOpen: row['closed_at_ms'] === null };
      },
      remove: async () => void (await this.sql(`DROP DATABASE ${database} WITH (FORCE)`)),
    };
  }

  /** Changes settings without a restart. */
  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(settings)) {
      await this.sql(`ALTER SYSTEM SET ${key} = '${value}'`);
    }
    await this.sql('SELECT pg_reload_conf()');
  }

  /** Makes a standby a primary; resolves once it takes writes. */
  async promote(): Promise<void> {
    await this.sql('SELECT pg_promote(true, 20)');
  }

  /** SIGKILL for the server and all its processes, in no order: what a dead machine leaves. */
  kill(): void {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    for (const pid of [child.pid, ...childrenOf(child.pid)]) signal(pid, 'SIGKILL');
  }

  /** Resolves when it is gone; ends all sessions. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    if (child.pid !== undefined) signal(child.pid, 'SIGINT');
    await eventually(
      'PostgreSQL to stop',
      STOP_MS_MAX,
      () => child.exitCode !== null || child.signalCode !== null,
    ).catch(() => this.kill());
  }

  async remove(): Promise<void> {
    this.kill();
    const child = this.#child;
    await eventually(
      'PostgreSQL to be gone',
      STOP_MS_MAX,
      () => child === null || child.exitCode !== null || child.signalCode !== null,
    );
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

async function isAccepting(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

function asOwner(program: string, args: readonly string[]): void {
  execFileSync(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 60_000,
    cwd: '/',
    ...ownerOf(),
  });
}

let owner: { readonly uid: number; readonly gid: number } | null | undefined;

/** null: we are not root, and it runs as we do. */
function ownerOf(): { readonly uid: number; readonly gid: number } | null {
  if (owner !== undefined) return owner;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  owner = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : null;
  return owner;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
