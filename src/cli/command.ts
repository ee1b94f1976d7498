/**
 * A command as a value: where it stands, what it takes, what it does. The parser, the help, and the
 * reference page are made of these values, so they cannot disagree.
 */
import type { CliContext } from './context.ts';

/** What a word of the command line may need to be understood. */
export interface ReadContext {
  readonly nowMs: number;
  /** Says on stderr how something was understood that could be understood otherwise. */
  readonly note: (text: string) => void;
}

/** An option or argument; `T` is what the command gets. */
export interface Spec<T> {
  readonly help: string;
  /** The values given, none when left out; flags give `['']`. Throws UsageError. */
  read(values: readonly string[], context: ReadContext): T;
}

export interface OptionSpec<T> extends Spec<T> {
  /** As in the help: `--for DURATION`, `-f, --format FORMAT`, `--detach`. */
  readonly flags: string;
  /** The only values that it takes; left out: any. */
  readonly words?: readonly string[];
}

export interface ArgumentSpec<T> extends Spec<T> {
  /** `FLAVOR`, `[FLAVOR]`, `ID...`, `[ID...]`. */
  readonly usage: string;
  /** The only values that it takes; left out: any. */
  readonly words?: readonly string[];
}

type Values<S> = { readonly [K in keyof S]: S[K] extends Spec<infer T> ? T : never };

export type Arguments = Readonly<Record<string, ArgumentSpec<unknown>>>;
export type Options = Readonly<Record<string, OptionSpec<unknown>>>;

/** Words of the command line by argument and option, before they are understood. */
export interface RawInput {
  readonly args: Readonly<Record<string, readonly string[]>>;
  readonly options: Readonly<Record<string, readonly string[]>>;
}

interface CommandInfo {
  readonly path: readonly string[];
  /** One line, imperative. */
  readonly summary: string;
  /** What one must know to use it well; a few sentences. */
  readonly description?: string;
  /** Whole command lines; at least one. */
  readonly examples: readonly string[];
  /** Works without a server: the options of a client do not apply. */
  readonly local?: boolean;
}

export interface Command extends CommandInfo {
  readonly args: Arguments;
  readonly options: Options;
  run(context: CliContext, raw: RawInput, reading: ReadContext): Promise<number>;
}

interface Definition<A extends Arguments, O extends Options> extends CommandInfo {
  readonly args: A;
  readonly options: O;
  /** Resolves with the exit code; nothing means 0. */
  run(
    context: CliContext,
    input: { readonly args: Values<A>; readonly options: Values<O> },
  ): Promise<number | void>;
}

/** Makes a command of a definition whose arguments and options are typed by their specs. */
export function defineCommand<const A extends Arguments, const O extends Options>(
  definition: Definition<A, O>,
): Command {
  return {
    ...definition,
    async run(context, raw, reading) {
      const args = readAll(definition.args, raw.args, reading);
      const options = readAll(definition.options, raw.options, reading);
      return (await definition.run(context, { args, options })) ?? 0;
    },
  };
}

function readAll<S extends Readonly<Record<string, Spec<unknown>>>>(
  specs: S,
  raw: Readonly<Record<string, readonly string[]>>,
  context: ReadContext,
): Values<S> {
  const entries = Object.entries(specs).map(([name, spec]) => [name, spec.read(raw[name] ?? [], context)]);
  return Object.fromEntries(entries) as Values<S>;
}
