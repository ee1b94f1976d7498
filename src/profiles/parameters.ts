/** Kinds of parameters, and how given ones are read. */
import { z } from 'zod';
import { nearest } from '../base/nearest.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Parameter, Profile, ProfileFault, Values } from './profile.ts';

/** Longer than any version, password hash or address. */
export const VALUE_LENGTH_MAX = 512;

/** One line: it goes into a file of shell variables, and into messages. */
const LINE = /^[^\p{Cc}\p{Cs}]*$/u;

export function matching(pattern: RegExp, what: string, help: string, fallback: string | null): Parameter {
  return { help, fallback, schema: z.string().regex(pattern, `must be ${what}`) };
}

export function oneOf(choices: readonly [string, ...string[]], help: string, fallback: string): Parameter {
  const told = `${help} One of ${choices.join(', ')}.`;
  return { help: told, fallback, schema: z.enum(choices, `must be one of ${choices.join(', ')}`) };
}

export function wholeNumber(range: { min: number; max: number }, help: string, fallback: number): Parameter {
  const isInside = (text: string): boolean => Number(text) >= range.min && Number(text) <= range.max;
  const message = `must be a whole number from ${range.min} to ${range.max}`;
  const schema = z
    .string()
    .regex(/^\d{1,9}$/, message)
    .refine(isInside, message);
  return { help, fallback: String(fallback), schema };
}

/** The given parameters with defaults for the rest, each checked. The error names the nearest that there is. */
export function readParams(profile: Profile, given: Values): Result<Values, ProfileFault> {
  const { name, parameters } = profile;
  const known = Object.keys(parameters);
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(parameters, key));
  if (unknown !== undefined) {
    const like = nearest(unknown, known);
    const meant = like === null ? '' : `Did you mean '${like}'? `;
    const all = known.length === 0 ? 'It has no parameters.' : `Its parameters are ${known.join(', ')}.`;
    return err({ message: `Profile ${name} has no parameter '${unknown}'.`, fix: `${meant}${all}` });
  }
  const values: Record<string, string> = {};
  for (const [key, parameter] of Object.entries(parameters)) {
    const value = (Object.hasOwn(given, key) ? given[key] : undefined) ?? parameter.fallback;
    if (value === null || value === undefined)
      return err({ message: `Profile ${name} needs '${key}'.`, fix: parameter.help });
    const fault = lineFault(value) ?? schemaFault(parameter, value);
    if (fault !== null) return err({ message: `${name}: ${key} ${fault}.`, fix: parameter.help });
    values[key] = parameter.schema.parse(value);
  }
  return ok(values);
}

function lineFault(value: string): string | null {
  if (value.length > VALUE_LENGTH_MAX) return `has more than ${VALUE_LENGTH_MAX} characters`;
  return LINE.test(value) ? null : 'must be one line without control characters';
}

function schemaFault({ schema }: Parameter, value: string): string | null {
  const parsed = schema.safeParse(value);
  if (parsed.success) return null;
  return `is '${value}': it ${parsed.error.issues[0]?.message ?? 'is not allowed'}`;
}
