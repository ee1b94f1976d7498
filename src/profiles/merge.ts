import type { Json } from '../base/json.ts';
import { err, ok, type Result } from '../base/result.ts';

export type CloudConfig = Readonly<Record<string, Json>>;

type Mapping = { readonly [key: string]: Json };

/**
 * Keys that belong to the server: they let the borrower in, run the steps and report. `power_state` would
 * turn the machine off behind its back; `merge_how` would change what others have said.
 */
export const RESERVED_KEYS: ReadonlySet<string> = new Set([
  'runcmd',
  'phone_home',
  'power_state',
  'merge_how',
  'merge_type',
  'ssh_authorized_keys',
  'system_info',
]);

/**
 * Two parts of cloud-config as one: mappings are joined, lists appended, equal values kept. The error is the
 * key that has two values.
 */
export function mergeCloudConfig(first: CloudConfig, second: CloudConfig): Result<CloudConfig, string> {
  const merged: Record<string, Json> = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const joined = Object.hasOwn(merged, key) ? join(merged[key] ?? null, value, key) : ok(value);
    if (!joined.ok) return joined;
    merged[key] = joined.value;
  }
  return ok(merged);
}

function join(a: Json, b: Json, path: string): Result<Json, string> {
  if (Array.isArray(a) && Array.isArray(b)) return ok([...a, ...b]);
  if (isMapping(a) && isMapping(b)) {
    const merged: Record<string, Json> = { ...a };
    for (const [key, value] of Object.entries(b)) {
      const joined = Object.hasOwn(a, key) ? join(a[key] ?? null, value, `${path}.${key}`) : ok(value);
      if (!joined.ok) return joined;
      merged[key] = joined.value;
    }
    return ok(merged);
  }
  return JSON.stringify(a) === JSON.stringify(b) ? ok(a) : err(path);
}

function isMapping(value: Json): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
