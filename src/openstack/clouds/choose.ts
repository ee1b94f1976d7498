/** Which cloud is meant, and what the file or the environment itself says of it. */
import { nearest } from '../../base/nearest.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { CloudProblem } from './problem.ts';
import type { CloudFiles } from './read-files.ts';
import { isSettings, isUnset, mapAt, mergeDeep, type Env, type Settings } from './settings.ts';

export interface ChosenCloud {
  readonly name: string;
  /** Its own keys, without defaults, profile and region. */
  readonly own: Settings;
  readonly isFromEnv: boolean;
  /** Where a key of it is written, for messages. */
  readonly where: (key: string) => string;
}

/** Variables that choose among clouds and files, and describe none. */
const SELECTORS = new Set([
  'OS_CLOUD',
  'OS_REGION_NAME',
  'OS_CLIENT_CONFIG_FILE',
  'OS_CLIENT_SECURE_FILE',
  'OS_CLOUD_NAME',
]);
/** Other programs' variables: OpenStack's own test tools. */
const FOREIGN = /^OS_(?:TEST|STD|LOG)/;

/**
 * The cloud called `name`; else $OS_CLOUD; else the one that the environment describes; else the only one of
 * the file. The error names those that there are. Source: openstacksdk 0.101.0, openstack/config/loader.py.
 */
export function chooseCloud(
  files: CloudFiles,
  env: Env,
  name: string | null,
): Result<ChosenCloud, CloudProblem> {
  const merged = mergeDeep(files.clouds?.content ?? {}, files.secure?.content ?? {});
  const path = files.clouds?.path ?? files.secure?.path ?? '';
  if (!isUnset(merged['clouds']) && !isSettings(merged['clouds'])) {
    return err({ where: path, what: "'clouds' must be a map of names to clouds" });
  }
  const clouds = mapAt(merged, 'clouds');
  const envName = envNameIn(env);
  if (Object.hasOwn(clouds, envName)) {
    const what = `'${envName}' is the name of the cloud that OS_* variables describe; rename this one`;
    return err({ where: `${path}: clouds.${envName}`, what });
  }
  const ofEnv = cloudOfEnv(env);
  const names = cloudNames(files, env);
  const wanted = name ?? wantedName(env, ofEnv === null ? null : envName, names);
  if (wanted === null) return err(noneChosen(names, path, files));
  if (wanted === envName && ofEnv !== null) {
    return ok({
      name: envName,
      own: ofEnv,
      isFromEnv: true,
      where: (key) => `OS_${key.replace(/^auth\./, '').toUpperCase()}`,
    });
  }
  const own = Object.hasOwn(clouds, wanted) ? clouds[wanted] : undefined;
  if (own === undefined) return err(notThere(wanted, name === null, names, files));
  if (own !== null && !isSettings(own))
    return err({ where: `${path}: clouds.${wanted}`, what: 'is not a map' });
  return ok({
    name: wanted,
    own: own ?? {},
    isFromEnv: false,
    where: (key) => `${path}: clouds.${wanted}${key === '' ? '' : `.${key}`}`,
  });
}

export function cloudNames(files: CloudFiles, env: Env): readonly string[] {
  const merged = mergeDeep(files.clouds?.content ?? {}, files.secure?.content ?? {});
  const names = Object.keys(mapAt(merged, 'clouds'));
  return cloudOfEnv(env) === null ? names : [...names, envNameIn(env)];
}

function envNameIn(env: Env): string {
  return env['OS_CLOUD_NAME'] ?? 'envvars';
}

/** The keys of all OS_* variables; null: there are none but selectors. */
function cloudOfEnv(env: Env): Settings | null {
  const names = Object.keys(env).filter((key) => key.startsWith('OS_') && !FOREIGN.test(key));
  if (names.every((name) => SELECTORS.has(name))) return null;
  // OS_CLOUD would become `cloud`, the old name of `profile`, which nobody means by it.
  const own = names.filter((name) => name !== 'OS_CLOUD');
  return Object.fromEntries(own.map((name) => [name.slice('OS_'.length).toLowerCase(), env[name]]));
}

function wantedName(env: Env, envName: string | null, names: readonly string[]): string | null {
  const { OS_CLOUD: selected } = env;
  if (selected !== undefined && selected !== '') return selected;
  return envName ?? (names.length === 1 ? (names[0] ?? null) : null);
}

function noneChosen(names: readonly string[], path: string, files: CloudFiles): CloudProblem {
  if (names.length > 0) {
    return { where: path, what: `has the clouds ${names.join(', ')}: say which by name or with OS_CLOUD` };
  }
  if (path !== '') return { where: path, what: "has no cloud under 'clouds'" };
  const what = `no cloud is configured: no OS_* variable is set, and none of these files exists: ${files.searched.join(', ')}`;
  return { where: '', what };
}

function notThere(
  wanted: string,
  isByEnv: boolean,
  names: readonly string[],
  files: CloudFiles,
): CloudProblem {
  const where = isByEnv ? 'OS_CLOUD' : '';
  const unread = files.unread.map((path) => `; ${path} cannot be read`).join('');
  if (files.clouds === null && files.secure === null) {
    const what = `no clouds.yaml to find '${wanted}' in (looked for ${files.searched.join(', ')})${unread}`;
    return { where, what };
  }
  const like = nearest(wanted, names);
  const path = files.clouds?.path ?? files.secure?.path ?? '';
  const others = names.length === 0 ? 'no cloud' : names.join(', ');
  const guess = like === null ? '' : `; did you mean '${like}'?`;
  return { where, what: `${path} has no cloud '${wanted}'; it has ${others}${guess}${unread}` };
}
