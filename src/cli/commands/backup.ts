import { defineCommand } from '../command.ts';
import { UsageError } from '../failure.ts';
import { booleanCell, numberCell, textCell } from '../format/cell.ts';
import { printShow, showOptions, type Field } from '../format/output.ts';
import type { BackupReport } from '../io.ts';
import { argument, flag, text } from '../specs.ts';

const folderOptions = {
  dataDir: text('--data DIR', 'Data folder of the server; default: that of the configuration.'),
  configPath: text('--config FILE', 'Configuration file (YAML) of the server.'),
  storeUrl: text('--store URL', 'The store is a database of its own: says how to do it there.'),
  passphrasePath: text(
    '--passphrase-file FILE',
    'The passphrase that is in it seals the backup (AES-256-GCM).',
  ),
};

export const backup = defineCommand({
  path: ['backup'],
  summary: 'Back up the store and the key of the server, also while it runs',
  description:
    'Makes one file: a tar of the store as of one commit, of secrets.key, and of a manifest, with checksums. ' +
    'It can do what the server can, so keep it as safe; --passphrase-file seals it. The configuration and ' +
    'clouds.yaml are not in it. docs/operate/backup.md tells more.',
  examples: [
    'berth backup /backup/berth-2026-11-21.tar',
    'berth backup --config /etc/berth/berth.yaml --passphrase-file /root/backup.pass /backup/berth.sealed',
    'berth backup -',
    'berth backup --check /backup/berth-2026-11-21.tar',
  ],
  local: true,
  args: { path: argument('FILE', 'A file that is not there yet, or - for standard output.') },
  options: {
    ...folderOptions,
    keyOnly: flag('--key-only', 'Only the key, beside a backup of the database with its own tools.'),
    check: flag('--check', 'Read the backup FILE whole and say what it holds; changes nothing.'),
    ...showOptions,
  },
  async run(context, { args, options }) {
    const { io } = context;
    const { path } = args;
    const { check, passphrasePath } = options;
    if (check) {
      if (path === '-') throw new UsageError('--check needs a file', 'Write the backup to a file first.');
      return printShow(context, options, fields(await io.server.checkBackup(path, passphrasePath)));
    }
    if (path === '-' && io.stdout.isTTY) {
      throw new UsageError('a backup is no text for a terminal', 'Redirect standard output, or name a file.');
    }
    const report = await io.server.backup({ ...options, path });
    if (!report.hasKey)
      context.note('There is no secrets.key in the data folder yet: it is not in the backup.');
    if (report.hasKey && !report.sealed) {
      context.note(
        "The backup holds the server's key and all records in clear: keep it as safe as the data folder, " +
          'or seal it with --passphrase-file.',
      );
    }
    if (path !== '-') printShow(context, options, fields(report));
  },
});

export const restore = defineCommand({
  path: ['restore'],
  summary: 'Make a data folder of a backup',
  description:
    'With the server stopped. The backup is checked whole before anything is touched. The restored service starts ' +
    'frozen, because it does not know who has extended or returned since the backup: see what `berth adopt` lists, ' +
    'then `berth thaw`. docs/operate/recover.md goes through it.',
  examples: [
    'berth restore --data /var/lib/berth /backup/berth-2026-11-21.tar',
    'berth restore --config /etc/berth/berth.yaml --passphrase-file /root/backup.pass --force /backup/berth.sealed',
  ],
  local: true,
  args: { path: argument('FILE', 'A file that `berth backup` has made.') },
  options: {
    ...folderOptions,
    force: flag('--force', 'Move what is in the data folder aside.'),
  },
  async run(context, { args, options }) {
    const restored = await context.io.server.restore({ ...options, path: args.path });
    const { dir, asideDir, madeAt, deploymentId, hasKey } = restored;
    if (asideDir !== null) context.note(`What was there before is in ${asideDir}.`);
    if (!hasKey) context.note('The backup has no secrets.key: machines that are starting are started anew.');
    if (deploymentId === null) return context.note(`The key of ${madeAt} is in ${dir}.`);
    context.note(
      `Deployment ${deploymentId} as of ${madeAt} is in ${dir}. It starts frozen: nothing ends or starts.`,
    );
    context.note('Next: start the server; `berth adopt` lists what was borrowed since then; `berth thaw`.');
    return undefined;
  },
});

function fields(report: BackupReport): readonly Field[] {
  return [
    ['file', textCell(report.path)],
    ['bytes', numberCell(report.bytes)],
    ['sealed', booleanCell(report.sealed)],
    ['key', booleanCell(report.hasKey)],
    ['made_at', textCell(report.madeAt)],
    ['berth', textCell(report.berth)],
    ['deployment_id', textCell(report.deploymentId)],
    ['schema', textCell(report.schema)],
    ['revision', numberCell(report.revision)],
    ['committed_at', textCell(report.committedAt)],
  ];
}
