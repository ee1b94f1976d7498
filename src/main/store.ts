/** Which store the configuration means, and what people are told about it. */
import { chmodSync, mkdirSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Ids } from '../base/ids.ts';
import type { Store } from '../engine/ports.ts';
import { openPostgresStore } from '../store/postgres/store.ts';
import { parseAddress } from '../store/postgres/url.ts';
import { openSqliteStore } from '../store/sqlite/store.ts';
import type { Config } from './config.ts';
import { ServeFailure } from './options.ts';
import { VERSION } from './version.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Where everything is kept, for people: no password is in it. */
  readonly place: string;
  /** What an operator should know about it; sentences without a full stop. */
  readonly warnings: readonly string[];
}

type StoreConfig = Pick<Config, 'data' | 'store'>;

/** Opens it and makes the data folder. Rejects as the store does. */
export async function openStore(
  config: StoreConfig,
  ports: { readonly clock: Clock; readonly ids: Ids },
): Promise<OpenedStore> {
  if (config.store === null) {
    const store = await openSqliteStore({ dir: config.data, version: VERSION, ...ports });
    return { store, place: config.data, warnings: store.warnings };
  }
  // The server's own key is in it, whatever stores the rest.
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  chmodSync(config.data, 0o700);
  const store = await openPostgresStore({ ...databaseOf(config.store), version: VERSION, ...ports });
  return { store, place: `${store.place} and ${config.data}`, warnings: store.warnings };
}

/**
 * How the database is reached. `name`: where the URL was given, for the message; the schema of the
 * configuration has checked its own.
 */
export function databaseOf(
  store: NonNullable<Config['store']>,
  name = 'store.url',
): Pick<Parameters<typeof openPostgresStore>[0], 'address' | 'passwords'> {
  const address = parseAddress(store.url);
  if (!address.ok) throw new ServeFailure(`${name} ${address.error}`);
  return { address: address.value, passwords: { file: store.password_file, env: process.env } };
}
