/**
 * From the words of the command line to a command with its input, or to a help text. Commander does the
 * splitting.
 */
import { Command as Parser, Option, type CommanderError } from 'commander';
import type { Command, OptionSpec, RawInput } from './command.ts';
import { UsageError } from './failure.ts';
import { commandHelp, connectOptions, groupHelp, rootHelp, type Section } from './help.ts';
import { longFlag, meant } from './specs.ts';

export type Parsed =
  | {
      readonly kind: 'run';
      readonly command: Command;
      readonly raw: RawInput;
      readonly connect: RawInput['options'];
    }
  | { readonly kind: 'version' }
  /** `asked`: somebody wanted it; else the command was left out. */
  | { readonly kind: 'help'; readonly text: string; readonly asked: boolean };

/**
 * Understands the words after `berth`. `columns`: width for help texts, null: no terminal. Throws
 * UsageError with the nearest known word.
 */
export function parseCommandLine(
  argv: readonly string[],
  sections: readonly Section[],
  columns: number | null,
): Parsed {
  const commands = sections.flatMap((section) => section.commands);
  const help = (words: readonly string[], asked: boolean): Parsed => ({
    kind: 'help',
    text: helpOn(words, sections, columns),
    asked,
  });
  if (argv[0] === 'help') return help(argv.slice(1), true);

  let parsed: Parsed | null = null;
  const root = parser([], commands);
  for (const option of Object.values(connectOptions)) root.addOption(collected(option));
  root.option('--version');
  const groups = new Map<string, Parser>([['', root]]);
  const onlyWords = (path: readonly string[]) => (words: readonly string[]) => {
    const { help: asked, version } = Object.assign({}, root.opts(), groups.get(path.join(' '))?.opts());
    const name = words.filter((word) => !word.startsWith('-'));
    if (asked === true) parsed = help([...path, ...name], true);
    else if (version === true) parsed = { kind: 'version' };
    else if (words.length === 0) parsed = help(path, path.length === 0);
    else throw unknownCommand([...path, ...name], words, commands);
  };
  takeWords(root, onlyWords([]));

  for (const command of commands) {
    const group = groupOf(command.path.slice(0, -1), groups, commands, onlyWords);
    const leaf = leafOf(command, commands);
    leaf.action(() => {
      const connect = rawOptions(root, connectOptions);
      const raw = { args: rawArguments(leaf, command), options: rawOptions(leaf, command.options) };
      const given = Object.entries(connect).find(([, values]) => values.length > 0);
      if (leaf.opts()['help'] === true) parsed = help(command.path, true);
      else if (command.local === true && given !== undefined) {
        throw new UsageError(
          `'${command.path.join(' ')}' has no option --${given[0]}`,
          'It needs no server: leave it out.',
        );
      } else parsed = { kind: 'run', command, raw, connect };
    });
    group.addCommand(leaf);
  }
  // `--help` wins over everything that may be missing beside it.
  // Behind `--` it is meant for another program.
  const end = argv.indexOf('--');
  const own = end === -1 ? argv : argv.slice(0, end);
  if (own.some((word) => word === '--help' || word === '-h')) return help(wordsOf(own, commands), true);
  root.parse([...argv], { from: 'user' });
  return parsed ?? help([], true);
}

function helpOn(words: readonly string[], sections: readonly Section[], columns: number | null): string {
  const commands = sections.flatMap((section) => section.commands);
  if (words.length === 0) return rootHelp(sections, columns);
  const one = commands.find(({ path }) => path.join(' ') === words.join(' '));
  if (one !== undefined) return commandHelp(one, columns);
  const group = commands.filter(({ path }) => words.every((word, index) => path[index] === word));
  if (group.length > 0) return groupHelp(words, group, columns);
  throw unknownCommand(words, words, commands);
}

/** The words of `argv` that name a command or a group, as far as they go. */
function wordsOf(argv: readonly string[], commands: readonly Command[]): string[] {
  const found: string[] = [];
  for (const word of argv) {
    const at = found.length;
    const known = commands.some(
      ({ path }) => path[at] === word && found.every((before, index) => path[index] === before),
    );
    if (known) found.push(word);
    else if (at > 0) break;
  }
  return found;
}

function parser(path: readonly string[], commands: readonly Command[]): Parser {
  return new Parser(path.at(-1) ?? 'berth')
    .helpOption(false)
    .helpCommand(false)
    .showSuggestionAfterError(false)
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
    .exitOverride((error) => {
      throw usageErrorOf(error, path, commands);
    });
}

/** Makes a parser take any words, to say what is wrong with them in our way. */
function takeWords(group: Parser, onWords: (words: readonly string[]) => void): void {
  group
    .argument('[words...]')
    .allowUnknownOption()
    .action((words: readonly string[]) => onWords(words));
}

function groupOf(
  path: readonly string[],
  groups: Map<string, Parser>,
  commands: readonly Command[],
  onlyWords: (path: readonly string[]) => (words: readonly string[]) => void,
): Parser {
  const key = path.join(' ');
  const known = groups.get(key);
  if (known !== undefined) return known;
  const made = parser(path, commands);
  takeWords(made, onlyWords(path));
  groupOf(path.slice(0, -1), groups, commands, onlyWords).addCommand(made);
  groups.set(key, made);
  return made;
}

function leafOf(command: Command, commands: readonly Command[]): Parser {
  const leaf = parser(command.path, commands).allowExcessArguments(false);
  for (const { usage } of Object.values(command.args)) {
    const lower = usage.toLowerCase();
    leaf.argument(lower.startsWith('[') ? lower : `<${lower}>`);
  }
  for (const option of Object.values(command.options)) leaf.addOption(collected(option));
  return leaf;
}

/** An option of commander that keeps every value it was given. */
function collected({ flags }: OptionSpec<unknown>): Option {
  const [, names = flags, value] = /^(.*--[a-z-]+)(?: (\S+))?$/.exec(flags) ?? [];
  if (value === undefined) return new Option(names);
  return new Option(`${names} <${value}>`).argParser(
    (given: string, before: readonly string[] | undefined) => [...(before ?? []), given],
  );
}

function rawOptions(
  from: Parser,
  specs: Readonly<Record<string, OptionSpec<unknown>>>,
): Readonly<Record<string, readonly string[]>> {
  const values: Readonly<Record<string, unknown>> = from.opts();
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      listOf(values[new Option(longFlag(spec.flags)).attributeName()]),
    ]),
  );
}

function rawArguments(leaf: Parser, command: Command): RawInput['args'] {
  const values: readonly unknown[] = leaf.processedArgs;
  return Object.fromEntries(Object.keys(command.args).map((name, index) => [name, listOf(values[index])]));
}

/** Commander gives a text, a list of texts, `true` for a flag, or nothing. */
function listOf(value: unknown): readonly string[] {
  if (value === undefined || value === false) return [];
  if (value === true) return [''];
  return (Array.isArray(value) ? value : [value]).map(String);
}

function unknownCommand(
  name: readonly string[],
  words: readonly string[],
  commands: readonly Command[],
): UsageError {
  const unknownOption = words.find((word) => word.startsWith('-'));
  if (unknownOption !== undefined && name.length < 1) {
    return new UsageError(`unknown option '${unknownOption}'`, "See 'berth help'.");
  }
  const paths = commands.map(({ path }) => path);
  const lengths = [...new Set(paths.map((path) => path.length))].toSorted((a, b) => b - a);
  for (const length of lengths) {
    const typed = name.slice(0, length).join(' ');
    const hint = meant(
      typed,
      paths.map((path) => path.slice(0, length).join(' ')),
    );
    if (hint !== '') return new UsageError(`there is no command '${typed}'`, hint.trimEnd());
  }
  return new UsageError(`there is no command '${name.slice(0, 2).join(' ')}'`, "See all with 'berth help'.");
}

function usageErrorOf(
  error: CommanderError,
  path: readonly string[],
  commands: readonly Command[],
): UsageError {
  const command = commands.find((candidate) => candidate.path.join(' ') === path.join(' '));
  const what = error.message.replace(/^error: /, '').split('\n')[0] ?? '';
  const unknown = /unknown option '(-[^']*)'/.exec(what)?.[1]?.replace(/=.*/, '');
  const options = [...Object.values(command?.options ?? {}), ...Object.values(connectOptions)];
  const known = ['--help', ...options.map(({ flags }) => longFlag(flags))];
  const hint = unknown === undefined ? '' : meant(unknown, known);
  const name = ['berth', ...path].join(' ');
  return new UsageError(
    what.replace(/argument '(\w+)'/, (_, word: string) => `argument ${word.toUpperCase()}`),
    `${hint}See '${name} --help'.`,
  );
}
