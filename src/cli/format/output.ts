/** Lists and single things in the five forms of the OpenStack client (cliff's formatters). */
import { stringify } from 'yaml';
import type { Json } from '../../base/json.ts';
import type { OptionSpec } from '../command.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../failure.ts';
import { choice, flag, integer, meant, text, texts } from '../specs.ts';
import { isBlank, textCell, type Cell } from './cell.ts';
import { renderTable } from './table.ts';

const FORMATS = ['table', 'json', 'yaml', 'csv', 'value'] as const;

/** The options of everything that shows one thing. */
export const showOptions = {
  format: choice('-f, --format FORMAT', FORMATS, `One of ${FORMATS.join(', ')}; default table.`),
  column: texts('-c, --column COLUMN', 'Only this column or field; can be given several times.'),
  noindent: flag('--noindent', 'JSON in one line.'),
  maxWidth: integer(
    '--max-width WIDTH',
    'Widest table, in columns; 0: no limit. Default: the terminal.',
    0,
    10_000,
  ),
};

/** The options of everything that lists. */
export const listOptions = {
  ...showOptions,
  long: flag('--long', 'More columns.'),
  sortColumn: text('--sort-column COLUMN', 'Sort by this column.'),
  sortDescending: flag('--sort-descending', 'Sort from the largest down.'),
};

type ValuesOf<S> = { readonly [K in keyof S]: S[K] extends OptionSpec<infer T> ? T : never };
export type ShowFormat = ValuesOf<typeof showOptions>;
export type ListFormat = ValuesOf<typeof listOptions>;

export interface Column<Row> {
  /** As the OpenStack client writes them: `ID`, `Name`, `Created At`. */
  readonly name: string;
  readonly cell: (row: Row) => Cell;
  /** Only with `--long` or when it is asked for by name. */
  readonly long?: boolean;
  /** Not in a table where no row has a value for it, unless it is asked for by name. */
  readonly sparse?: boolean;
}

/** A field of a single thing: its name as the API has it, and its value. */
export type Field = readonly [name: string, cell: Cell];

/**
 * Prints a list to stdout. An empty table is a sentence on stderr (`none`), so that a pipe gets nothing.
 * `total`: the last row of a table, whatever it is sorted by, and of nothing else.
 */
export function printList<Row>(
  context: CliContext,
  format: ListFormat,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  none: string,
  total: Row | null = null,
): void {
  const kind = format.format ?? 'table';
  const chosen = chooseColumns(columns, format, kind === 'table' ? rows : null);
  const shown = sorted(rows, columns, format);
  const all = kind === 'table' && total !== null ? [...shown, total] : shown;
  const cells = all.map((row) => chosen.map((column) => column.cell(row)));
  const header = chosen.map(({ name }) => name);
  const { stdout } = context.io;
  if (kind === 'table') {
    if (rows.length === 0) return context.note(none);
    return stdout.write(renderTable({ header, rows: cells }, widthMax(context, format), context.paint));
  }
  const values = cells.map((row) => row.map(({ value }) => value));
  if (kind === 'csv') return stdout.write(csv(header, values));
  if (kind === 'value') return stdout.write(values.map((row) => `${row.map(plain).join(' ')}\n`).join(''));
  const records = values.map((row) =>
    Object.fromEntries(header.map((name, index) => [name, row[index] ?? null])),
  );
  return stdout.write(structured(kind, records, format.noindent));
}

/** Prints one thing to stdout: a table of the fields that have a value, or an object of all. */
export function printShow(context: CliContext, format: ShowFormat, fields: readonly Field[]): void {
  const chosen = chooseFields(fields, format.column);
  const { stdout } = context.io;
  const kind = format.format ?? 'table';
  if (kind === 'table') {
    const told = format.column.length > 0 ? chosen : chosen.filter(([, cell]) => !isBlank(cell));
    const rows = told.map(([name, cell]) => [textCell(name), { ...cell, align: 'left' as const }]);
    return stdout.write(
      renderTable({ header: ['Field', 'Value'], rows }, widthMax(context, format), context.paint),
    );
  }
  if (kind === 'csv')
    return stdout.write(
      csv(
        ['Field', 'Value'],
        chosen.map(([name, { value }]) => [name, value]),
      ),
    );
  if (kind === 'value') return stdout.write(chosen.map(([, { value }]) => `${plain(value)}\n`).join(''));
  const record = Object.fromEntries(chosen.map(([name, { value }]) => [name, value]));
  return stdout.write(structured(kind, record, format.noindent));
}

function widthMax(context: CliContext, format: ShowFormat): number | null {
  return format.maxWidth === null ? context.io.stdout.columns : format.maxWidth || null;
}

/** `shown`: the rows of a table, where columns without any value may be left out; null: all are wanted. */
function chooseColumns<Row>(
  columns: readonly Column<Row>[],
  format: ListFormat,
  shown: readonly Row[] | null,
): readonly Column<Row>[] {
  if (format.column.length > 0) {
    const names = columns.map(({ name }) => name);
    const wanted = new Set(format.column.map((word) => nameOf(word, names)));
    return columns.filter(({ name }) => wanted.has(name));
  }
  return columns.filter(({ long, sparse, cell }) => {
    if (long === true && !format.long) return false;
    return sparse !== true || shown === null || shown.some((row) => !isBlank(cell(row)));
  });
}

function chooseFields(fields: readonly Field[], words: readonly string[]): readonly Field[] {
  if (words.length === 0) return fields;
  const names = fields.map(([name]) => name);
  const wanted = new Set(words.map((word) => nameOf(word, names)));
  return fields.filter(([name]) => wanted.has(name));
}

/**
 * Upper and lower case count as equal, and blanks, underscores and dashes too: `-c created_at` finds
 * `Created At`.
 */
function nameOf(word: string, names: readonly string[]): string {
  const found = names.find((name) => columnKey(name) === columnKey(word));
  if (found !== undefined) return found;
  throw new UsageError(`there is no column '${word}'`, `${meant(word, names)}Columns: ${names.join(', ')}.`);
}

function columnKey(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]/g, '');
}

function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  format: ListFormat,
): readonly Row[] {
  if (format.sortColumn === null) return format.sortDescending ? rows.toReversed() : rows;
  const name = nameOf(
    format.sortColumn,
    columns.map((column) => column.name),
  );
  const by = columns.find((column) => column.name === name);
  const ascending = rows
    .map((row) => ({ row, value: by?.cell(row).value ?? null }))
    .toSorted((a, b) => compare(a.value, b.value))
    .map(({ row }) => row);
  return format.sortDescending ? ascending.toReversed() : ascending;
}

/** Numbers by size, texts as people sort them (`gpu-2` before `gpu-10`), nothing last. */
function compare(a: Json, b: Json): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return plain(a).localeCompare(plain(b), 'en', { numeric: true });
}

function structured(kind: 'json' | 'yaml', value: Json, noindent: boolean): string {
  return kind === 'json' ? `${JSON.stringify(value, null, noindent ? 0 : 2)}\n` : stringify(value);
}

/** RFC 4180 with every text in quotes and numbers without, as cliff writes it. */
function csv(header: readonly string[], rows: readonly (readonly Json[])[]): string {
  return [header, ...rows].map((row) => `${row.map(csvValue).join(',')}\n`).join('');
}

function csvValue(value: Json): string {
  if (typeof value === 'number') return String(value);
  return `"${value === null ? '' : plain(value).replaceAll('"', '""')}"`;
}

/**
 * As `-f value` prints it; nothing is `None`, as the OpenStack client has it, so that columns can be counted.
 */
function plain(value: Json): string {
  if (value === null) return 'None';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
