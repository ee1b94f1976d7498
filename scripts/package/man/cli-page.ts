import type { Command, OptionSpec } from '../../../src/cli/command.ts';
import { EXIT_MEANINGS } from '../../../src/cli/failure.ts';
import { listOptions } from '../../../src/cli/format/output.ts';
import { connectOptions, optionsOf } from '../../../src/cli/help.ts';
import { sections } from '../../../src/cli/sections.ts';
import { escape, literal, macroArg, optionTag, page, prose } from './mdoc.ts';

/** What the command line reads from its surroundings; the rest is what the OpenStack client reads. */
const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ['BERTH_URL', 'Address of the server.'],
  ['BERTH_TOKEN', 'API token.'],
  ['BERTH_TOKEN_FILE', 'File that holds the API token.'],
  ['OS_CLOUD', 'Cloud of clouds.yaml to log in to, where there is no token.'],
  ['OS_CLIENT_CONFIG_FILE', 'Where clouds.yaml is, if in none of the usual places.'],
  ['NO_COLOR', 'Turns colours off.'],
];

const FILES: readonly (readonly [file: string, meaning: string])[] = [
  ['/etc/berth/berth.yaml', 'The configuration that serve, doctor and config read where none is named.'],
  ['/etc/default/berth', 'Environment of the service.'],
  ['/var/lib/berth', "The service's store."],
];

/** berth(1): every command with its options, as its help has them. */
export function cliManPage(): string {
  return page('BERTH', 1, [
    '.Sh NAME',
    '.Nm berth',
    '.Nd lend and borrow GPUs for a limited time',
    '.Sh SYNOPSIS',
    '.Nm',
    '.Ar command',
    '.Op Ar options',
    '.Sh DESCRIPTION',
    ...prose(
      'Berth lends GPUs: see what is free, borrow one for a limited time, give it back. Every command is a client ' +
        'of the public API, except those that run the service. Results go to stdout, everything else to stderr.',
    ),
    '.Pp',
    ...prose('Options of every command that talks to a server; they may stand before or after its name:'),
    ...optionList(Object.values(connectOptions)),
    '.Pp',
    ...prose('Options of commands that list; those that show a single thing take the first four:'),
    ...optionList(Object.values(listOptions)),
    '.Pp',
    ...prose(
      'A duration is written `90s`, `30m`, `8h`, `2d`, `1w`, `1h30m`. A time is `now`, `+2h`, `14:30`, or ISO 8601 with a zone.',
    ),
    ...sections.flatMap(({ title, commands }) => [
      `.Ss ${title}`,
      '.Bl -tag -width Ds',
      ...commands.flatMap(commandLines),
      '.El',
    ]),
    '.Sh ENVIRONMENT',
    ...tagged(ENVIRONMENT, 'Ev'),
    '.Sh FILES',
    ...tagged(FILES, 'Pa'),
    '.Sh EXIT STATUS',
    '.Bl -tag -width 130 -compact',
    ...Object.entries(EXIT_MEANINGS).flatMap(([code, meaning]) => [`.It ${code}`, ...prose(meaning)]),
    '.El',
    '.Sh EXAMPLES',
    ...literal([
      'berth flavor list',
      'berth borrow gpu_tiny --for 2h',
      'berth ssh LEASE',
      'berth return LEASE',
    ]),
    '.Sh SEE ALSO',
    '.Xr ssh 1 ,',
    '.Xr berth.yaml 5',
  ]);
}

function commandLines(command: Command): readonly string[] {
  const { own, output } = optionsOf(command);
  const args = Object.values(command.args);
  const usage = args.map(({ usage: word }) => ` Ar ${macroArg(word)}`).join('');
  const kind = output.length > Object.keys(listOptions).length - 1 ? 'a list' : 'a single thing';
  return [
    `.It Nm Cm ${command.path.join(' ')}${usage} Op Ar options`,
    ...prose(`${command.summary}.`),
    ...(command.description === undefined ? [] : prose(command.description)),
    ...(args.length + own.length === 0
      ? []
      : [
          '.Bl -tag -width Ds',
          ...args.flatMap((arg) => [`.It Ar ${macroArg(arg.usage)}`, ...prose(arg.help)]),
          ...own.flatMap(optionLines),
          '.El',
        ]),
    ...(output.length === 0 ? [] : ['.Pp', `Takes the output options of ${kind}.`]),
    ...literal(command.examples),
  ];
}

function optionList(options: readonly OptionSpec<unknown>[]): readonly string[] {
  return ['.Bl -tag -width Ds', ...options.flatMap(optionLines), '.El'];
}

function optionLines({ flags, help }: OptionSpec<unknown>): readonly string[] {
  return [`.It ${optionTag(flags)}`, ...prose(help)];
}

function tagged(entries: readonly (readonly [string, string])[], macro: string): readonly string[] {
  const items = entries.flatMap(([name, meaning]) => [`.It ${macro} ${name}`, escape(meaning)]);
  return ['.Bl -tag -width Ds', ...items, '.El'];
}
