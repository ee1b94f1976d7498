/** A store with a history moves from SQLite to a real PostgreSQL, and every planted difference is found. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/base/units.ts';
import { migrateStore } from '../../src/main/store-migrate.ts';
import { openBare } from '../../src/store/postgres/bare.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { parseAddress, type Address } from '../../src/store/postgres/url.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { compareStores } from '../../src/store/transfer/to-postgres.ts';
import { tablesOf } from '../../src/store/transfer/shape.ts';
import { PostgresServer } from '../support/postgres.ts';
import { leaseId, SimulatedService } from '../support/simulated-service.ts';

const WAIT_MS = 120_000;
let server: PostgresServer;
let dir: string;
let data: string;
let database: string;
beforeAll(async () => {
  server = await PostgresServer.start();
}, WAIT_MS);
afterAll(() => server.remove());
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-migrate-'));
  data = join(dir, 'data');
  mkdirSync(data, { mode: 0o700 });
  database = await server.createDatabase();
});
afterEach(async () => {
  rmSync(dir, { recursive: true });
  await server.sql(`DROP DATABASE ${database} WITH (FORCE)`);
});

const ports = { version: '1.2.3', clock: systemClock, ids: { next: () => 'dep' } };
const migrate = (): ReturnType<typeof migrateStore> =>
  migrateStore({ from: data, to: server.url(database), passwordPath: null, say: () => {} }, systemClock);

function address(): Address {
  const parsed = parseAddress(server.url(database));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** Something in every table: claims held and observed, ended leases, tokens, findings, open intents, NULs. */
async function history(): Promise<void> {
  const service = await new SimulatedService({ storePath: join(data, 'berth.sqlite') }).open();
  await service.borrow(['active', 'ended', 'shelved'], { durationMs: HOUR_MS });
  for (const name of ['active', 'ended', 'shelved']) await service.reach(name, 'active');
  await service.give({ type: 'lease.release', leaseId: leaseId('ended') });
  await service.give({ type: 'lease.shelve', leaseId: leaseId('shelved') });
  await service.reach('ended', 'ended');
  await service.reach('shelved', 'shelved');
  await service.borrow(['starting'], { durationMs: HOUR_MS });
  await service.clock.run(MINUTE_MS / 20);
  const { nowMs } = { nowMs: service.engine.nowMs() };
  await service.give({
    type: 'token.create',
    token: {
      id: asId('t1'),
      name: 'of \0 and ü',
      secretHash: 'ab'.repeat(32),
      projectId: asId('demo'),
      role: 'admin',
      createdAtMs: nowMs,
      createdBy: 'test',
      expiresAtMs: nowMs + HOUR_MS,
    },
  });
  await service.give({
    type: 'finding.raise',
    finding: { id: asId('f1'), code: 'orphan', subject: 'server/sim:1', message: "it's", sinceMs: nowMs },
  });
  await service.crash();
}

test('every row arrives, is compared, and the service goes on from there', { timeout: WAIT_MS }, async () => {
  await history();
  const before = readFileSync(join(data, 'berth.sqlite'));
  const { tables } = await migrate();
  const source = new DatabaseSync(join(data, 'berth.sqlite'));
  for (const { name } of tablesOf(source)) {
    const { count } = { ...source.prepare(`SELECT count(*) AS count FROM "${name}"`).get() };
    expect(tables.find(({ table }) => table === name)).toMatchObject({ table: name, rows: count });
  }
  expect(tables.map(({ table, rows }) => `${table} ${Math.sign(rows)}`)).toEqual(
    expect.arrayContaining([
      'claims 1',
      'claim_classes 1',
      'leases 1',
      'intents 1',
      'tokens 1',
      'findings 1',
    ]),
  );
  // The source has all it had, and one row more that keeps every server away.
  expect(source.prepare('SELECT count(*) AS count FROM schema_migrations WHERE id > 900000').get()).toEqual({
    count: 1,
  });
  source.close();
  expect(before.length).toBeGreaterThan(0);
  await expect(openSqliteStore({ dir: data, ...ports })).rejects.toThrow(/moved to .*store.url/);

  const store = await openPostgresStore({ address: address(), passwords: { file: null, env: {} }, ...ports });
  const loaded = await store.load();
  expect(loaded.epoch).toBeGreaterThan(2);
  expect(loaded.snapshot.leases.map(({ id, state }) => `${id} ${state.kind}`).toSorted()).toEqual([
    'active active',
    'shelved shelved',
    'starting starting',
  ]);
  const { control } = loaded.snapshot;
  // Constraints are on again: no event may be left out, and commits go on where they were.
  const batch = { epoch: loaded.epoch, atMs: 1, changes: [], events: [] };
  await store.commit({ ...batch, batchId: 'next', revision: loaded.revision + 1 });
  expect(control.deploymentId).toBe('d0d0d0d0');
  await store.close();
  await expect(server.sql('DELETE FROM events', database)).rejects.toThrow(/append-only/);
});

test('whatever differs afterwards is found', { timeout: WAIT_MS }, async () => {
  await history();
  await migrate();
  const source = new DatabaseSync(join(data, 'berth.sqlite'), { readOnly: true });
  const session = await openBare({ address: address(), passwords: { file: null, env: {} }, ...ports });
  const compare = async (): Promise<readonly string[]> =>
    (await compareStores(source, session)).differences.map(({ table, what }) => `${table} ${what}`);
  // The copy raised it, so that nobody who still has the source may write.
  expect(await compare()).toEqual(['epoch different']);
  const plants: readonly (readonly [string, string])[] = [
    ["UPDATE leases SET name = name || '.' WHERE id = 'active'", 'leases different'],
    [
      "UPDATE leases SET body = replace(body::text, 'active', 'Active')::json WHERE id = 'active'",
      'leases different',
    ],
    ["DELETE FROM tokens WHERE id = 't1'", 'tokens missing'],
    [
      "INSERT INTO findings (id, code, subject, since_ms, body) VALUES ('a', 'x', 'y', 1, '{}')",
      'findings not in the source',
    ],
    [
      "INSERT INTO findings (id, code, subject, since_ms, body) VALUES ('z', 'x', 'y', 1, '{}')",
      'findings not in the source',
    ],
    ['UPDATE host_capacity SET total = total + 1', 'host_capacity different'],
    ['UPDATE batches SET at_ms = at_ms + 1 WHERE revision = 1', 'batches different'],
  ];
  for (const [statement, found] of plants) {
    await session.ask({ text: 'BEGIN' });
    await session.ask({ text: statement });
    expect(await compare(), statement).toContain(found);
    await session.ask({ text: 'ROLLBACK' });
  }
  source.close();
  await session.end();
});

test('a database with records, and a store in use, are left alone', { timeout: WAIT_MS }, async () => {
  await history();
  const holder = await openSqliteStore({ dir: data, ...ports });
  await expect(migrate()).rejects.toThrow(`in use by process ${process.pid}`);
  await holder.close();
  const store = await openPostgresStore({ address: address(), passwords: { file: null, env: {} }, ...ports });
  await store.load();
  await expect(migrate()).rejects.toThrow('in use by process');
  const loaded = await store.load();
  const batch = { epoch: loaded.epoch, atMs: 1, changes: [], events: [] };
  await store.commit({ ...batch, batchId: 'first', revision: 1 });
  await store.close();
  await expect(migrate()).rejects.toThrow('has records of Berth already');
  // Nothing was marked.
  await (await openSqliteStore({ dir: data, ...ports })).close();
});

test('what is no address and what is no data folder are named, and nothing is written', async () => {
  const options = { from: data, to: server.url(database), passwordPath: null, say: () => {} };
  await expect(migrateStore({ ...options, to: 'http://x' }, systemClock)).rejects.toThrow(
    '--to is not postgresql://USER@HOST:PORT/DATABASE',
  );
  await expect(migrateStore(options, systemClock)).rejects.toThrow(`--from ${data} has no store`);
  expect(readdirSync(data)).toEqual([]);
  const missing = join(dir, 'missing');
  await expect(migrateStore({ ...options, from: missing }, systemClock)).rejects.toThrow('has no store');
});
