/**
 * Durable grants per second on PostgreSQL: what the server and the driver themselves manage (the same rows,
 * prepared multi-row statements, no triggers, foreign keys or checks) against the store, and what other ways
 * to write the same commit would give. All on one server of this machine, fsync on, each run with a database
 * of its own.
 */
import { Client } from 'pg';
import { systemClock } from '../src/base/clock.ts';
import { createPrng } from '../src/base/prng.ts';
import { planWrite, type WritePlan } from '../src/store/plan.ts';
import { openPostgresStore, type PostgresStore } from '../src/store/postgres/store.ts';
import { parseAddress } from '../src/store/postgres/url.ts';
import {
  claimClassTable,
  claimDeviceTable,
  claimTable,
  controlTable,
  eventTable,
  leaseTable,
  projectTable,
  type Columns,
  type Row,
} from '../src/store/tables.ts';
import { PostgresServer } from '../test/support/postgres.ts';
import { round, type Report } from './bench.ts';
import { median, PAIRS } from './measure.ts';
import { makeBatches, type StoreBenchOptions } from './store.ts';

const OPTIONS: StoreBenchOptions = { grants: 2000, groupSize: 100, commitDelayMs: 0, seed: 1 };
/** A store that does all its checks at 35 % of what writes the same rows without any is good enough. */
const RATIO_MIN = 0.35;
/** Tables that one grant writes to, in order; `upsert`: the row may be there. */
const TABLES: readonly { readonly table: Columns; readonly isUpsert: boolean }[] = [
  { table: leaseTable, isUpsert: true },
  { table: claimTable, isUpsert: false },
  { table: claimClassTable, isUpsert: false },
  { table: claimDeviceTable, isUpsert: false },
  { table: projectTable, isUpsert: true },
  { table: controlTable, isUpsert: true },
  { table: eventTable, isUpsert: false },
  { table: { name: 'batches', columns: ['revision', 'batch_id', 'event_seq', 'at_ms'] }, isUpsert: false },
];

type Way = 'one by one' | 'pipelined';

export async function benchStorePostgres(): Promise<Report> {
  const server = await PostgresServer.start({ settings: { fsync: 'on', shared_buffers: '128MB' } });
  try {
    const ways: readonly { readonly what: string; readonly measure: () => Promise<number> }[] = [
      { what: 'bare, one by one', measure: () => measureRows(server, 'bare', 'one by one') },
      { what: 'bare, pipelined', measure: () => measureRows(server, 'bare', 'pipelined') },
      { what: 'the store: one call of a function', measure: () => measureStore(server) },
      {
        what: "one by one, in the store's tables",
        measure: () => measureRows(server, 'public', 'one by one'),
      },
      { what: "pipelined, in the store's tables", measure: () => measureRows(server, 'public', 'pipelined') },
    ];
    const rates = ways.map((): number[] => []);
    // By turns, so that what else the machine does hits all alike; the first round only warms up.
    for (let pair = 0; pair <= PAIRS; pair++) {
      for (const [index, { measure }] of ways.entries()) {
        const rate = await measure();
        if (pair > 0) rates[index]?.push(rate);
      }
    }
    const medians = rates.map(median);
    const bare = Math.max(...medians.slice(0, 2));
    const ratio = (medians[2] ?? 0) / bare;
    return {
      tables: [
        {
          title: `Grants per second on PostgreSQL, ${OPTIONS.groupSize} per commit, fsync on`,
          head: ['', 'median', 'of the faster bare', 'runs'],
          rows: ways.map(({ what }, index) => [
            what,
            round(medians[index] ?? 0),
            round((medians[index] ?? 0) / bare),
            rates[index]?.map(round).join(' ') ?? '',
          ]),
        },
      ],
      checks: [{ what: 'store / bare PostgreSQL', value: ratio, unit: '', atLeast: RATIO_MIN }],
    };
  } finally {
    await server.remove();
  }
}

/** Grants per second. */
async function measureStore(server: PostgresServer): Promise<number> {
  return withStore(server, async (store) => {
    const { epoch } = await store.load();
    const [first, ...batches] = makeBatches(OPTIONS, epoch);
    if (first !== undefined) await store.commit(first);
    const startMs = systemClock.monotonicMs();
    for (const batch of batches) await store.commit(batch);
    return rateSince(startMs);
  });
}

/** Grants per second, written as rows into the store's own tables or into bare copies of them. */
async function measureRows(server: PostgresServer, schema: 'public' | 'bare', way: Way): Promise<number> {
  return withStore(server, async (store, url) => {
    const { epoch } = await store.load();
    const [first, ...batches] = makeBatches(OPTIONS, epoch);
    if (first !== undefined) await store.commit(first);
    const plans = batches.map(planWrite);
    const client = new Client({ connectionString: url, pipeline: way === 'pipelined' });
    await client.connect();
    try {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
      if (schema === 'bare') {
        for (const { table } of TABLES) {
          await client.query(`CREATE TABLE bare.${table.name} (LIKE public.${table.name} INCLUDING INDEXES)`);
        }
      }
      await client.query(`SET search_path = ${schema}`);
      const startMs = systemClock.monotonicMs();
      for (const plan of plans) await writeRows(client, plan, way);
      return rateSince(startMs);
    } finally {
      await client.end();
    }
  });
}

async function writeRows(client: Client, plan: WritePlan, way: Way): Promise<void> {
  const statements = [
    { text: 'BEGIN' },
    ...TABLES.flatMap((entry) => statementFor(entry, rowsOf(plan, entry.table.name))),
    { text: 'COMMIT' },
  ];
  if (way === 'pipelined') {
    await Promise.all(statements.map((statement) => client.query(statement)));
  } else {
    for (const statement of statements) await client.query(statement);
  }
}

function statementFor(
  { table: { name, columns }, isUpsert }: (typeof TABLES)[number],
  rows: readonly Row[],
): { readonly name: string; readonly text: string; readonly values: unknown[] }[] {
  if (rows.length === 0) return [];
  let mark = 0;
  const marks = rows.map(() => `(${columns.map(() => `$${(mark += 1)}`).join(', ')})`);
  const [key, ...others] = columns;
  const updates = others.map((other) => `${other} = excluded.${other}`);
  const upsert = isUpsert ? ` ON CONFLICT (${key}) DO UPDATE SET ${updates.join(', ')}` : '';
  const text = `INSERT INTO ${name} (${columns.join(', ')}) VALUES ${marks.join(', ')}${upsert}`;
  return [{ name: `${name} ${rows.length}`, text, values: rows.flat() }];
}

function rowsOf(plan: WritePlan, table: string): readonly Row[] {
  const claims = plan.leases.flatMap(({ claim }) => claim ?? []);
  switch (table) {
    case 'leases':
      return plan.leases.map(({ lease }) => lease);
    case 'claims':
      return claims.map(({ claim }) => claim);
    case 'claim_classes':
      return claims.flatMap(({ classes }) => classes);
    case 'claim_devices':
      return claims.flatMap(({ devices }) => devices);
    case 'events':
      return plan.events;
    case 'batches':
      return [[plan.revision, plan.batchId, Number(plan.events.at(-1)?.[0] ?? 0), plan.atMs]];
    default:
      return plan.plain.find(({ entity }) => `${entity}s` === table || entity === table)?.puts ?? [];
  }
}

async function withStore<T>(
  server: PostgresServer,
  run: (store: PostgresStore, url: string) => Promise<T>,
): Promise<T> {
  const database = await server.createDatabase();
  const url = server.url(database);
  const address = parseAddress(url);
  if (!address.ok) throw new Error(address.error);
  const prng = createPrng(OPTIONS.seed);
  const store = await openPostgresStore({
    address: address.value,
    passwords: { file: null, env: {} },
    version: 'bench',
    clock: systemClock,
    ids: { next: () => prng.uuid() },
  });
  try {
    return await run(store, url);
  } finally {
    await store.close();
    await server.sql(`DROP DATABASE ${database} WITH (FORCE)`);
  }
}

function rateSince(startMs: number): number {
  return (OPTIONS.grants / (systemClock.monotonicMs() - startMs)) * 1000;
}
