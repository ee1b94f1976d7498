/**
 * Reads columns of a result row; a wrong type means that the schema is not the one this code was written for.
 */
import { assert } from '../base/assert.ts';

type ResultRow = Readonly<Record<string, unknown>>;

export function textAt(row: ResultRow, column: string): string {
  const value = row[column];
  assert(typeof value === 'string', `column ${column} holds text`);
  return value;
}

export function textOrNullAt(row: ResultRow, column: string): string | null {
  return row[column] === null ? null : textAt(row, column);
}

export function numberAt(row: ResultRow, column: string): number {
  const value = row[column];
  assert(typeof value === 'number', `column ${column} holds a number`);
  return value;
}

/** The row that every store has. */
export function theRow(row: ResultRow | undefined): ResultRow {
  assert(row !== undefined, 'the store has this row from its first migration on');
  return row;
}
