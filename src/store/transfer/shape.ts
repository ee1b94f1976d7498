/** The tables of a store as it describes them itself, so that none can be forgotten. */
import type { DatabaseSync } from 'node:sqlite';
import { numberAt, textAt } from '../row.ts';
import type { Columns } from '../tables.ts';

export interface TransferTable extends Columns {
  /** In whose order rows are compared. */
  readonly key: readonly string[];
}

/** How the schema came to be belongs to each store. */
const OWN_TABLES: ReadonlySet<string> = new Set(['schema_migrations']);

/** Every table of a SQLite store, those first that others refer to. */
export function tablesOf(db: DatabaseSync): readonly TransferTable[] {
  const names = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map((row) => textAt(row, 'name'))
    .filter((name) => !OWN_TABLES.has(name));
  const sorted: string[] = [];
  const visit = (name: string): void => {
    if (sorted.includes(name)) return;
    const parents = db.prepare('SELECT "table" AS parent FROM pragma_foreign_key_list(?)').all(name);
    for (const row of parents) if (textAt(row, 'parent') !== name) visit(textAt(row, 'parent'));
    sorted.push(name);
  };
  names.forEach(visit);
  return sorted.map((name) => {
    const columns = db.prepare('SELECT name, pk FROM pragma_table_info(?) ORDER BY cid').all(name);
    const key = columns
      .filter((row) => numberAt(row, 'pk') > 0)
      .toSorted((a, b) => numberAt(a, 'pk') - numberAt(b, 'pk'));
    return {
      name,
      columns: columns.map((row) => textAt(row, 'name')),
      key: key.map((row) => textAt(row, 'name')),
    };
  });
}

export function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
