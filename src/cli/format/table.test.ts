import { expect, test } from 'vitest';
import { idCell, linesCell, numberCell, textCell, timeCell } from './cell.ts';
import { renderTable } from './table.ts';

const plain = (text: string): string => text;
const marked = (text: string, tone: string | null): string => (tone === 'bad' ? `<${text}>` : text);
const nowMs = Date.parse('2026-11-21T12:00:00Z');

const table = {
  header: ['ID', 'Name', 'GPUs', 'Ends'],
  rows: [
    [
      idCell('4f3a1b2c-0000-4000-8000-000000000000'),
      textCell('数据'),
      numberCell(2),
      timeCell('2026-11-21T14:10:00Z', nowMs),
    ],
    [
      idCell('7d20c9e1-0000-4000-8000-000000000000'),
      textCell('long name of a lease'),
      numberCell(16),
      timeCell(null, nowMs),
    ],
  ],
};

test('a table has the borders of the OpenStack client, texts left and numbers right', () => {
  expect(renderTable(table, null, plain)).toBe(`\
+--------------------------------------+----------------------+------+---------------------------------+
| ID                                   | Name                 | GPUs | Ends                            |
+--------------------------------------+----------------------+------+---------------------------------+
| 4f3a1b2c-0000-4000-8000-000000000000 | 数据                 |    2 | 2026-11-21T14:10:00Z (in 2h10m) |
| 7d20c9e1-0000-4000-8000-000000000000 | long name of a lease |   16 | -                               |
+--------------------------------------+----------------------+------+---------------------------------+
`);
});

test('where it is too wide, ids and times are short, then words go to the next line', () => {
  expect(renderTable(table, 44, plain)).toBe(`\
+----------+-------------+------+----------+
| ID       | Name        | GPUs | Ends     |
+----------+-------------+------+----------+
| 4f3a1b2c | 数据        |    2 | in 2h10m |
| 7d20c9e1 | long name   |   16 | -        |
|          | of a lease  |      |          |
+----------+-------------+------+----------+
`);
});

test('addresses stay whole as long as other columns can give way', () => {
  const rows = [[textCell('203.0.113.10'), textCell('two words'), textCell('and three more words')]];
  const lines = renderTable({ header: ['Address', 'Name', 'Note'], rows }, 40, plain).split('\n');
  expect(lines[3]).toContain('| 203.0.113.10 |');
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
});

test('a cell of several lines makes its row higher; colours do not count as width', () => {
  expect(
    renderTable({ header: ['A', 'B'], rows: [[textCell('x', 'bad'), linesCell(['1', '22'])]] }, null, marked),
  ).toBe(`\
+---+----+
| A | B  |
+---+----+
| <x> | 1  |
| < > | 22 |
+---+----+
`);
});

test('names cannot move the cursor', () => {
  const text = renderTable({ header: ['A'], rows: [[textCell('\u001B[2J')]] }, null, plain);
  expect(text).toContain('| \\x1b[2J |');
});
