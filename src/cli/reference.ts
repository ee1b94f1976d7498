import type { Command, OptionSpec } from './command.ts';
import { EXIT_MEANINGS } from './failure.ts';
import { listOptions } from './format/output.ts';
import { connectOptions, optionsOf, usageOf } from './help.ts';
import { sections } from './sections.ts';

/** The reference page of the command line (docs/reference/cli.md), as Markdown. */
export function cliReference(): string {
  return `${[
    '<!-- Generated from src/cli; a test compares it. -->',
    '# Command line',
    'Every command is a client of the public API, except those under "Run the service". `berth help` lists them, ' +
      '`berth COMMAND --help` shows what this page has.',
    '## Connection',
    'Options of every command that talks to a server; they may stand before or after its name.',
    optionTable(Object.values(connectOptions)),
    '## Output',
    'Lists and single things take the options of the OpenStack client. JSON and YAML have the column names as keys; ' +
      'times are ISO 8601 in UTC. Tables are for people: they also say how far away a time is, and shorten ids where ' +
      'the terminal is narrow. Results go to stdout, everything else to stderr. `NO_COLOR` turns colours off.',
    optionTable(Object.values(listOptions)),
    '## Times and durations',
    'A duration is written `90s`, `30m`, `8h`, `2d`, `1w`, `1h30m`. A time is `now`, `+2h` (from now), `14:30` (the ' +
      'next time that the clock of your machine shows it; how it was understood is said), or ISO 8601 with a zone.',
    '## Exit codes',
    table(['Code', 'Meaning'], Object.entries(EXIT_MEANINGS)),
    ...sections.flatMap(({ title, commands }) => [`## ${title}`, ...commands.map(commandReference)]),
  ].join('\n\n')}\n`;
}

function commandReference(command: Command): string {
  const { own, output } = optionsOf(command);
  const args = Object.values(command.args).map(({ usage, help }): readonly [string, string] => [
    code(usage),
    help,
  ]);
  const kind = output.length > Object.keys(listOptions).length - 1 ? 'a list' : 'a single thing';
  return [
    `### berth ${command.path.join(' ')}`,
    `${command.summary}.`,
    ...(command.description === undefined ? [] : [command.description]),
    `\`\`\`\n${usageOf(command)}\n\`\`\``,
    ...(args.length === 0 ? [] : [table(['Argument', 'Meaning'], args)]),
    ...(own.length === 0 ? [] : [optionTable(own)]),
    ...(output.length === 0 ? [] : [`Takes the output options of ${kind}.`]),
    `\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``,
  ].join('\n\n');
}

function optionTable(options: readonly OptionSpec<unknown>[]): string {
  return table(
    ['Option', 'Meaning'],
    options.map(({ flags, help }): readonly [string, string] => [code(flags), help]),
  );
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(header: readonly [string, string], rows: readonly (readonly [string, string])[]): string {
  return [tableLine(header), '| --- | --- |', ...rows.map(tableLine)].join('\n');
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
