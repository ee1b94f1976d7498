import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import { numberCell, textCell } from '../format/cell.ts';
import { listOptions, printList, type Column } from '../format/output.ts';
import type { StoreMigrateReport } from '../io.ts';
import { startProgress } from '../progress.ts';
import { text } from '../specs.ts';

export const storeMigrate = defineCommand({
  path: ['store', 'migrate'],
  summary: 'Move the store from SQLite to an empty PostgreSQL database',
  description:
    'With the server stopped. Every table is copied in one transaction and then compared row by row; a difference takes ' +
    'all of it back. The source keeps all its records, and is marked so that no server starts on it by mistake. Then ' +
    'name the database in the configuration (store.url); the data folder stays, with the key in it.',
  examples: [
    'berth store migrate --from /var/lib/berth --to postgresql://berth@db.example.org/berth',
    'berth store migrate --from /var/lib/berth --to postgresql://berth@db.example.org/berth --password-file /etc/berth/db.pass',
  ],
  local: true,
  args: {},
  options: {
    from: text('--from DIR', 'Data folder of the server.'),
    to: text('--to URL', 'postgresql://USER@HOST/DATABASE'),
    passwordPath: text('--password-file FILE', 'With the password of the database.'),
    ...listOptions,
  },
  async run(context, { options }) {
    const { from, to, passwordPath } = options;
    if (from === null || to === null) {
      throw new UsageError(
        '--from and --to are both needed',
        'Such as --from /var/lib/berth --to postgresql://…',
      );
    }
    const progress = startProgress(context.io);
    let report: StoreMigrateReport;
    try {
      report = await context.io.server.migrateStore({
        from,
        to,
        passwordPath,
        say: (what, rows) => progress.say(rows === 0 ? what : `${what}: ${rows} rows`, what),
      });
    } finally {
      progress.stop();
    }
    printList(context, options, columns, report.tables, 'There were no tables.');
    const rows = report.tables.reduce((sum, table) => sum + table.rows, 0);
    context.note(
      `${rows} rows are in ${report.to}, each compared. No server starts on ${report.from} alone any more.`,
    );
    context.note('Next: set store.url in the configuration, and start the server.');
  },
});

const columns: readonly Column<StoreMigrateReport['tables'][number]>[] = [
  { name: 'Table', cell: ({ table }) => textCell(table) },
  { name: 'Rows', cell: ({ rows }) => numberCell(rows) },
  { name: 'Compared', cell: () => textCell('equal') },
  { name: 'SHA-256', cell: ({ hash }) => textCell(hash), long: true },
];
