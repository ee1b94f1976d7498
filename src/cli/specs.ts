/** The kinds of arguments and options. Each says what is wrong with a value and what is expected. */
import { nearest } from '../base/nearest.ts';
import { isTimeZone, parseDate } from '../base/time-zone.ts';
import { formatTime, parseDuration } from '../base/units.ts';
import type { ArgumentSpec, OptionSpec, ReadContext, Spec } from './command.ts';
import { UsageError } from './failure.ts';
import type { TicketWhen } from './ticket.ts';
import { parseWhen } from './when.ts';

type Read<T> = (text: string, context: ReadContext, name: string) => T;

/** An argument that must be there. */
export function argument(usage: string, help: string): ArgumentSpec<string> {
  return { usage, help, read: ([value = '']) => required(value, usage) };
}

/** An argument that must be one of these. */
export function choiceArgument<const C extends string>(
  usage: string,
  choices: readonly C[],
  help: string,
): ArgumentSpec<C> {
  return { usage, help, words: choices, read: ([value = '']) => choiceOf(value, choices, usage) };
}

export function optionalArgument(name: string, help: string): ArgumentSpec<string | null> {
  return { usage: `[${name}]`, help, read: ([value]) => value ?? null };
}

/** One or more. The parser has seen to it that there is one. */
export function argumentsOf(name: string, help: string): ArgumentSpec<readonly string[]> {
  return { usage: `${name}...`, help, read: (values) => values.map((value) => required(value, name)) };
}

/** Any number, none included. */
export function optionalArguments(name: string, help: string): ArgumentSpec<readonly string[]> {
  return { usage: `[${name}...]`, help, read: (values) => values };
}

export function flag(flags: string, help: string): OptionSpec<boolean> {
  return { flags, help, read: (values) => values.length > 0 };
}

export function text(flags: string, help: string): OptionSpec<string | null> {
  return option(flags, help, (value, _context, name) => required(value, name));
}

/** May be given several times, and with commas. */
export function texts(flags: string, help: string): OptionSpec<readonly string[]> {
  return { flags, help, read: (values) => values.flatMap(commaParts) };
}

/** `NAME` or `NAME:KEY=VALUE,KEY=VALUE`, any number of times, in this order. */
export function profiles(flags: string, help: string): OptionSpec<readonly ProfileWanted[]> {
  return { flags, help, read: (values) => values.map((value) => profileOf(value, longFlag(flags))) };
}

/** `KEY=VALUE`, any number of times; a value may have commas and more equals signs. */
export function parameters(flags: string, help: string): OptionSpec<Readonly<Record<string, string>>> {
  return { flags, help, read: (values) => paramsOf(values, longFlag(flags)) };
}

export interface ProfileWanted {
  readonly name: string;
  readonly params: Record<string, string>;
}

export function choice<const C extends string>(
  flags: string,
  choices: readonly C[],
  help: string,
): OptionSpec<C | null> {
  const spec = option(flags, help, (value, _context, name) => choiceOf(value, choices, name));
  return { ...spec, words: choices };
}

export function integer(flags: string, help: string, min: number, max: number): OptionSpec<number | null> {
  return option(flags, help, (value, _context, name) => integerOf(value, name, min, max));
}

/** A whole number, or `none` for no limit; null: left out. */
export function limit(flags: string, help: string, max: number): OptionSpec<number | 'none' | null> {
  return option(flags, help, (value, _context, name) =>
    value === 'none' ? value : integerOf(value, name, 0, max),
  );
}

/** Checked here, sent as it was written. */
export function duration(flags: string, help: string): OptionSpec<string | null> {
  return option(flags, help, durationOf);
}

/** A duration that must be given. */
export function requiredDuration(flags: string, help: string): OptionSpec<string> {
  const spec = duration(flags, help);
  return {
    ...spec,
    read(values, context) {
      const value = spec.read(values, context);
      if (value !== null) return value;
      throw new UsageError(
        `${longFlag(flags)} is missing`,
        `Say for how long, such as ${longFlag(flags)} 8h.`,
      );
    },
  };
}

/** `no` (now or never) or a duration. */
export function waitLimit(flags: string, help: string): OptionSpec<string | null> {
  return option(flags, help, (value, context, name) =>
    value === 'no' ? value : durationOf(value, context, name),
  );
}

/** A time in any form that people write; milliseconds since the epoch. */
export function time(flags: string, help: string): OptionSpec<number | null> {
  return option(flags, help, (value, context, name) => {
    const parsed = parseWhen(value, context.nowMs);
    if (!parsed.ok) throw new UsageError(`${name}: ${parsed.error}`, WHEN_FIX);
    if (parsed.value.understood !== null) context.note(`${name}: ${parsed.value.understood}`);
    return parsed.value.timeMs;
  });
}

/** `now`, or a time in any form that people write. */
export function ticket(flags: string, help: string): OptionSpec<TicketWhen | null> {
  const atTime = time(flags, help);
  return {
    flags,
    help,
    read: (values, context) => (values.at(-1) === 'now' ? 'now' : atTime.read(values, context)),
  };
}

/** A date, as it was written, or a time in any form that people write, and `-7d`: as ISO 8601. */
export function moment(flags: string, help: string): OptionSpec<string | null> {
  return option(flags, help, (value, context, name) => {
    if (parseDate(value) !== null) return value;
    const ago = value.startsWith('-') ? parseDuration(value.slice(1)) : null;
    if (ago?.ok === true) return formatTime(context.nowMs - ago.value);
    const parsed = parseWhen(value, context.nowMs);
    if (!parsed.ok) throw new UsageError(`${name}: ${parsed.error}`, MOMENT_FIX);
    if (parsed.value.understood !== null) context.note(`${name}: ${parsed.value.understood}`);
    return formatTime(parsed.value.timeMs);
  });
}

/** A zone of the IANA database. */
export function timeZone(flags: string, help: string): OptionSpec<string | null> {
  return option(flags, help, (value, _context, name) => {
    if (isTimeZone(value)) return value;
    throw new UsageError(`${name}: '${value}' is no time zone`, 'Write it like UTC or Europe/Berlin.');
  });
}

/** `--max-width WIDTH` → `--max-width`; `-f, --format FORMAT` → `--format`. */
export function longFlag(flags: string): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}

/** A hint for the second line of an error: `Did you mean 'json'? `; empty when nothing is near. */
export function meant(word: string, candidates: Iterable<string>): string {
  // Dashes are no letters: they would make any two options look alike.
  const dashless = new Map(Array.from(candidates, (name) => [name.replace(/^-+/, ''), name]));
  const near = nearest(word.replace(/^-+/, ''), dashless.keys());
  return near === null ? '' : `Did you mean '${dashless.get(near) ?? near}'? `;
}

const MOMENT_FIX = "Write 2026-11-01, 'now', -7d, or 2026-11-21T14:30:00Z.";
const WHEN_FIX = "Write 'now', +2h, 14:30, or 2026-11-21T14:30:00Z.";

/** An option with one value; given twice, the last one counts, as everywhere. */
function option<T>(flags: string, help: string, read: Read<T>): OptionSpec<T | null> {
  const one: Spec<T | null>['read'] = (values, context) => {
    const value = values.at(-1);
    return value === undefined ? null : read(value, context, longFlag(flags));
  };
  return { flags, help, read: one };
}

function commaParts(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function required(value: string, name: string): string {
  if (value.trim() !== '') return value;
  throw new UsageError(`${name} is empty`, 'Give it a value.');
}

function choiceOf<C extends string>(value: string, choices: readonly C[], name: string): C {
  const found = choices.find((candidate) => candidate === value.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(
    `'${value}' is no value of ${name}`,
    `${meant(value, choices)}Choose one of ${choices.join(', ')}.`,
  );
}

function integerOf(value: string, name: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`'${value}' is no value of ${name}`, `Give a whole number from ${min} to ${max}.`);
}

function durationOf(value: string, _context: ReadContext, name: string): string {
  const parsed = parseDuration(value);
  if (parsed.ok) return value;
  const what = parsed.error.replace(/: expected .*/, '');
  throw new UsageError(`${name}: ${what}`, `Write it like ${name} 30m, ${name} 8h or ${name} 2d.`);
}

/** A comma begins a new parameter only where KEY= follows: values of versions and lists may have commas. */
function profileOf(value: string, flagName: string): ProfileWanted {
  const [, name = '', rest] = /^([^:]+)(?::(.*))?$/.exec(value) ?? [];
  if (name === '') throw new UsageError(`${flagName}: '${value}' names no profile`, PROFILE_FIX);
  return { name, params: rest === undefined ? {} : paramsOf(rest.split(/,(?=[A-Za-z0-9_]+=)/), flagName) };
}

function paramsOf(parts: readonly string[], flagName: string): Record<string, string> {
  const params: Record<string, string> = {};
  for (const part of parts) {
    const [, key = '', value = ''] = /^([A-Za-z0-9_]+)=(.*)$/.exec(part) ?? [];
    if (key === '') throw new UsageError(`${flagName}: '${part}' is not KEY=VALUE`, PROFILE_FIX);
    if (Object.hasOwn(params, key)) throw new UsageError(`${flagName}: '${key}' is given twice`, PROFILE_FIX);
    params[key] = value;
  }
  return params;
}

const PROFILE_FIX = 'Write it like nvidia-driver:version=550,kernel=open.';
