import { defineCommand } from '../command.ts';
import { CliFailure, UsageError } from '../failure.ts';
import { choice, flag, optionalArgument, text } from '../specs.ts';

export const serve = defineCommand({
  path: ['serve'],
  summary: 'Run the server: API, console, scheduler, controllers',
  description:
    'Options win over the environment, which wins over the configuration file. With --demo it serves a simulated cloud ' +
    'to this machine only, and nothing else is needed.',
  examples: [
    'berth serve --demo',
    'berth serve --config /etc/berth/berth.yaml',
    'berth serve --cloud mycloud --data /var/lib/berth --mode observe',
    'berth serve --store postgresql://berth@db1,db2/berth?sslmode=verify-full',
  ],
  local: true,
  args: {},
  options: {
    configPath: text('--config FILE', 'Configuration file (YAML).'),
    cloud: text('--cloud NAME', 'Only this one of the clouds in the configuration.'),
    listen: text('--listen HOST:PORT', 'Where to listen; default localhost:8080.'),
    dataDir: text(
      '--data DIR',
      "Folder of the server's own key and of the embedded store; made if it is not there.",
    ),
    storeUrl: text(
      '--store URL',
      'PostgreSQL database to store in, as postgresql://USER@HOST/DATABASE; default: SQLite in the data folder.',
    ),
    mode: choice(
      '--mode MODE',
      ['act', 'observe'],
      'act (default), or observe: show plans, write nothing to any cloud.',
    ),
    demo: flag('--demo', 'Simulated cloud and hosts, open to everybody on this machine.'),
    insecureHttp: flag('--insecure-http', 'Allow listening beyond this machine without TLS.'),
  },
  async run({ io }, { options }) {
    if (
      options.listen !== null &&
      !/^(unix:\/.+|(\[[0-9a-fA-F:]+\]|[^\s:]+|):\d{1,5})$/.test(options.listen)
    ) {
      throw new UsageError(
        `--listen is not HOST:PORT or unix:PATH: '${options.listen}'`,
        'Write it like localhost:8080, [::1]:8080 or unix:/run/berth/berth.sock.',
      );
    }
    return io.server.serve(options);
  },
});

const file = optionalArgument('FILE', "Configuration file; default: the one that 'berth serve' would read.");

export const configCheck = defineCommand({
  path: ['config', 'check'],
  summary: 'Check a configuration file and list every fault',
  examples: ['berth config check /etc/berth/berth.yaml'],
  local: true,
  args: { file },
  options: {},
  async run(context, { args }) {
    const faults = await context.io.server.configCheck(args.file);
    faults.forEach(context.note);
    if (faults.length === 0) return context.note('The configuration is valid.');
    const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
    throw new CliFailure(`the configuration has ${count}`, 'Correct it, and check again.');
  },
});

export const configPrint = defineCommand({
  path: ['config', 'print'],
  summary: 'Print the whole configuration as the server would use it, without secrets',
  examples: ['berth config print', 'berth config print /etc/berth/berth.yaml'],
  local: true,
  args: { file },
  options: {},
  async run({ io }, { args }) {
    const yaml = await io.server.configPrint(args.file);
    io.stdout.write(yaml.endsWith('\n') ? yaml : `${yaml}\n`);
  },
});

export const version = defineCommand({
  path: ['version'],
  summary: 'Print the version of this program',
  description: "That of the server is in 'berth status'.",
  examples: ['berth version'],
  local: true,
  args: {},
  options: {},
  async run({ io }) {
    io.stdout.write(`berth ${io.version}\n`);
  },
});
