/**
 * Rows as one JSON text, for json_populate_recordset: the columns that hold JSON already go in as they are,
 * not as text within text.
 */
import type { Columns, Row } from '../tables.ts';

/** Columns of the type json. */
export const JSON_COLUMNS: ReadonlySet<string> = new Set(['body', 'reply', 'data']);

/** null where there are no rows. */
export function rowsJson({ columns }: Columns, rows: readonly Row[]): string | null {
  if (rows.length === 0) return null;
  const keys = columns.map((column, index) => `${index === 0 ? '{' : ','}"${column}":`);
  const isJson = columns.map((column) => JSON_COLUMNS.has(column));
  let text = '';
  for (const row of rows) {
    text += text === '' ? '[' : ',';
    for (const [index, value] of row.entries()) {
      text += keys[index];
      text += isJson[index] === true && typeof value === 'string' ? storable(value) : valueJson(value);
    }
    text += '}';
  }
  return `${text}]`;
}

function valueJson(value: string | number | null): string {
  return typeof value === 'string' ? storable(JSON.stringify(value)) : String(value);
}

/**
 * PostgreSQL has no NUL and no half of a surrogate pair in texts; from a cloud's answer both may come.
 * JSON.stringify writes these, and few other characters, as \uXXXX: what has none is let through as it is.
 */
export function storable(json: string): string {
  if (!json.includes('\\u')) return json;
  const clean = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value;
  return JSON.stringify(JSON.parse(json), clean);
}
