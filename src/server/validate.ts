import { z } from 'zod';
import { errorCatalogue, type ErrorCode } from '../api/errors.ts';
import { issueParams } from '../api/fields.ts';
import { nearest } from '../base/nearest.ts';
import { Problem } from './problem.ts';

export type Parsed<S extends z.ZodType | null> = S extends z.ZodType ? z.output<S> : null;

/** So many faults of one request are listed; more help nobody. */
const FAULTS_MAX = 20;

interface Fault {
  readonly code: ErrorCode;
  readonly field: string;
  readonly detail: string;
  readonly fix: string;
}

/**
 * Parses one part of a request. Throws a Problem about the gravest fault; all are in its details. Values
 * never appear in it, except where the field itself says so: they may be secrets.
 */
export function parsePart<S extends z.ZodType | null>(schema: S, value: unknown): Parsed<S> {
  if (schema === null) return null as Parsed<S>;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as Parsed<S>;
  const faults = parsed.error.issues.slice(0, FAULTS_MAX).map((issue) => faultOf(schema, issue, value));
  const [worst] = faults.toSorted((a, b) => rank(a.code) - rank(b.code));
  throw new Problem(worst?.code ?? 'invalid_field', {
    detail: worst?.detail ?? 'the request is invalid',
    ...(worst && { field: worst.field, fix: worst.fix }),
    details: { faults: faults.map(({ code, field, detail }) => ({ code, field, detail })) },
  });
}

/** A leaked key first; then a misspelt field, which is often why another one is missing. */
function rank(code: ErrorCode): number {
  if (code === 'private_key') return 0;
  return code === 'unknown_field' ? 1 : 2;
}

function faultOf(schema: z.ZodType, issue: z.core.$ZodIssue, value: unknown): Fault {
  const field = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return unknownField(schema, issue, field);
  const own = issue.code === 'custom' ? issueParams.safeParse(issue.params) : null;
  if (own?.success && isErrorCode(own.data.code)) {
    return { code: own.data.code, field, detail: `${field}: ${issue.message}`, fix: own.data.fix };
  }
  if (issue.code === 'invalid_type' && field !== '' && valueAt(value, issue.path) === undefined) {
    return {
      code: 'missing_field',
      field,
      detail: `the field '${field}' is missing`,
      fix: `Add '${field}'.`,
    };
  }
  const where = field === '' ? 'the body' : `the field '${field}'`;
  return {
    code: 'invalid_field',
    field,
    detail: `${where} is invalid: ${issue.message}`,
    fix: `Correct ${where}; the description of the API is at /ui/.`,
  };
}

function unknownField(schema: z.ZodType, issue: z.core.$ZodIssueUnrecognizedKeys, parent: string): Fault {
  const key = (issue.keys[0] ?? '').slice(0, 64);
  const field = parent === '' ? key : `${parent}.${key}`;
  const known = Object.keys(shapeAt(schema, issue.path) ?? {});
  const near = nearest(key, known);
  const fix = near === null ? `Known fields: ${known.join(', ')}.` : `Did you mean '${near}'?`;
  return { code: 'unknown_field', field, detail: `the field '${field}' is not known`, fix };
}

/** The fields of the object at a path inside a schema. */
function shapeAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodShape | null {
  let at: z.core.$ZodType | undefined = schema;
  for (const step of [...path, null]) {
    while (at instanceof z.ZodOptional || at instanceof z.ZodNullable || at instanceof z.ZodDefault)
      at = at.unwrap();
    if (!(at instanceof z.ZodObject)) return null;
    if (step === null) return at.shape;
    at = at.shape[String(step)];
  }
  return null;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = Reflect.get(at, step);
  }
  return at;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}
