/** How a server gets into a database, and which databases it takes: passwords, TLS, versions of the schema. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMigration } from '../../src/store/migrations.ts';
import { readMigrations } from '../../src/store/postgres/migrations.ts';
import { timelineFile } from '../../src/store/postgres/timeline.ts';
import { batchMaker, put, sampleEvent, sampleLease } from '../integration/store-samples.ts';
import { openStoreAt } from '../support/postgres-store.ts';
import { PostgresServer } from '../support/postgres.ts';

const SCHEMA = fileURLToPath(new URL('../../src/store/postgres/schema.sql', import.meta.url));
const PASSWORD = 'correct horse';

let dir: string;
let server: PostgresServer;
let database: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-access-'));
  server = await PostgresServer.start({
    hba: [
      'host all postgres 127.0.0.1/32 trust',
      'host replication postgres 127.0.0.1/32 trust',
      'hostnossl all guarded 127.0.0.1/32 scram-sha-256',
      'hostssl all secure 127.0.0.1/32 trust',
    ],
  });
  await server.sql(`CREATE ROLE guarded LOGIN PASSWORD '${PASSWORD}'`);
  await server.sql('CREATE ROLE secure LOGIN');
});
afterAll(async () => {
  await server.remove();
  rmSync(dir, { recursive: true });
});
beforeEach(async () => {
  database = await server.createDatabase();
  // As for the owner of a database.
  await server.sql(`GRANT CREATE ON DATABASE ${database} TO PUBLIC`);
  await server.sql('GRANT ALL ON SCHEMA public TO PUBLIC', database);
});

describe('the password', () => {
  const urlFor = (password = ''): string =>
    `postgresql://guarded${password}@127.0.0.1:${server.port}/${database}?sslmode=disable`;
  const fileWith = (text: string, mode: number): string => {
    const path = join(dir, `password-${mode}`);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };

  test('is taken from a file that nobody else can read, from PGPASSWORD, or from .pgpass', async () => {
    const sources = [
      { file: fileWith(`${PASSWORD}\n`, 0o600), env: {} },
      { file: null, env: { PGPASSWORD: PASSWORD } },
      { file: null, env: { PGPASSFILE: fileWith(`127.0.0.1:*:*:guarded:${PASSWORD}\n`, 0o400) } },
    ];
    for (const passwords of sources) await (await openStoreAt(urlFor(), { passwords })).close();
  });

  test('in a file that others can read is refused', async () => {
    const passwords = { file: fileWith(PASSWORD, 0o640), env: {} };
    await expect(openStoreAt(urlFor(), { passwords })).rejects.toThrow(/can be read by others: chmod 600/);
  });

  test('that is wrong is told as what the server said, and not shown', async () => {
    const error = await openStoreAt(urlFor(':hunter2')).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'StoreError', code: 'refused' });
    expect(String(error)).toContain('password authentication failed');
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2');
  });
});

describe('TLS', () => {
  let ca: string;
  beforeAll(async () => {
    // Its own authority, for 127.0.0.1 alone.
    const key = join(server.data, 'server.key');
    ca = join(server.data, 'server.crt');
    const subject = ['-subj', '/CN=berth-test', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', ca, ...subject],
      { stdio: 'ignore' },
    );
    const { uid, gid } = statSync(server.data);
    for (const path of [key, ca]) chownSync(path, uid, gid);
    chmodSync(key, 0o600);
    await server.configure({ ssl: 'on' });
  });
  const open = async (parameters: string, host = '127.0.0.1'): Promise<void> =>
    (await openStoreAt(`postgresql://secure@${host}:${server.port}/${database}?${parameters}`)).close();

  test.each(['sslmode=prefer', 'sslmode=require', 'CA&sslmode=verify-ca', 'CA&sslmode=verify-full'])(
    '%s is enough for a server that wants it',
    (parameters) => open(parameters.replace('CA', `sslrootcert=${ca}`)),
  );

  test('an unknown authority, another name, and no TLS at all are refused', async () => {
    await expect(open('sslmode=verify-full')).rejects.toThrow(/self-signed|certificate/);
    await expect(open(`sslrootcert=${ca}&sslmode=verify-full`, 'localhost')).rejects.toThrow(/localhost/);
    await expect(open('sslmode=disable')).rejects.toThrow(/no pg_hba\.conf entry/);
  });
});

describe('an old primary beside the promoted one', () => {
  let promoted: PostgresServer;
  beforeAll(async () => {
    promoted = await PostgresServer.start({ standbyOf: { primary: server, name: 'second' } });
    await promoted.promote();
  });
  afterAll(() => promoted.remove());

  test('is not taken though it stands first, nor alone after a restart until the file is removed', async () => {
    await promoted.sql(`CREATE DATABASE ${database} TEMPLATE template0`);
    const path = join(dir, 'database-timeline');
    const timelines = timelineFile(path);
    const both = `postgresql://postgres@127.0.0.1:${server.port},127.0.0.1:${promoted.port}/${database}`;
    const tables = async (of: PostgresServer): Promise<unknown> =>
      (await of.sql("SELECT to_regclass('leases')::text AS leases", database))[0]?.['leases'];

    await (await openStoreAt(both, { timelines })).close();
    expect([await tables(server), await tables(promoted)]).toEqual([null, 'leases']);
    expect(readFileSync(path, 'utf8')).toMatch(/^\d+ 2\n$/);

    const alone = server.url(database);
    await expect(openStoreAt(alone, { timelines: timelineFile(path) })).rejects.toThrow(
      /old primary \(timeline 1, but 2 was seen\).* stop Berth and remove .*database-timeline/,
    );
    expect(await tables(server)).toBeNull();
    rmSync(path);
    await (await openStoreAt(alone, { timelines: timelineFile(path) })).close();
    expect(readFileSync(path, 'utf8')).toMatch(/^\d+ 1\n$/);
  });

  test('a file that says no timeline is refused with what to do', async () => {
    const path = join(dir, 'no-timeline');
    writeFileSync(path, '2');
    await expect(openStoreAt(server.url(database), { timelines: timelineFile(path) })).rejects.toThrow(
      /no-timeline is no timeline of a database: stop Berth and remove/,
    );
  });

  test('another cluster has a count of its own', async () => {
    const timelines = timelineFile(join(dir, 'other-timeline'));
    timelines.keep({ system: '1', number: 7 });
    await (await openStoreAt(server.url(database), { timelines })).close();
    expect(timelines.read()?.number).toBe(1);
  });
});

describe('the schema', () => {
  test('all migrations in order make the fresh schema', async () => {
    await (await openStoreAt(server.url(database))).close();
    const dump = schemaOf(database);
    await expect(dump).toMatchFileSnapshot(SCHEMA);
    const fresh = await server.createDatabase();
    await server.sql(dump, fresh);
    expect(schemaOf(fresh)).toBe(dump);
  });

  test('one of a newer version, or with another text, is refused and left as it is', async () => {
    const own = readMigrations();
    const name = `${String(own.length + 1).padStart(4, '0')}-later.sql`;
    const newer = [...own, createMigration(name, 'CREATE TABLE later (a INTEGER);')];
    await (await openStoreAt(server.url(database), { migrations: newer })).close();
    const before = schemaOf(database);
    await expect(openStoreAt(server.url(database))).rejects.toMatchObject({
      name: 'SchemaError',
      code: 'newer',
    });
    expect(schemaOf(database)).toBe(before);
    const edited = newer.map((one) => createMigration(one.name, `${one.sql}-- edited`));
    const changed = openStoreAt(server.url(database), { migrations: edited });
    await expect(changed).rejects.toMatchObject({ name: 'SchemaError', code: 'changed' });
  });

  test('one that a newer version has taken while the connection was lost ends the store for good', async () => {
    const store = await openStoreAt(server.url(database));
    await store.load();
    await server.sql(
      "INSERT INTO schema_migrations (id, name, checksum) VALUES (9999, '9999-later.sql', 'x')",
      database,
    );
    await server.sql(
      'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
      'postgres',
      [database],
    );
    await expect(store.load()).rejects.toMatchObject({
      name: 'StoreError',
      code: 'fenced',
      message: expect.stringContaining('newer Berth (it has migration 9999-later.sql') as string,
    });
    await store.close();
  });

  test('a database of another program is refused, and a migration that fails leaves nothing', async () => {
    await server.sql('CREATE TABLE theirs (a INTEGER)', database);
    const foreign = openStoreAt(server.url(database));
    await expect(foreign).rejects.toMatchObject({ name: 'SchemaError', code: 'foreign' });
    await server.sql('DROP TABLE theirs', database);
    const broken = createMigration('0001-broken.sql', 'CREATE TABLE half (a INTEGER); SELECT 1 / 0;');
    await expect(openStoreAt(server.url(database), { migrations: [broken] })).rejects.toThrow(
      /division by zero/,
    );
    expect(schemaOf(database)).not.toContain('half');
  });

  test('what PostgreSQL cannot hold in a text is stored with a mark in its place', async () => {
    const store = await openStoreAt(server.url(database));
    const name = 'nul \0, half \uD800, a backslash \\u0000, and \u{1F680}';
    const batch = batchMaker(await store.load());
    await store.commit(
      batch(
        [
          put(
            sampleLease('l1', { kind: 'shelved', sinceMs: 0, keepUntilMs: null, warnedMs: null }, { name }),
          ),
        ],
        [sampleEvent(1, { reason: name })],
      ),
    );
    const stored = 'nul \uFFFD, half \uFFFD, a backslash \\u0000, and \u{1F680}';
    expect((await store.load()).snapshot.leases[0]?.name).toBe(stored);
    expect(await server.sql('SELECT name, reason FROM leases, events', database)).toEqual([
      { name: stored, reason: stored },
    ]);
    await store.close();
  });
});

/** As pg_dump writes it, without what differs from server to server. */
function schemaOf(name: string): string {
  const args = [
    '--schema-only',
    '--exclude-schema=berth_code',
    '--no-owner',
    '--no-privileges',
    '-d',
    server.url(name),
  ];
  const dump = execFileSync('/usr/lib/postgresql/15/bin/pg_dump', args, { encoding: 'utf8' });
  const statements = dump
    .split('\n')
    .filter((line) => !/^(?:--|SET |SELECT pg_catalog\.set_config|\\(?:un)?restrict )/.test(line));
  return `${statements
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}
