import { afterAll, beforeAll, test } from 'vitest';
import { StoreLockedError } from '../../src/store/holder.ts';
import { readMigrations } from '../../src/store/postgres/migrations.ts';
import type { PostgresStore } from '../../src/store/postgres/store.ts';
import { describeRetention } from '../integration/store-retention-suite.ts';
import { describeStore, type StoreFixture } from '../integration/store-suite.ts';
import { checkMigrated, oldRows } from '../integration/store-usage.ts';
import { openStoreAt } from '../support/postgres-store.ts';
import { PostgresServer } from '../support/postgres.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());

async function createFixture(): Promise<StoreFixture> {
  const database = await server.createDatabase();
  const open: PostgresStore[] = [];
  return {
    open: async () => {
      // The lock admits one; a second opener at the same time goes past it, to show that the epoch holds as
      // well.
      const url = server.url(database);
      const store = await openStoreAt(url).catch((error: unknown) => {
        if (open.length === 0 || !(error instanceof StoreLockedError)) throw error;
        return openStoreAt(url, { lock: async () => undefined });
      });
      open.push(store);
      return store;
    },
    sql: (statement) => server.sql(statement, database),
    destroy: async () => {
      await Promise.all(open.map((store) => store.close()));
      await server.sql(`DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}

describeStore('PostgreSQL store', createFixture);
describeRetention('PostgreSQL store', createFixture);

test('a database of the first version gets its usage from its events, and limits from its quotas', async () => {
  const database = await server.createDatabase();
  const url = server.url(database);
  const first = await openStoreAt(url, { migrations: readMigrations().slice(0, 1) });
  await first.close();
  // The record of switches is there already.
  for (const statement of oldRows().slice(1)) await server.sql(statement, database);
  const store = await openStoreAt(url);
  try {
    await checkMigrated(store);
  } finally {
    await store.close();
  }
});
