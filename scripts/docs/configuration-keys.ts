/** The keys of the configuration file, as the schema has them: for its page and its manual page. */
import { z } from 'zod';
import { assert } from '../../src/base/assert.ts';
import { configSchema, printable } from '../../src/main/config.ts';

type JsonObject = { readonly [key: string]: unknown };

export interface ConfigurationKey {
  /** With its parents: `leases.queue_max`, `clouds[].name`. */
  readonly key: string;
  /** In words: `text`, `list of durations`, `section`. */
  readonly type: string;
  /** What it may be, where it is one of a few words; else none. */
  readonly values: readonly string[];
  readonly isRequired: boolean;
  /** What it is when left out; `isValue`: as it would be written, not in words. */
  readonly initial: { readonly text: string; readonly isValue: boolean };
  readonly description: string;
}

/** Every key, parents first. */
export function configurationKeys(): readonly ConfigurationKey[] {
  const schema: JsonObject = z.toJSONSchema(configSchema, { io: 'input' });
  const keys = keysOf(schema, '', printable(configSchema.parse({})));
  assert(keys.length > 20, 'the configuration has keys');
  return keys;
}

/** `values`: what an empty file gives; undefined inside of lists. */
function keysOf(schema: JsonObject, prefix: string, values: unknown): readonly ConfigurationKey[] {
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(child(schema, 'properties')).flatMap(([name, raw]) => {
    if (!isObject(raw)) return [];
    const key = `${prefix}${name}`;
    const value = isObject(values) ? values[name] : undefined;
    const inner = unwrap(raw);
    const { description = '' } = raw;
    const own: ConfigurationKey = {
      key,
      type: typeName(raw, inner, value),
      values: Array.isArray(inner['enum']) ? inner['enum'].map(String) : [],
      isRequired: required.includes(name) && value === undefined,
      initial: initialOf(raw, inner, value),
      description: String(description),
    };
    return [own, ...nestedKeys(inner, key, value)];
  });
}

function nestedKeys(schema: JsonObject, key: string, value: unknown): readonly ConfigurationKey[] {
  if (schema['type'] === 'array') return keysOf(child(schema, 'items'), `${key}[].`, undefined);
  return keysOf(schema, `${key}.`, value);
}

/** What a value is when it is not null. */
function unwrap(schema: JsonObject): JsonObject {
  const { anyOf } = schema;
  if (!Array.isArray(anyOf)) return schema;
  return anyOf.filter(isObject).find((part) => part['type'] !== 'null') ?? schema;
}

function typeName(raw: JsonObject, inner: JsonObject, value: unknown): string {
  const { type } = inner;
  // A duration is a text in the file and a number inside, so its default is not in the schema.
  const isDuration = type !== 'number' && raw['default'] === undefined && value !== undefined;
  if (type === 'array') {
    const items = child(inner, 'items');
    if (isDuration && items['type'] !== 'object') return 'list of durations';
    return items['type'] === 'object' ? 'list' : `list of ${scalarName(items['type'])}s`;
  }
  if (type === 'object') return Object.keys(child(inner, 'properties')).length > 0 ? 'section' : 'map';
  return isDuration ? 'duration' : scalarName(type);
}

function scalarName(type: unknown): string {
  return type === 'string' ? 'text' : String(type);
}

function initialOf(raw: JsonObject, inner: JsonObject, value: unknown): ConfigurationKey['initial'] {
  const found = value ?? raw['default'];
  if (inner['type'] === 'object' && isObject(found)) return { text: '', isValue: false };
  if (found === undefined) return { text: value === null ? 'null' : '', isValue: false };
  if (Array.isArray(found)) {
    return found.length === 0
      ? { text: 'none', isValue: false }
      : { text: `[${found.join(', ')}]`, isValue: true };
  }
  if (found === '') return { text: 'empty', isValue: false };
  return { text: typeof found === 'string' ? found : JSON.stringify(found), isValue: true };
}

function child(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
