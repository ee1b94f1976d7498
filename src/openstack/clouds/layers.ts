/** Lays the settings of one cloud on each other: defaults, profile, its own keys, its region, arguments. */
import { nearest } from '../../base/nearest.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { ChosenCloud } from './choose.ts';
import type { CloudProblem } from './problem.ts';
import type { CloudFile } from './read-files.ts';
import {
  isSettings,
  isUnset,
  mapAt,
  mergeLayer,
  normaliseKeys,
  numberAsText,
  type Settings,
} from './settings.ts';

/** What holds where nobody says otherwise, as far as Berth reads it (openstack/config/defaults.json). */
const DEFAULTS: Settings = { auth_type: 'password', interface: 'public', network_api_version: '2', auth: {} };

interface Region {
  readonly name: string;
  readonly values: Settings;
}

/**
 * One map with underscores in its keys, in which `region_name` is the chosen region ('' where the cloud names
 * none). `overrides` is as in clouds.yaml and the strongest; `overrides.region_name` must be a region that
 * the cloud has. Source: openstacksdk 0.101.0, openstack/config/loader.py, get_one.
 */
export function layerSettings(
  chosen: ChosenCloud,
  vendors: CloudFile | null,
  overrides: Settings,
): Result<Settings, CloudProblem> {
  const given = normaliseLayer(overrides);
  const { profile: named } = given;
  const own = { ...normaliseLayer(chosen.own), ...(isUnset(named) ? {} : { profile: named }) };
  for (const [layer, where] of [
    [own, chosen.where('auth')],
    [given, 'auth'],
  ] as const) {
    if ('auth' in layer && !isSettings(layer['auth'])) return err({ where, what: 'must be a map' });
  }
  const profile = profileOf(own, chosen, vendors);
  if (!profile.ok) return profile;
  const region = regionOf(own, profile.value, given, chosen);
  if (!region.ok) return region;
  // The environment's cloud brings the defaults along, which therefore beat its profile.
  const base = chosen.isFromEnv ? mergeLayer(profile.value, DEFAULTS) : mergeLayer(DEFAULTS, profile.value);
  const layers: readonly Settings[] = [own, withoutNull(region.value.values), withoutNull(given)];
  const merged = Object.entries(layers.reduce(mergeLayer, base));
  const settings = merged.filter(([key]) => key !== 'regions' && key !== 'cloud');
  return ok({ ...Object.fromEntries(settings), region_name: region.value.name });
}

/** `cloud` is the old name of the key. */
function profileOf(
  own: Settings,
  chosen: ChosenCloud,
  vendors: CloudFile | null,
): Result<Settings, CloudProblem> {
  const name = own['profile'] ?? own['cloud'];
  if (isUnset(name)) return ok({});
  const where = chosen.where('profile');
  if (typeof name !== 'string') return err({ where, what: 'must be the name of a profile' });
  const known = vendors === null ? {} : mapAt(vendors.content, 'public-clouds');
  const found = Object.hasOwn(known, name) ? known[name] : undefined;
  if (isSettings(found)) return ok(normaliseLayer(found));
  const like = nearest(name, Object.keys(known));
  const guess = like === null ? '' : `did you mean '${like}'? `;
  const place = vendors === null ? 'there is no clouds-public.yaml' : `${vendors.path} does not have it`;
  const what =
    `profile '${name}': ${place}; ${guess}Berth has no built-in profiles and fetches none: ` +
    'write auth_url and the regions into clouds.yaml instead';
  return err({ where, what });
}

function regionOf(
  own: Settings,
  profile: Settings,
  given: Settings,
  chosen: ChosenCloud,
): Result<Region, CloudProblem> {
  const wanted = nameOf(given['region_name']) ?? '';
  const known = regionsIn(own, chosen.where, true) ?? regionsIn(profile, chosen.where, false) ?? ok([]);
  if (!known.ok) return known;
  const [first] = known.value;
  if (first === undefined) return ok({ name: wanted, values: {} });
  if (wanted === '') return ok(first);
  const found = known.value.find(({ name }) => name === wanted);
  if (found !== undefined) return ok(found);
  const names = known.value.map(({ name }) => name);
  const like = nearest(wanted, names);
  const guess = like === null ? '' : `; did you mean '${like}'?`;
  const what = `has no region '${wanted}'; it has ${names.join(', ')}${guess}`;
  return err({ where: chosen.where(''), what });
}

/** null: the layer names no region. The cloud's own `region_name` may be a list or, as of old, `a,b`. */
function regionsIn(
  layer: Settings,
  where: ChosenCloud['where'],
  mayBeList: boolean,
): Result<readonly Region[], CloudProblem> | null {
  const { regions, region_name: name } = layer;
  if (!isUnset(regions)) {
    if (!Array.isArray(regions)) return err({ where: where('regions'), what: 'must be a list' });
    const parsed = regions.map((entry: unknown) => regionFrom(entry));
    const wrong = parsed.indexOf(null);
    if (wrong < 0) return ok(parsed.filter((region) => region !== null));
    const what = 'must be a name, or a map with the keys name and values';
    return err({ where: where(`regions.${wrong}`), what });
  }
  if (isUnset(name)) return null;
  const split = mayBeList && typeof name === 'string' ? name.split(',') : [name];
  const names: readonly unknown[] = Array.isArray(name) ? name : split;
  const found = names.map(nameOf).filter((each) => each !== null);
  if (found.length < names.length) return err({ where: where('region_name'), what: 'must be a text' });
  return ok(found.map((each) => ({ name: each, values: {} })));
}

function regionFrom(entry: unknown): Region | null {
  const { name: written, values, ...others } = isSettings(entry) ? entry : { name: entry };
  const name = nameOf(written);
  if (name === null || Object.keys(others).length > 0) return null;
  if (!isUnset(values) && !isSettings(values)) return null;
  return { name, values: isSettings(values) ? normaliseLayer(values) : {} };
}

function nameOf(written: unknown): string | null {
  const name = numberAsText(written);
  return typeof name === 'string' ? name : null;
}

/** `auth_plugin` is the old word for auth_type. */
function normaliseLayer(layer: Settings): Settings {
  const { auth_plugin: old, ...settings } = normaliseKeys(layer);
  return isUnset(old) || 'auth_type' in settings ? settings : { ...settings, auth_type: old };
}

/** In a region and in arguments, null means that nothing is said. */
function withoutNull(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
}
