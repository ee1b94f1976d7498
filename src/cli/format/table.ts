import type { Cell } from './cell.ts';
import type { Paint, Tone } from './style.ts';
import { pad, printable, textWidth, wrap } from './text-width.ts';

export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * Columns are not made narrower than this: a table wider than the terminal reads better than one letter a
 * line.
 */
const COLUMN_WIDTH_MIN = 8;

/**
 * A table with the borders of the OpenStack client. Where it is wider than `widthMax` (null: no limit) it
 * first shows the short forms, then breaks the widest columns into lines.
 */
export function renderTable(table: Table, widthMax: number | null, paint: Paint): string {
  const full = table.rows.map((row) => row.map((cell) => printable(cell.text)));
  if (widthMax === null || tableWidth(columnWidths(table.header, full)) <= widthMax)
    return draw(table, full, null, paint);
  const short = table.rows.map((row) => row.map((cell) => printable(cell.short)));
  return draw(table, short, fit(table.header, short, widthMax), paint);
}

function columnWidths(header: readonly string[], rows: readonly (readonly string[])[]): number[] {
  return header.map((name, column) => {
    const cells = rows.flatMap((row) => (row[column] ?? '').split('\n'));
    return cells.reduce((widest, cell) => Math.max(widest, textWidth(cell)), textWidth(name));
  });
}

/** A border and a blank on each side of a column, and the last border. */
function tableWidth(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width + 3, 1);
}

/**
 * Makes columns narrower until the table fits, as far as they may shrink: at first only between words, so
 * that names and addresses stay whole, and inside words where that is not enough.
 */
function fit(header: readonly string[], rows: readonly (readonly string[])[], widthMax: number): number[] {
  const widths = columnWidths(header, rows);
  const byWord = rows.map((row) => row.map((cell) => cell.replaceAll(/\s/g, '\n')));
  const floors = columnWidths(header, byWord);
  const fitted = lower(widths, floors, widthMax);
  if (tableWidth(fitted) <= widthMax) return fitted;
  return lower(
    fitted,
    floors.map((floor) => Math.min(floor, COLUMN_WIDTH_MIN)),
    widthMax,
  );
}

/** Lowers the widest columns to the same width, none below its floor. */
function lower(widths: readonly number[], floors: readonly number[], widthMax: number): number[] {
  let ceiling = Math.max(...widths);
  let lowered = [...widths];
  while (ceiling > COLUMN_WIDTH_MIN && tableWidth(lowered) > widthMax) {
    ceiling -= 1;
    lowered = widths.map((width, column) =>
      Math.max(Math.min(width, ceiling), Math.min(width, floors[column] ?? 0)),
    );
  }
  return lowered;
}

function draw(
  table: Table,
  texts: readonly (readonly string[])[],
  fitted: readonly number[] | null,
  paint: Paint,
): string {
  const widths = fitted ?? columnWidths(table.header, texts);
  const border = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const aligns = table.header.map((_, column) => table.rows[0]?.[column]?.align ?? 'left');
  const head = table.header.map((text): Piece => ({ text, tone: 'strong' }));
  const body = table.rows.map((row, at) =>
    row.map(({ tone }, column): Piece => ({ text: texts[at]?.[column] ?? '', tone })),
  );
  const lines = [head, ...body].map((pieces) => rowLines(pieces, widths, aligns, paint));
  return [border, ...(lines[0] ?? []), border, ...lines.slice(1).flat(), border]
    .map((line) => `${line}\n`)
    .join('');
}

/** What stands in one cell, and its colour. */
interface Piece {
  readonly text: string;
  readonly tone: Tone | null;
}

/** The lines of one row: as many as its highest cell has. */
function rowLines(
  pieces: readonly Piece[],
  widths: readonly number[],
  aligns: readonly Cell['align'][],
  paint: Paint,
): string[] {
  const columns = pieces.map(({ text, tone }, column) => {
    const width = widths[column] ?? 1;
    return { width, tone, align: aligns[column] ?? 'left', lines: wrap(text, width) };
  });
  const height = Math.max(...columns.map(({ lines }) => lines.length));
  return Array.from({ length: height }, (_, at) => {
    const cells = columns.map(({ width, tone, align, lines }) =>
      paint(pad(lines[at] ?? '', width, align), tone),
    );
    return `| ${cells.join(' | ')} |`;
  });
}
