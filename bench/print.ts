/** Reports as Markdown tables that are aligned as plain text too. */
import { passes, round, type Check, type Row, type Table } from './bench.ts';
import type { Machine } from './machine.ts';

export function printMachine({ cores, cpu, memoryGiB, kernel, node, load }: Machine): string {
  const hardware = `${cores} cores of ${cpu}, ${memoryGiB} GiB`;
  return `${hardware}, Linux ${kernel}, Node ${node}, load ${load.toFixed(1)} before`;
}

export function printTable({ title, head, rows }: Table): string {
  const cells = [head, ...rows].map((row) =>
    row.map((cell) => (typeof cell === 'number' ? grouped(cell) : cell)),
  );
  const widths = head.map((_name, column) => Math.max(3, ...cells.map((row) => (row[column] ?? '').length)));
  const isNumber = head.map((_name, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (row: readonly string[]): string =>
    tableLine(widths.map((width, column) => pad(row[column] ?? '', width, isNumber[column] === true)));
  const rule = tableLine(
    widths.map((width, column) =>
      isNumber[column] === true ? '-:'.padStart(width, '-') : '-'.repeat(width),
    ),
  );
  const [first = [], ...rest] = cells;
  return [`### ${title}`, '', line(first), rule, ...rest.map(line), ''].join('\n');
}

export function checksTable(checks: readonly Check[]): Table {
  return {
    title: 'Budgets',
    head: ['what', 'measured', 'budget', ''],
    rows: checks.map((check): Row => {
      const bound = check.atMost === undefined ? `≥ ${check.atLeast ?? ''}` : `≤ ${check.atMost}`;
      const unit = check.unit === '' ? '' : ` ${check.unit}`;
      return [
        check.what,
        `${round(check.value)}${unit}`,
        `${bound}${unit}`,
        passes(check) ? 'PASS' : 'BELOW',
      ];
    }),
  };
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

function grouped(value: number): string {
  return value >= 10_000 ? value.toLocaleString('en') : String(value);
}
