/** How the cloud's servers are spoken to: what TLS trusts, and how long an answer is waited for. */
import { join } from 'node:path';
import type { TlsFiles } from '../fetch.ts';
import type { SettingsReader } from './settings-reader.ts';
import type { Env } from './settings.ts';

/** Source: openstacksdk 0.101.0, openstack/config/cloud_region.py, get_requests_verify_args. */
export function tlsFrom(reader: SettingsReader, env: Env): TlsFiles {
  const insecure = reader.flag('insecure', false);
  const verify = reader.flag('verify', true) && !insecure;
  const path = (key: string): string | null => {
    const written = reader.text(key);
    return written === null ? null : atHome(written, env['HOME']);
  };
  const [caPath, certPath, keyPath] = [path('cacert'), path('cert'), path('key')];
  if (keyPath !== null && certPath === null) reader.warn('key', 'is not used, since there is no cert');
  if (caPath !== null && !verify) {
    reader.warn('cacert', 'is not used, since verify is false or insecure is true');
  }
  return { verify, caPath: verify ? caPath : null, certPath, keyPath: certPath === null ? null : keyPath };
}

/** `api_timeout` is in seconds; 0 is no limit, for which null stands: the caller has one of its own. */
export function timeoutMsFrom(reader: SettingsReader): number | null {
  const value = reader.raw('api_timeout');
  if (value === undefined || value === null || value === '' || value === 'None') return null;
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string';
  const timeoutMs = isNumber ? Math.round(Number(value) * 1000) : Number.NaN;
  if (timeoutMs >= 0 && timeoutMs <= TIMEOUT_MS_MAX) return timeoutMs === 0 ? null : timeoutMs;
  reader.refuse('api_timeout', `must be seconds, from 0 to ${TIMEOUT_MS_MAX / 1000}`);
  return null;
}

/** No call of OpenStack takes longer; a larger number is in other units than seconds. */
const TIMEOUT_MS_MAX = 3_600_000;

function atHome(path: string, home: string | undefined): string {
  return home !== undefined && (path === '~' || path.startsWith('~/')) ? join(home, path.slice(1)) : path;
}
