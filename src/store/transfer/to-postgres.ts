/**
 * Copies a SQLite store into an empty PostgreSQL database and compares every row afterwards, all in one
 * transaction: either the whole store is there and equal, or the database is as empty as before.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../engine/ports.ts';
import { JSON_COLUMNS, rowsJson, storable } from '../postgres/rows-json.ts';
import type { Row as PostgresRow, Session } from '../postgres/session.ts';
import { numberAt } from '../row.ts';
import type { Row, Value } from '../tables.ts';
import { quoted, tablesOf, type TransferTable } from './shape.ts';

/** What became of one table. */
export interface TableReport {
  readonly table: string;
  /** Rows of the source. */
  readonly rows: number;
  /** SHA-256 over the hashes of all rows in the order of their keys: equal in both. */
  readonly hash: string;
}

/** A row that is not the same in both. */
export interface Difference {
  readonly table: string;
  readonly key: string;
  readonly what: 'missing' | 'different' | 'not in the source';
}

export interface TransferHooks {
  /** Told the table and how many of its rows are done. */
  readonly say: (table: string, rows: number) => void;
  /** Everything is copied and equal; nothing is there for others yet. When it throws, all is taken back. */
  readonly beforeCommit: () => void;
}

/** Rows in one statement: about a megabyte of leases. */
const CHUNK_SIZE = 500;
/** A million rows take minutes on a slow disk. */
const STATEMENT_MS_MAX = 600_000;
/** Shown of what differs; one is enough to stop. */
const DIFFERENCES_MAX = 20;

/**
 * For the holder of both locks. Rejects with StoreError `refused` where the database has records already, or
 * a row differs afterwards; with what `target` says where the COMMIT fails.
 */
export async function transfer(
  source: DatabaseSync,
  target: Session,
  on: TransferHooks,
): Promise<readonly TableReport[]> {
  await refuseUsed(target);
  const tables = tablesOf(source);
  const { value } = await target.transaction(async () => {
    await target.ask({ text: `SET LOCAL statement_timeout = ${STATEMENT_MS_MAX}` });
    // What they keep up to date is copied, and what they guard is compared.
    for (const { name } of tables) await target.ask({ text: `ALTER TABLE "${name}" DISABLE TRIGGER USER` });
    // A new database has a control record and an epoch already.
    for (const { name } of tables.toReversed()) await target.ask({ text: `DELETE FROM "${name}"` });
    for (const table of tables) await copyTable(source, target, table, on.say);
    const { reports, differences } = await compareStores(source, target);
    const [first] = differences;
    if (first !== undefined) {
      throw new StoreError('refused', `after the copy ${first.table} ${first.key} is ${first.what}`);
    }
    for (const { name } of tables) await target.ask({ text: `ALTER TABLE "${name}" ENABLE TRIGGER USER` });
    // Whoever still has the source must not write here, and the next load takes one more.
    await target.ask({ text: 'UPDATE epoch SET epoch = epoch + 1' });
    on.beforeCommit();
    return reports;
  });
  return value;
}

/** Compares every table row by row. The epoch is each store's own once it was used. */
export async function compareStores(
  source: DatabaseSync,
  target: Session,
): Promise<{ readonly reports: readonly TableReport[]; readonly differences: readonly Difference[] }> {
  const reports: TableReport[] = [];
  const differences: Difference[] = [];
  for (const table of tablesOf(source)) {
    reports.push(
      await compareTable(source, target, table, (difference) => {
        if (differences.length < DIFFERENCES_MAX) differences.push(difference);
      }),
    );
  }
  return { reports, differences };
}

const USED_SQL = ['leases', 'events', 'batches', 'tokens', 'hosts']
  .map((table) => `(SELECT count(*) FROM ${table})`)
  .join(' + ');

async function refuseUsed(target: Session): Promise<void> {
  const [row] = (await target.ask({ text: `SELECT ${USED_SQL} AS count` })).rows;
  if (row !== undefined && numberAt(row, 'count') === 0) return;
  throw new StoreError('refused', 'the database has records of Berth already: give an empty one');
}

async function copyTable(
  source: DatabaseSync,
  target: Session,
  table: TransferTable,
  say: (table: string, rows: number) => void,
): Promise<void> {
  const list = quoted(table.columns);
  const text =
    `INSERT INTO "${table.name}" (${list}) ` +
    `SELECT ${list} FROM json_populate_recordset(NULL::"${table.name}", $1)`;
  let done = 0;
  const send = async (rows: readonly Row[]): Promise<void> => {
    if (rows.length === 0) return;
    await target.ask({ text, values: [rowsJson(table, rows)] }, STATEMENT_MS_MAX);
    done += rows.length;
    say(table.name, done);
  };
  let chunk: Row[] = [];
  for (const row of sourceRows(source, table)) {
    chunk.push(row);
    if (chunk.length < CHUNK_SIZE) continue;
    await send(chunk);
    chunk = [];
  }
  await send(chunk);
}

function* sourceRows(source: DatabaseSync, table: TransferTable): Generator<Row> {
  const order = quoted(table.key);
  const rows = source.prepare(`SELECT ${quoted(table.columns)} FROM "${table.name}" ORDER BY ${order}`);
  for (const row of rows.iterate()) yield table.columns.map((column) => row[column] as Value);
}

/** In the same order: texts are compared by their bytes in both. */
async function* targetRows(target: Session, table: TransferTable): AsyncGenerator<Row> {
  const list = quoted(table.columns);
  const order = table.key.map((column) => `"${column}"`).join(', ');
  let after: readonly Value[] | null = null;
  for (;;) {
    const marks = table.key.map((_, index) => `$${index + 1}`).join(', ');
    const where = after === null ? '' : `WHERE (${order}) > (${marks})`;
    const { rows }: { readonly rows: readonly PostgresRow[] } = await target.ask(
      {
        text: `SELECT ${list} FROM "${table.name}" ${where} ORDER BY ${order} LIMIT ${CHUNK_SIZE}`,
        values: after ?? [],
      },
      STATEMENT_MS_MAX,
    );
    for (const row of rows) yield table.columns.map((column) => row[column] as Value);
    const last = rows.at(-1);
    if (last === undefined || rows.length < CHUNK_SIZE) return;
    after = table.key.map((column) => last[column] as Value);
  }
}

async function compareTable(
  source: DatabaseSync,
  target: Session,
  table: TransferTable,
  tell: (difference: Difference) => void,
): Promise<TableReport> {
  const total = createHash('sha256');
  const others = targetRows(target, table);
  let other = await others.next();
  let rows = 0;
  for (const row of sourceRows(source, table)) {
    rows += 1;
    const hash = hashOf(table, row);
    total.update(hash);
    const key = keyOf(table, row);
    while (!other.done && orderOf(table, other.value, row) < 0) {
      tell({ table: table.name, key: keyOf(table, other.value), what: 'not in the source' });
      other = await others.next();
    }
    if (other.done === true || orderOf(table, other.value, row) > 0) {
      tell({ table: table.name, key, what: 'missing' });
      continue;
    }
    if (!hashOf(table, other.value).equals(hash)) tell({ table: table.name, key, what: 'different' });
    other = await others.next();
  }
  for (; !other.done; other = await others.next()) {
    tell({ table: table.name, key: keyOf(table, other.value), what: 'not in the source' });
  }
  return { table: table.name, rows, hash: total.digest('hex') };
}

/** Of the values as PostgreSQL can keep them: it has no NUL in texts. */
function hashOf(table: TransferTable, row: Row): Buffer {
  const canonical = row.map((value, index) => {
    if (typeof value !== 'string') return value;
    const isJson = JSON_COLUMNS.has(table.columns[index] ?? '');
    return isJson ? storable(value) : storable(JSON.stringify(value));
  });
  return createHash('sha256').update(JSON.stringify(canonical)).digest();
}

function keyOf(table: TransferTable, row: Row): string {
  return keyValues(table, row).join(' ');
}

function keyValues(table: TransferTable, row: Row): Row {
  return table.key.map((column) => row[table.columns.indexOf(column)] ?? null);
}

function orderOf(table: TransferTable, a: Row, b: Row): number {
  const [left, right] = [keyValues(table, a), keyValues(table, b)];
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? null;
    if (value === other) continue;
    if (typeof value === 'number' && typeof other === 'number') return value - other;
    return Buffer.compare(Buffer.from(String(value)), Buffer.from(String(other)));
  }
  return 0;
}
