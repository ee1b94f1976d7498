import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { StoreLockedError } from '../../src/store/holder.ts';
import {
  openPostgresStore,
  type PostgresStore,
  type PostgresStoreOptions,
} from '../../src/store/postgres/store.ts';
import { parseAddress, type Address } from '../../src/store/postgres/url.ts';
import { describeStore, type StoreFixture } from '../integration/store-suite.ts';
import { PostgresServer } from '../support/postgres.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());

function addressOf(url: string): Address {
  const parsed = parseAddress(url);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function openStore(url: string, more: Partial<PostgresStoreOptions> = {}): Promise<PostgresStore> {
  return openPostgresStore({
    address: addressOf(url),
    passwords: { file: null, env: {} },
    version: '1.2.3',
    clock: systemClock,
    ids: { next: () => 'dep' },
    ...more,
  });
}

describeStore('PostgreSQL store', async (): Promise<StoreFixture> => {
  const database = await server.createDatabase();
  const open: PostgresStore[] = [];
  return {
    open: async () => {
      // The lock admits one; a second opener at the same time goes past it, to show that the epoch holds as
      // well.
      const url = server.url(database);
      const store = await openStore(url).catch((error: unknown) => {
        if (open.length === 0 || !(error instanceof StoreLockedError)) throw error;
        return openStore(url, { lock: async () => undefined });
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
});
