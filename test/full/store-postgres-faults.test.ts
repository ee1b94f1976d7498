/** What a database can do to a server: connections that break, locks, time-outs, standbys, full disks. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { PostgresStore, PostgresStoreOptions } from '../../src/store/postgres/store.ts';
import {
  batchMaker,
  put,
  putHost,
  sampleEvent,
  sampleHost,
  sampleLease,
} from '../integration/store-samples.ts';
import { openStoreAt } from '../support/postgres-store.ts';
import { PostgresServer } from '../support/postgres.ts';
import { eventually } from '../support/process.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WAIT_MS_MAX = 30_000;
/** No limit of the server's or the client's own gets in the way, however busy the machine is. */
const PATIENT = { lockMs: 60_000, statementMs: 60_000, callMs: 60_000 };

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());

let database: string;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  database = await server.createDatabase();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await server.sql(`DROP DATABASE ${database} WITH (FORCE)`);
});

async function openStore(
  more: Partial<PostgresStoreOptions> = {},
  url = server.url(database),
): Promise<PostgresStore> {
  const store = await openStoreAt(url, more);
  closers.push(() => store.close());
  return store;
}

/** A session of somebody else's, who has begun a transaction. */
async function otherSession(statement: string): Promise<Client> {
  const client = new Client({ connectionString: server.url(database) });
  client.on('error', () => undefined);
  await client.connect();
  closers.push(() => client.end());
  await client.query('BEGIN');
  await client.query(statement);
  return client;
}

const endSessions = (): Promise<unknown> =>
  server.sql(
    'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
    'postgres',
    [database],
  );

describe('the lock of the database', () => {
  test('a second server is refused and told who has it; it follows once that is gone', async () => {
    const first = await openStore();
    await first.load();
    const second = openStoreAt(server.url(database));
    await expect(second).rejects.toMatchObject({
      name: 'StoreLockedError',
      holder: { pid: process.pid, host: hostname(), version: '1.2.3' },
    });
    await expect(second).rejects.toThrow(/one server per database/);
    await first.close();
    expect((await (await openStore()).load()).epoch).toBe(2);
  });

  test('who has lost the connection, and with it the lock, to another server is fenced', async () => {
    const old = await openStore();
    const batch = batchMaker(await old.load());
    await endSessions();
    const other = await openStore();
    await other.commit(batchMaker(await other.load())([putHost(sampleHost('h1'))]));
    await expect(old.commit(batch([putHost(sampleHost('h2'))]))).rejects.toMatchObject({ code: 'closed' });
    await expect(old.load()).rejects.toMatchObject({ name: 'StoreError', code: 'fenced' });
    expect((await other.load()).snapshot.hosts.map(({ id }) => id)).toEqual(['h1']);
  });

  test('a commit that was under way when another server loaded is fenced, however late it comes', async () => {
    const old = await openStore({ limits: PATIENT });
    const late = batchMaker(await old.load())([putHost(sampleHost('h1'))]);
    const other = await openStore({ limits: PATIENT, lock: async () => undefined });
    // The load has taken its epoch, and reads; the commit comes to the epoch before the load has ended.
    const blocker = await otherSession('LOCK TABLE hosts');
    const loading = other.load();
    await waiting(1);
    const outcome = expect(old.commit(late)).rejects.toMatchObject({ code: 'fenced' });
    await waiting(2);
    await blocker.query('COMMIT');
    expect((await loading).epoch).toBe(2);
    await outcome;
    expect(await other.hasBatch(late.batchId)).toBe(false);
  });
});

/** Resolves when so many sessions of the database wait for a lock. */
async function waiting(count: number): Promise<void> {
  await eventually(`${count} sessions to wait for a lock`, WAIT_MS_MAX, async () => {
    const rows = await server.sql(
      "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'",
      'postgres',
      [database],
    );
    return rows.length === count;
  });
}

/** A clock whose timers run out only when told so: all that are set at that moment. */
function heldClock(): { readonly clock: Clock; readonly runOut: () => void } {
  const timers = new Set<() => void>();
  const setTimer = (_delayMs: number, callback: () => void): (() => void) => {
    timers.add(callback);
    return () => timers.delete(callback);
  };
  return { clock: { ...systemClock, setTimer }, runOut: () => timers.forEach((callback) => callback()) };
}

describe('a connection that breaks', () => {
  test.each([
    ['lose_reply', true],
    ['lose_request', false],
  ] as const)('in a commit (%s): in doubt, and the load tells whether it is there', async (fate, isThere) => {
    const proxy = await TcpProxy.start(server.port);
    closers.push(() => proxy.close());
    const store = await openStore({}, server.url(database, proxy.port));
    const loaded = await store.load();
    const batch = batchMaker(loaded)([putHost(sampleHost('h1'))]);
    proxy.next(fate);
    await expect(store.commit(batch)).rejects.toMatchObject({ name: 'StoreError', code: 'in_doubt' });
    const after = await store.load();
    expect(after.epoch).toBe(loaded.epoch + 1);
    expect(await store.hasBatch(batch.batchId)).toBe(isThere);
    expect(after.snapshot.hosts).toHaveLength(isThere ? 1 : 0);
    await store.commit(batchMaker(after)([putHost(sampleHost('h2'))]));
  });

  test('while nothing is asked: the next load connects again, and reads do too', async () => {
    const store = await openStore();
    const batch = batchMaker(await store.load());
    await store.commit(batch([], [sampleEvent(1)]));
    await endSessions();
    await eventually('the loss to be noticed', WAIT_MS_MAX, () =>
      store.commit(batch([])).then(
        () => false,
        (error: unknown) => error instanceof Error && 'code' in error && error.code === 'closed',
      ),
    );
    expect((await store.load()).revision).toBe(1);
    const query = { afterSeq: 0, limit: 9, projectId: null, leaseId: null, type: null, newestFirst: false };
    expect(await store.readEvents(query)).toHaveLength(1);
  });

  test('a server that answers too late is given up, and its session ended', async () => {
    const { clock, runOut } = heldClock();
    const store = await openStore({ limits: PATIENT, clock });
    const batch = batchMaker(await store.load())([putHost(sampleHost('h1'))]);
    const blocker = await otherSession('LOCK TABLE hosts');
    const outcome = expect(store.commit(batch)).rejects.toMatchObject({ code: 'in_doubt' });
    await waiting(1);
    runOut();
    await outcome;
    // The session of the commit still waits, and has the lock: the load ends it first, and nothing was done.
    const loading = store.load();
    await eventually('the old session to end', WAIT_MS_MAX, async () => {
      const rows = await server.sql(
        "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND query LIKE '%berth_code.commit(%' AND wait_event_type = 'Lock'",
        'postgres',
        [database],
      );
      return rows.length === 0;
    });
    await blocker.query('ROLLBACK');
    expect((await loading).snapshot.hosts).toEqual([]);
    expect(await store.hasBatch(batch.batchId)).toBe(false);
  });

  test('a database that is away is refused at the start, with what each host said', async () => {
    const url = 'postgresql://postgres@127.0.0.1:1,127.0.0.1:2/berth?connect_timeout=1';
    await expect(openStoreAt(url)).rejects.toMatchObject({ name: 'StoreError', code: 'refused' });
    await expect(openStoreAt(url)).rejects.toThrow(/127\.0\.0\.1:1: .*ECONNREFUSED.*127\.0\.0\.1:2: /);
  });
});

describe('time limits of the server', () => {
  test.each([
    ['lock_timeout', { lockMs: 200, statementMs: 60_000 }],
    ['statement_timeout', { lockMs: 60_000, statementMs: 200 }],
  ])('%s: nothing is written, and the store goes on', async (_name, limits) => {
    const store = await openStore({ limits });
    const batch = batchMaker(await store.load());
    await store.commit(batch([putHost(sampleHost('h1'))]));
    const blocker = await otherSession("SELECT * FROM hosts WHERE id = 'h1' FOR UPDATE");
    const refused = batch([putHost(sampleHost('h1', { slots: { V100: 8 } }))]);
    await expect(store.commit(refused)).rejects.toMatchObject({ code: 'refused' });
    await expect(store.commit(refused)).rejects.toThrow(/another session of the database stood in the way/);
    await blocker.query('ROLLBACK');
    expect(await store.hasBatch(refused.batchId)).toBe(false);
    await store.commit(batchMaker(await store.load())([putHost(sampleHost('h1', { slots: { V100: 8 } }))]));
  });
});

describe('synchronous replication', () => {
  let primary: PostgresServer;
  let url: string;
  beforeAll(async () => {
    primary = await PostgresServer.start();
  });
  afterAll(() => primary.remove());
  beforeEach(async () => {
    await primary.configure({ synchronous_standby_names: '' });
    url = primary.url(await primary.createDatabase());
  });

  test('a commit whose wait for the standby was cancelled is not acknowledged', async () => {
    const store = await openStore({}, url);
    const loaded = await store.load();
    await primary.configure({ synchronous_standby_names: 'absent' });
    const batch = batchMaker(loaded)([putHost(sampleHost('h1'))]);
    const outcome = expect(store.commit(batch)).rejects.toThrow(/not have been replicated/);
    await whileWaiting('pg_cancel_backend');
    await outcome;
    // A load cannot be confirmed either: nobody may be told that the batch is there.
    const load = expect(store.load()).rejects.toMatchObject({ code: 'in_doubt' });
    await whileWaiting('pg_cancel_backend');
    await load;
    await primary.configure({ synchronous_standby_names: '' });
    expect((await store.load()).snapshot.hosts).toHaveLength(1);
    expect(await store.hasBatch(batch.batchId)).toBe(true);
  });

  test('a commit that the standby does not confirm in time is in doubt, and so is the load', async () => {
    const { clock, runOut } = heldClock();
    const store = await openStore({ limits: PATIENT, clock }, url);
    const batch = batchMaker(await store.load())([putHost(sampleHost('h1'))]);
    await primary.configure({ synchronous_standby_names: 'absent' });
    const outcome = expect(store.commit(batch)).rejects.toMatchObject({ code: 'in_doubt' });
    await whileWaiting('pg_blocking_pids');
    runOut();
    await outcome;
    const load = expect(store.load()).rejects.toMatchObject({ name: 'StoreError' });
    // The first that waits is the session of the commit, until the load has ended it.
    await eventually(
      'the load to wait for the standby',
      WAIT_MS_MAX,
      async () => {
        const waitingNow = await primary.sql(
          "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'",
        );
        return waitingNow.length > 0;
      },
      () =>
        primary.sql(
          "SELECT pid, wait_event, query FROM pg_stat_activity WHERE backend_type = 'client backend'",
        ),
    );
    runOut();
    await load;
    await primary.configure({ synchronous_standby_names: '' });
    expect((await store.load()).snapshot.hosts).toHaveLength(1);
    expect(await store.hasBatch(batch.batchId)).toBe(true);
  });

  async function whileWaiting(act: string): Promise<void> {
    await eventually('a session to wait for the standby', WAIT_MS_MAX, async () => {
      const rows = await primary.sql(
        `SELECT ${act}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'`,
      );
      return rows.length > 0;
    });
  }
});

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  test('is told as such, nothing of the batch is there, and the store goes on once there is room', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'berth-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'berth-test', disk]);
    closers.push(async () => {
      execFileSync('umount', [disk]);
      rmSync(disk, { recursive: true });
    });
    const { uid, gid } = statSync(server.data);
    chownSync(disk, uid, gid);
    await server.sql(`CREATE TABLESPACE small LOCATION '${disk}'`);
    closers.push(() => server.sql('DROP TABLESPACE small'));
    const store = await openStore();
    const batch = batchMaker(await store.load());
    await store.commit(batch([putHost(sampleHost('h1'))]));
    await server.sql('ALTER TABLE leases SET TABLESPACE small', database);
    closers.push(() => server.sql('ALTER TABLE leases SET TABLESPACE pg_default', database));
    const big = Array.from({ length: 8000 }, (_, n) =>
      put(sampleLease(`l${n}`, { kind: 'shelved', sinceMs: 0, keepUntilMs: null, warnedMs: null })),
    );
    await expect(store.commit(batch(big, [sampleEvent(1)]))).rejects.toMatchObject({ code: 'full' });
    const after = await store.load();
    expect(after).toMatchObject({ revision: 1, eventSeq: 0 });
    expect(after.snapshot.leases).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    await store.commit(batchMaker(after)(big));
    expect((await store.load()).snapshot.leases).toHaveLength(8000);
  });
});
