import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assert } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { StoreError, type Store } from '../../src/engine/ports.ts';
import { openCore } from '../../src/store/sqlite/core.ts';
import { createDirectStore } from '../../src/store/sqlite/direct.ts';
import { StoreLockedError } from '../../src/store/holder.ts';
import { createMigration } from '../../src/store/migrations.ts';
import { dumpSchema, migrate, readMigrations } from '../../src/store/sqlite/migrations.ts';
import { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite/store.ts';
import { batchMaker, put, putHost, sampleEvent, sampleHost, sampleLease } from './store-samples.ts';
import { describeRetention } from './store-retention-suite.ts';
import { describeStore, type StoreFixture } from './store-suite.ts';
import { checkMigrated, oldRows } from './store-usage.ts';

const SCHEMA = fileURLToPath(new URL('../../src/store/sqlite/schema.sql', import.meta.url));
const HOLDER = fileURLToPath(new URL('./store-holder.ts', import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-store-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const openStore = (more: Partial<SqliteStoreOptions> = {}): Promise<SqliteStore> =>
  openSqliteStore({ dir, version: '0.0.0', clock: systemClock, ids: { next: () => 'dep' }, ...more });

async function directFixture(): Promise<StoreFixture> {
  const path = join(dir, 'berth.sqlite');
  const open: DatabaseSync[] = [];
  const connect = (): DatabaseSync => {
    const db = new DatabaseSync(path);
    open.push(db);
    return db;
  };
  return {
    open: async () => createDirectStore(openCore(connect(), { deploymentId: 'dep' })),
    sql: async (statement) => connect().prepare(statement).all(),
    destroy: async () => open.forEach((db) => db.close()),
  };
}

describeStore('direct store', directFixture);
describeRetention('direct store', directFixture);

describeStore('store with a writer thread', async () => {
  const path = join(dir, 'berth.sqlite');
  const open: { close(): void | Promise<void> }[] = [];
  let first = true;
  const fixture: StoreFixture = {
    open: async () => {
      // The lock admits one; a second opener at the same time goes past it, to show that the epoch holds as
      // well.
      let store: Store;
      try {
        store = await openStore();
        first = false;
      } catch (error) {
        if (first || !(error instanceof StoreLockedError)) throw error;
        store = createDirectStore(openCore(new DatabaseSync(path), { deploymentId: 'other' }));
      }
      open.push(store);
      return store;
    },
    sql: async (statement) => {
      const db = new DatabaseSync(path);
      open.push(db);
      return db.prepare(statement).all();
    },
    destroy: async () => {
      for (const item of open) await item.close();
    },
  };
  return fixture;
});

describe('direct store', () => {
  test('faults before and after a commit: nothing there, or there without an answer', async () => {
    const core = openCore(new DatabaseSync(':memory:'), { deploymentId: 'dep' });
    const fault = { before: false, after: false };
    const store = createDirectStore(core, {
      beforeCommit: () => {
        if (fault.before) throw new StoreError('refused', 'injected');
      },
      afterCommit: () => {
        if (fault.after) throw new StoreError('in_doubt', 'injected');
      },
    });
    const batch = batchMaker(await store.load());
    const [lost, kept] = [batch([putHost(sampleHost('h1'))]), batch([putHost(sampleHost('h2'))])];
    fault.before = true;
    await expect(store.commit(lost)).rejects.toMatchObject({ code: 'refused' });
    fault.before = false;
    fault.after = true;
    await expect(store.commit(kept)).rejects.toMatchObject({ code: 'in_doubt' });
    await store.close();
    const next = createDirectStore(core);
    expect((await next.load()).snapshot.hosts.map(({ id }) => id)).toEqual(['h2']);
    expect(await next.hasBatch(lost.batchId)).toBe(false);
    expect(await next.hasBatch(kept.batchId)).toBe(true);
  });

  test('a full disk is told as such, nothing of the batch is there, and reading goes on', async () => {
    const db = new DatabaseSync(join(dir, 'full.sqlite'));
    const store = createDirectStore(openCore(db, { deploymentId: 'dep' }));
    const batch = batchMaker(await store.load());
    await store.commit(batch([putHost(sampleHost('h1'))]));
    const pages = Number(db.prepare('PRAGMA page_count').get()?.['page_count']);
    db.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const big = Array.from({ length: 100 }, (_, n) =>
      put(sampleLease(`l${n}`, { kind: 'shelved', sinceMs: 0, keepUntilMs: null, warnedMs: null })),
    );
    await expect(store.commit(batch(big, [sampleEvent(1)]))).rejects.toMatchObject({ code: 'full' });
    const after = await store.load();
    expect(after).toMatchObject({ revision: 1, eventSeq: 0 });
    expect(after.snapshot.leases).toEqual([]);
    db.exec('PRAGMA max_page_count = 100000');
    await store.commit(batchMaker(after)(big));
    expect((await store.load()).snapshot.leases).toHaveLength(100);
    db.close();
  });

  test('a file that is no database is corrupt', () => {
    const path = join(dir, 'noise.sqlite');
    writeFileSync(path, 'noise '.repeat(1000));
    const db = new DatabaseSync(path);
    expect(() => openCore(db, { deploymentId: 'dep' })).toThrow(expect.objectContaining({ code: 'corrupt' }));
    db.close();
  });
});

describe('store with a writer thread', () => {
  test('the death of the thread leaves a commit in doubt; the next load tells', async () => {
    const store = await openStore({ commitDelayMs: 5_000 });
    const lost = batchMaker(await store.load())([putHost(sampleHost('h1'))]);
    const outcome = expect(store.commit(lost)).rejects.toMatchObject({
      name: 'StoreError',
      code: 'in_doubt',
    });
    await store.abort();
    await outcome;
    expect((await store.load()).revision).toBe(0);
    expect(await store.hasBatch(lost.batchId)).toBe(false);
    await store.close();
  });

  test('after the death of the thread a load starts another', async () => {
    const store = await openStore();
    const batch = batchMaker(await store.load());
    await store.commit(batch([putHost(sampleHost('h1'))]));
    await store.abort();
    await expect(store.commit(batch([]))).rejects.toMatchObject({ code: 'closed' });
    const loaded = await store.load();
    expect(loaded).toMatchObject({ revision: 1, created: false });
    await store.commit(batchMaker(loaded)([putHost(sampleHost('h2'))]));
    expect((await store.load()).snapshot.hosts).toHaveLength(2);
    await store.close();
  });

  test('a commit that takes too long is in doubt; the load after it sees its outcome', async () => {
    const timers = new Set<() => void>();
    const setTimer = (_delayMs: number, callback: () => void): (() => void) => {
      timers.add(callback);
      return () => timers.delete(callback);
    };
    const store = await openStore({ commitDelayMs: 100, clock: { ...systemClock, setTimer } });
    const batch = batchMaker(await store.load())([putHost(sampleHost('h1'))]);
    const outcome = expect(store.commit(batch)).rejects.toMatchObject({ code: 'in_doubt' });
    await expect.poll(() => timers.size).toBe(1);
    for (const fire of timers) fire();
    await outcome;
    expect((await store.load()).revision).toBe(1);
    expect(await store.hasBatch(batch.batchId)).toBe(true);
    await store.close();
    expect(timers.size).toBe(1);
  });

  test('the folder and its files are private', async () => {
    const store = await openStore();
    await store.load();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of ['berth.sqlite', 'berth.sqlite-wal', 'lock.sqlite', 'holder.json']) {
      expect(statSync(join(dir, name)).mode & 0o777, name).toBe(0o600);
    }
    await store.close();
  });
});

describe('the lock of the data folder', () => {
  test('a second server is refused and told who holds the folder', async () => {
    const store = await openStore({ version: '1.2.3' });
    const second = openStore();
    await expect(second).rejects.toBeInstanceOf(StoreLockedError);
    await expect(second).rejects.toThrow(`process ${process.pid} on `);
    await expect(second).rejects.toMatchObject({ holder: { pid: process.pid, version: '1.2.3' } });
    await store.close();
    await (await openStore()).close();
  });

  test('holds against another process, and is gone with it, even when it is killed', async () => {
    const holder = spawn(process.execPath, [HOLDER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    await expect(openStore()).rejects.toMatchObject({
      name: 'StoreLockedError',
      holder: { pid: holder.pid },
    });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const store = await openStore();
    const loaded = await store.load();
    expect(loaded).toMatchObject({ revision: 1, created: false });
    expect(loaded.snapshot.hosts.map(({ id }) => id)).toEqual(['h1']);
    await store.close();
  });
});

describe('migrations', () => {
  test('all in order make the fresh schema', async () => {
    const db = new DatabaseSync(':memory:');
    expect(migrate(db, readMigrations())).toBe(true);
    expect(migrate(db, readMigrations())).toBe(false);
    await expect(dumpSchema(db)).toMatchFileSnapshot(SCHEMA);
    const fresh = new DatabaseSync(':memory:');
    fresh.exec(dumpSchema(db));
    expect(dumpSchema(fresh)).toBe(dumpSchema(db));
  });

  test('leases of before keep the end that they were made with', () => {
    const db = new DatabaseSync(':memory:');
    const [initial] = readMigrations();
    assert(initial !== undefined, 'there is a first migration');
    migrate(db, [initial]);
    const insert = db.prepare(
      `INSERT INTO leases (id, project_id, owner_id, name, state, flavor_id, flavor_name, provider_id, generation,
        created_at_ms, used_device_ms, body) VALUES (?, 'p', 'o', 'n', ?, 'f', 'f', 'c', 1, 0, 0, ?)`,
    );
    const flavorBody = JSON.stringify({ scratchGiB: 12 });
    db.prepare("INSERT INTO flavors VALUES ('f', 'c', 'f', 1, 1, 1, 0, ?)").run(flavorBody);
    for (const kind of ['active', 'shelved', 'queued'])
      insert.run(kind, kind, JSON.stringify({ request: { atEnd: 'shelve' }, state: { kind } }));
    migrate(db, readMigrations());
    const bodyOf = (id: string): unknown =>
      JSON.parse(String(db.prepare('SELECT body FROM leases WHERE id = ?').get(id)?.['body']));
    const request = {
      atEnd: 'shelve',
      purpose: 'interactive',
      exempt: null,
      renew: false,
      role: 'member',
      scratchGiB: 12,
    };
    expect(bodyOf('active')).toEqual({
      request,
      ticket: null,
      state: { kind: 'active', renewedAtMs: null, graceUntilMs: null },
    });
    expect(bodyOf('shelved')).toMatchObject({
      state: { kind: 'shelved', keepUntilMs: null, warnedMs: null },
    });
    expect(bodyOf('queued')).toEqual({ request, ticket: null, state: { kind: 'queued' } });
  });

  test('a store of the first version gets its usage from its events, and limits from its quotas', async () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, readMigrations().slice(0, 1));
    for (const statement of oldRows()) db.exec(statement);
    const store = createDirectStore(openCore(db, { deploymentId: 'old' }));
    await checkMigrated(store);
    db.close();
  });

  test('a store of a newer version is refused and left as it is', async () => {
    await (await openStore()).close();
    const path = join(dir, 'berth.sqlite');
    const newer = [
      ...readMigrations(),
      createMigration(nextName(), 'CREATE TABLE later (a INTEGER) STRICT;'),
    ];
    const db = new DatabaseSync(path);
    expect(migrate(db, newer)).toBe(false);
    db.close();
    const before = readFileSync(path);
    await expect(openStore()).rejects.toMatchObject({ name: 'SchemaError', code: 'newer' });
    await expect(openStore()).rejects.toThrow(/later.sql/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('a store whose migration had another text is refused', async () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, [createMigration('0001-initial.sql', `${readMigrations()[0]?.sql}-- edited`)]);
    expect(() => migrate(db, readMigrations())).toThrow(expect.objectContaining({ code: 'changed' }));
  });

  test('a database of another program is refused', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec('CREATE TABLE theirs (a)');
    expect(() => migrate(db, readMigrations())).toThrow(expect.objectContaining({ code: 'foreign' }));
  });

  test('a migration that fails leaves nothing of itself', () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, readMigrations());
    const broken = createMigration(
      nextName(),
      'CREATE TABLE half (a INTEGER) STRICT; CREATE TABLE leases (a);',
    );
    expect(() => migrate(db, [...readMigrations(), broken])).toThrow(/already exists/);
    expect(dumpSchema(db)).not.toContain('half');
    db.close();
  });
});

function nextName(): string {
  return `${String((readMigrations().at(-1)?.id ?? 0) + 1).padStart(4, '0')}-later.sql`;
}
