/** Statements in SQLite's dialect that follow from a table. */
import type { Columns } from '../tables.ts';

/** Adds a row; refuses a key that is there. */
export function insertSql({ name, columns }: Columns): string {
  const marks = columns.map(() => '?');
  return `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${marks.join(', ')})`;
}

/** Inserts a row, or replaces all its columns where the key (the first column) is there already. */
export function putSql(table: Columns): string {
  const [key, ...others] = table.columns;
  const updates = others.map((other) => `${other} = excluded.${other}`);
  return `${insertSql(table)} ON CONFLICT (${key}) DO UPDATE SET ${updates.join(', ')}`;
}
