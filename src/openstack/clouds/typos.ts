/** Keys that look like a slip of a key that is read. */
import { nearest } from '../../base/nearest.ts';
import { SERVICE_TYPES } from '../catalog.ts';
import { ALL_AUTH_KEYS, OLD_AUTH_KEYS } from './auth-types.ts';
import type { CloudProblem } from './problem.ts';
import type { Settings } from './settings.ts';

const READ_KEYS = [
  'api_timeout',
  'auth',
  'auth_type',
  'cacert',
  'cert',
  'insecure',
  'interface',
  'key',
  'profile',
  'region_name',
  'regions',
  'verify',
];

/** Of openstacksdk 0.101.0 and old clients, here only so that none of them is taken for a slip. */
const OTHER_KEYS = [
  'auth_methods',
  'auth_plugin',
  'auth_token',
  'cloud',
  'disable_vendor_agent',
  'endpoint',
  'endpoint_type',
  'external_network',
  'floating_ip_source',
  'force_ipv4',
  'identity_provider',
  'image_api_use_tasks',
  'image_format',
  'internal_network',
  'message',
  'networks',
  'passcode',
  'prefer_ipv6',
  'private',
  'protocol',
  'secgroup_source',
  'status',
  'tenant_id',
  'tenant_name',
  'timeout',
  'timing',
  'url',
  'vendor_hook',
  'verbose_level',
];

/** Any service may have these, also those that Berth does not call. */
const SERVICE_SUFFIXES = [
  'api_version',
  'connect_retries',
  'default_microversion',
  'endpoint',
  'endpoint_override',
  'endpoint_type',
  'interface',
  'region_name',
  'service_name',
  'service_type',
  'status_code_retries',
  'timeout',
];

const KNOWN: ReadonlySet<string> = new Set([
  ...READ_KEYS,
  ...OTHER_KEYS,
  ...ALL_AUTH_KEYS,
  ...Object.values(OLD_AUTH_KEYS),
]);
const MEANT: readonly string[] = [
  ...READ_KEYS,
  ...ALL_AUTH_KEYS,
  ...SERVICE_TYPES.flatMap((service) => SERVICE_SUFFIXES.map((suffix) => `${service}_${suffix}`)),
];

/**
 * A file may have keys of its own, which nobody reads; but one that is a letter or two from a key that is
 * read was meant to be that.
 */
export function likelyTypos(settings: Settings, where: (key: string) => string): readonly CloudProblem[] {
  return Object.keys(settings).flatMap((key) => {
    const like = isKnown(key) ? null : nearest(key, MEANT);
    return like === null
      ? []
      : [{ where: where(key), what: `is no key of a cloud; did you mean '${like}'?` }];
  });
}

function isKnown(key: string): boolean {
  return (
    KNOWN.has(key) || key.startsWith('has_') || SERVICE_SUFFIXES.some((suffix) => key.endsWith(`_${suffix}`))
  );
}
