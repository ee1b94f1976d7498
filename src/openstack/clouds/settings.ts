/** Settings of a cloud as they stand in its file: keys to whatever YAML makes of them. */
export type Settings = Readonly<Record<string, unknown>>;

export type Env = Readonly<Record<string, string | undefined>>;

export function isSettings(value: unknown): value is Settings {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The value of a key that holds a map; empty where there is none. */
export function mapAt(settings: Settings, key: string): Settings {
  const value = settings[key];
  return isSettings(value) ? value : {};
}

/** What counts as not set: Python's clients drop empty texts too. */
export function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/**
 * Deep merge in which `above` wins; lists and plain values replace. How secure.yaml is laid over clouds.yaml.
 * Source: openstacksdk 0.101.0, openstack/config/_util.py, merge_clouds.
 */
export function mergeDeep(below: Settings, above: Settings): Settings {
  const merged = Object.entries(above).map(([key, value]): [string, unknown] => {
    const old = below[key];
    return [key, isSettings(value) && isSettings(old) ? mergeDeep(old, value) : value];
  });
  return { ...below, ...Object.fromEntries(merged) };
}

/**
 * Merge in which `above` wins key by key, and `auth` is merged by its own keys; every other map is replaced.
 * How the layers of one cloud are laid on each other. Source: openstacksdk 0.101.0,
 * openstack/config/loader.py, _auth_update.
 */
export function mergeLayer(below: Settings, above: Settings): Settings {
  if (!('auth' in above)) return { ...below, ...above };
  return { ...below, ...above, auth: { ...mapAt(below, 'auth'), ...mapAt(above, 'auth') } };
}

/** Keys whose whole numbers stay numbers. */
const NUMBER_KEYS = new Set(['verbose_level', 'api_timeout']);

/**
 * Underscores for dashes in all keys, and text for numbers. Source: openstacksdk 0.101.0,
 * openstack/config/_util.py, normalize_keys.
 */
export function normaliseKeys(settings: Settings): Settings {
  const entries = Object.entries(settings).map(([dashed, value]): [string, unknown] => {
    const key = dashed.replaceAll('-', '_');
    if (isSettings(value)) return [key, normaliseKeys(value)];
    return [key, NUMBER_KEYS.has(key) ? value : numberAsText(value)];
  });
  return Object.fromEntries(entries);
}

/** As Python writes them: whole numbers are bigint here, so that a number is a float: `2.0` stays `2.0`. */
export function numberAsText(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'number') return value;
  return Number.isInteger(value) && Math.abs(value) < 1e16 ? value.toFixed(1) : String(value);
}
