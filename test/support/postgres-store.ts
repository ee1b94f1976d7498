/** The PostgreSQL store as tests open it. */
import { systemClock } from '../../src/base/clock.ts';
import {
  openPostgresStore,
  type PostgresStore,
  type PostgresStoreOptions,
} from '../../src/store/postgres/store.ts';
import { parseAddress, type Address } from '../../src/store/postgres/url.ts';

function addressOf(url: string): Address {
  const parsed = parseAddress(url);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function openStoreAt(url: string, more: Partial<PostgresStoreOptions> = {}): Promise<PostgresStore> {
  return openPostgresStore({
    address: addressOf(url),
    passwords: { file: null, env: {} },
    version: '1.2.3',
    clock: systemClock,
    ids: { next: () => 'dep' },
    ...more,
  });
}
