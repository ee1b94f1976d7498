/** What the shells are told of the command line; made of the commands, as help and reference are. */
import type { Command, OptionSpec } from '../command.ts';
import { connectOptions, type Section } from '../help.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * What an option or argument is: nothing (a flag, no argument), one of some words, a file or folder, or what
 * only a person knows.
 */
export type Value =
  | { readonly kind: 'none' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' | 'folder' | 'any' };

export interface Option {
  /** As typed: `-f` and `--format`. */
  readonly names: readonly string[];
  readonly help: string;
  readonly value: Value;
}

export interface Leaf {
  /** The words of the command: `lease list`. */
  readonly words: string;
  readonly options: readonly Option[];
  /** What its arguments are. */
  readonly args: Value;
}

/** A place behind `berth` and some words, and the words that may come next. */
export interface Branch {
  /** '' behind `berth` itself. */
  readonly words: string;
  readonly next: readonly { readonly word: string; readonly help: string }[];
}

export interface Model {
  readonly branches: readonly Branch[];
  readonly leaves: readonly Leaf[];
  /** Of every command. */
  readonly common: readonly Option[];
}

export function completionModel(sections: readonly Section[]): Model {
  const commands = sections.flatMap((section) => section.commands);
  return {
    branches: branchesOf(commands),
    leaves: commands.map(leafOf),
    common: [{ names: ['-h', '--help'], help: 'Help on the command.', value: { kind: 'none' } }],
  };
}

function leafOf(command: Command): Leaf {
  const specs = [
    ...Object.values(command.options),
    ...(command.local === true ? [] : Object.values(connectOptions)),
  ];
  return {
    words: command.path.join(' '),
    options: specs.map(optionOf),
    args: Object.values(command.args).map(({ usage, words }) => valueOf(usage, words))[0] ?? { kind: 'none' },
  };
}

/** `-f, --format FORMAT` → its names and what follows. */
function optionOf({ flags, help, words }: OptionSpec<unknown>): Option {
  const [, names = flags, value] = /^(.*--[a-z-]+)(?: (\S+))?$/.exec(flags) ?? [];
  return { names: names.split(', '), help, value: valueOf(value, words) };
}

function valueOf(name: string | undefined, words: readonly string[] | undefined): Value {
  if (name === undefined) return { kind: 'none' };
  if (words !== undefined) return { kind: 'words', words };
  if (/\bFILE\b/.test(name)) return { kind: 'file' };
  return { kind: /\bDIR\b/.test(name) ? 'folder' : 'any' };
}

/** A command of one word ends a branch with its summary, a group of commands with all of theirs. */
function branchesOf(commands: readonly Command[]): readonly Branch[] {
  const branches = new Map<string, Map<string, string>>([['', new Map([['help', 'Help on a command']])]]);
  for (const { path, summary } of commands) {
    for (const [at, word] of path.entries()) {
      const words = path.slice(0, at).join(' ');
      const next = branches.get(words) ?? new Map<string, string>();
      branches.set(words, next);
      const isLast = at === path.length - 1;
      const group = commands.filter((other) => other.path[at] === word && other.path.length > at + 1);
      const verbs = group.map((other) => other.path[at + 1] ?? '').join(', ');
      next.set(word, isLast ? summary : `${word}: ${verbs}`);
    }
  }
  return [...branches].map(([words, next]) => ({
    words,
    next: [...next].map(([word, help]) => ({ word, help })),
  }));
}

/** Names of options that something follows, each once. */
export function namesWithValue({ leaves }: Model): readonly string[] {
  const valued = leaves.flatMap(({ options }) => options).filter(({ value }) => value.kind !== 'none');
  return [...new Set(valued.flatMap(({ names }) => names))];
}
