import type { Command, OptionSpec } from './command.ts';
import { URL_DEFAULT } from './context.ts';
import { EXIT_MEANINGS } from './failure.ts';
import { pad, textWidth, wrap } from './format/text-width.ts';
import { listOptions } from './format/output.ts';
import { duration, text } from './specs.ts';

/** Commands that belong together, in the order of the help. */
export interface Section {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** How to reach the server: on every command that needs one, before or after its name. */
export const connectOptions = {
  url: text('--url URL', `Address of the server; else BERTH_URL; default ${URL_DEFAULT}.`),
  token: text(
    '--token TOKEN',
    'API token. Better in BERTH_TOKEN or a file named by BERTH_TOKEN_FILE: others see command lines.',
  ),
  osCloud: text(
    '--os-cloud CLOUD',
    'Log in to this cloud of clouds.yaml; else OS_CLOUD, or OS_AUTH_URL and its like.',
  ),
  timeout: duration('--timeout DURATION', 'How long one call may take; default 30s.'),
} as const;

/** Help reads badly on wider lines. */
const WIDTH_MAX = 100;
const TERM_WIDTH_MAX = 30;

export function rootHelp(sections: readonly Section[], columns: number | null): string {
  const blocks = sections.map(({ title, commands }) =>
    terms(
      `${title}:`,
      commands.map((command) => [command.path.join(' '), command.summary]),
      columns,
    ),
  );
  return [
    'Berth lends GPUs: see what is free, borrow one for a limited time, give it back.\n',
    'Usage: berth COMMAND [OPTIONS]\n',
    ...blocks,
    terms(
      'Options of all commands that talk to a server:',
      optionTerms(Object.values(connectOptions)),
      columns,
    ),
    terms('Exit codes:', Object.entries(EXIT_MEANINGS), columns),
    "Help on a command: 'berth COMMAND --help'. First steps: 'berth flavor list', 'berth borrow FLAVOR --for 2h'.\n",
  ].join('\n');
}

/** Help on the commands that share a beginning, such as `lease`. */
export function groupHelp(
  words: readonly string[],
  commands: readonly Command[],
  columns: number | null,
): string {
  const name = words.join(' ');
  return [
    `Usage: berth ${name} COMMAND [OPTIONS]\n`,
    terms(
      'Commands:',
      commands.map((command) => [command.path.join(' '), command.summary]),
      columns,
    ),
    `Help on a command: 'berth ${commands[0]?.path.join(' ') ?? name} --help'.\n`,
  ].join('\n');
}

export function commandHelp(command: Command, columns: number | null): string {
  const width = widthOf(columns);
  const { own, output } = optionsOf(command);
  const args = Object.values(command.args).map((arg): Term => [arg.usage, arg.help]);
  const about = command.description === undefined ? [] : [`${wrap(command.description, width).join('\n')}\n`];
  return [
    `Usage: ${usageOf(command)}\n`,
    `${command.summary}.\n`,
    ...about,
    ...(args.length === 0 ? [] : [terms('Arguments:', args, columns)]),
    ...(own.length === 0 ? [] : [terms('Options:', optionTerms(own), columns)]),
    ...(output.length === 0 ? [] : [terms('Output:', optionTerms(output), columns)]),
    ...(command.local === true
      ? []
      : [terms('Connection:', optionTerms(Object.values(connectOptions)), columns)]),
    `Examples:\n${command.examples.map((example) => `  ${example}\n`).join('')}`,
  ].join('\n');
}

/** `berth lease create [FLAVOR] [OPTIONS]`. */
export function usageOf(command: Command): string {
  return [
    'berth',
    ...command.path,
    ...Object.values(command.args).map(({ usage }) => usage),
    '[OPTIONS]',
  ].join(' ');
}

/** The options of a command, those that all lists share apart. */
export function optionsOf(command: Command): {
  readonly own: readonly OptionSpec<unknown>[];
  readonly output: readonly OptionSpec<unknown>[];
} {
  const shared = new Set<OptionSpec<unknown>>(Object.values(listOptions));
  const all = Object.values(command.options);
  return {
    own: all.filter((option) => !shared.has(option)),
    output: all.filter((option) => shared.has(option)),
  };
}

type Term = readonly [term: string, explanation: string];

function optionTerms(options: readonly OptionSpec<unknown>[]): Term[] {
  return options.map(({ flags, help }) => [flags, help]);
}

/** A title with terms and what they mean, in two columns. */
function terms(title: string, entries: readonly Term[], columns: number | null): string {
  const left = Math.min(TERM_WIDTH_MAX, Math.max(...entries.map(([term]) => textWidth(term))));
  const right = Math.max(20, widthOf(columns) - left - 4);
  const lines = entries.flatMap(([term, explanation]) =>
    wrap(explanation, right).map((line, index) =>
      `  ${pad(index === 0 ? term : '', left, 'left')}  ${line}`.trimEnd(),
    ),
  );
  return `${title}\n${lines.map((line) => `${line}\n`).join('')}`;
}

function widthOf(columns: number | null): number {
  return Math.min(columns ?? WIDTH_MAX, WIDTH_MAX);
}
