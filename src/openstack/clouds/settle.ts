/** Settles what old and new spellings of a key mean, and gathers in `auth` what belongs there. */
import { isUnset, mapAt, type Settings } from './settings.ts';

/** The last name that is there wins, and in `auth` it beats the same name beside it. */
const GATHERED: readonly (readonly [string, readonly string[]])[] = [
  ['domain_id', ['domain_id']],
  ['domain_name', ['domain_name']],
  ['user_domain_id', ['user_domain_id']],
  ['user_domain_name', ['user_domain_name']],
  ['project_domain_id', ['project_domain_id']],
  ['project_domain_name', ['project_domain_name']],
  ['token', ['auth_token', 'token']],
  ['project_id', ['tenant_id', 'project_id']],
  ['project_name', ['tenant_name', 'project_name']],
];

/**
 * The settings with one spelling for each thing. Source: openstacksdk 0.101.0, openstack/config/loader.py,
 * magic_fixes.
 */
export function settleSpellings(settings: Settings): Settings {
  return sharedDomain(gatherAuth(interfaceKeys(timeoutKeys(settings))));
}

/** There is one time-out: that of any service is the time-out of all. */
function timeoutKeys(settings: Settings): Settings {
  const isOfService = (key: string): boolean =>
    key.endsWith('timeout') && key !== 'timeout' && key !== 'api_timeout';
  const ofServices = Object.keys(settings).filter(isOfService);
  const last = ofServices.map((key) => settings[key]).findLast((value) => value !== null);
  const others = Object.entries(settings).filter(([key]) => !isOfService(key));
  return { ...Object.fromEntries(others), ...(last !== undefined && { api_timeout: last }) };
}

/** `endpoint_type` is the old word for an interface, also in `<service>_endpoint_type`. */
function interfaceKeys(settings: Settings): Settings {
  const old = Object.entries(settings).filter(([key]) => key.endsWith('endpoint_type'));
  const others = Object.entries(settings).filter(([key]) => !key.endsWith('endpoint_type'));
  const renamed = old.map(([key, value]) => [key.replace('endpoint_type', 'interface'), value]);
  return { ...Object.fromEntries(others), ...Object.fromEntries(renamed) };
}

function gatherAuth(settings: Settings): Settings {
  const rest: Record<string, unknown> = { ...settings };
  const auth: Record<string, unknown> = { ...mapAt(settings, 'auth') };
  for (const [target, names] of GATHERED) {
    const given = names.flatMap((name) => [settings[name], mapAt(settings, 'auth')[name]]);
    for (const name of names) {
      delete rest[name];
      delete auth[name];
    }
    const value = given.findLast((each) => each !== undefined && each !== null);
    if (!isUnset(value)) auth[target] = value;
  }
  return { ...rest, auth };
}

/** A domain beside a project is where both the user and the project are, not what the token is for. */
function sharedDomain(settings: Settings): Settings {
  const { domain_id: id, domain_name: name, ...auth } = mapAt(settings, 'auth');
  if (auth['project_id'] === undefined && auth['project_name'] === undefined) return settings;
  const shared = {
    ...(id !== undefined && { user_domain_id: id, project_domain_id: id }),
    ...(name !== undefined && { user_domain_name: name, project_domain_name: name }),
  };
  return { ...settings, auth: { ...shared, ...auth } };
}
