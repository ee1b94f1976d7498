/**
 * What clouds.yaml, secure.yaml, clouds-public.yaml and the OS_* variables say of one cloud, with the rules
 * of openstacksdk 0.101.0 (openstack/config/loader.py): a cloud with which `openstack` works has to mean the
 * same to Berth. What is not understood is a problem, never a guess. Only read-files.ts touches the disk;
 * nothing here calls a cloud.
 */
import { err, ok, type Result } from '../../base/result.ts';
import type { Interface, ServicePreferences, ServiceType } from '../catalog.ts';
import type { Credentials } from '../credentials.ts';
import type { TlsFiles } from '../fetch.ts';
import { identityUrl } from '../keystone/tokens.ts';
import { credentialsFrom, readAuth, type AuthSettings } from './auth.ts';
import { chooseCloud, type ChosenCloud } from './choose.ts';
import { layerSettings } from './layers.ts';
import { expandPlaceholders } from './placeholders.ts';
import { problemText, type CloudProblem } from './problem.ts';
import type { CloudFiles } from './read-files.ts';
import { interfacesFrom, isHttpUrl, servicesFrom } from './services.ts';
import { createSettingsReader, type SettingsReader } from './settings-reader.ts';
import { normaliseKeys, type Env, type Settings } from './settings.ts';
import { settleSpellings } from './settle.ts';
import { timeoutMsFrom, tlsFrom } from './transport.ts';
import { likelyTypos } from './typos.ts';

export interface CloudQuery {
  readonly files: CloudFiles;
  readonly env: Env;
  /** null: $OS_CLOUD, else the cloud that the environment describes, else the only one of the file. */
  readonly name: string | null;
  /** With the keys of clouds.yaml; stronger than all else, such as `{ region_name: 'West' }`. */
  readonly overrides: Settings;
}

/** All that it takes to make a session with a cloud. */
export interface CloudLogin {
  readonly name: string;
  /** Of Keystone, ending in `/v3`. */
  readonly authUrl: string;
  readonly credentials: Credentials;
  /** null: the first endpoint of a service, whatever its region. */
  readonly region: string | null;
  readonly interfaces: readonly Interface[];
  readonly services: Readonly<Partial<Record<ServiceType, ServicePreferences>>>;
  readonly endpointOverrides: Readonly<Partial<Record<ServiceType, string>>>;
  readonly tls: TlsFiles;
  /** Limit of each single exchange, ms; null: none is given. */
  readonly callTimeoutMs: number | null;
  /** What is set to no effect, for a person. */
  readonly warnings: readonly string[];
}

/** The settings of one cloud after all rules but those of single keys. */
export interface CloudSettings {
  readonly chosen: ChosenCloud;
  readonly settings: Settings;
  readonly auth: AuthSettings;
}

export function resolveCloud(query: CloudQuery): Result<CloudLogin, readonly CloudProblem[]> {
  const resolved = resolveSettings(query);
  if (!resolved.ok) return resolved;
  const { chosen, settings, auth } = resolved.value;
  const reader = createSettingsReader(settings, chosen.where);
  const credentials = credentialsFrom(auth, chosen.where);
  const authUrl = authUrlFrom(auth.auth['auth_url'], settings, reader);
  const { preferences, endpointOverrides } = servicesFrom(reader);
  const login = {
    name: chosen.name,
    authUrl,
    region: reader.text('region_name'),
    interfaces: interfacesFrom(reader),
    services: preferences,
    endpointOverrides,
    tls: tlsFrom(reader, query.env),
    callTimeoutMs: timeoutMsFrom(reader),
  };
  if (!credentials.ok || reader.problems.length > 0) {
    const problems = [...(credentials.ok ? [] : credentials.error), ...reader.problems];
    return err([...problems, ...typosOfEnv(chosen)]);
  }
  const unread = query.files.unread.map((path) => `${path}: cannot be read, so it is not used`);
  const warnings = [...unread, ...reader.warnings.map(problemText)];
  return ok({ ...login, credentials: credentials.value, warnings });
}

/** The same, before anything is made of it: what the differential test compares. */
export function resolveSettings(query: CloudQuery): Result<CloudSettings, readonly CloudProblem[]> {
  const chosen = chooseCloud(query.files, query.env, query.name);
  if (!chosen.ok) return err([chosen.error]);
  const typos = chosen.value.isFromEnv ? [] : typosOf(chosen.value);
  const layered = layerSettings(chosen.value, query.files.vendors, query.overrides);
  if (!layered.ok) return err([layered.error, ...typos]);
  const settings = settleSpellings(layered.value);
  const auth = readAuth(settings, chosen.value.where);
  if (!auth.ok) return err([...auth.error, ...typos, ...typosOfEnv(chosen.value)]);
  return typos.length > 0 ? err(typos) : ok({ chosen: chosen.value, settings, auth: auth.value });
}

/** Other programs have OS_* variables too: theirs are named only beside a problem that they may explain. */
function typosOfEnv(chosen: ChosenCloud): readonly CloudProblem[] {
  return chosen.isFromEnv ? typosOf(chosen) : [];
}

function typosOf({ own, where }: ChosenCloud): readonly CloudProblem[] {
  return likelyTypos(normaliseKeys(own), where);
}

/** '' with a problem where there is none to use; the text of a problem never repeats a URL with a password. */
function authUrlFrom(written: string | undefined, settings: Settings, reader: SettingsReader): string {
  const expanded = expandPlaceholders(written ?? '', settings);
  if (written === undefined) reader.refuse('auth.auth_url', 'is missing: the URL of Keystone');
  else if (!expanded.ok) reader.refuse('auth.auth_url', expanded.error);
  else if (!isHttpUrl(expanded.value)) {
    reader.refuse('auth.auth_url', 'must be a URL that begins with http:// or https://, without a password');
  } else if (/\/v2\.0\/*$/.test(expanded.value)) {
    reader.refuse('auth.auth_url', 'is that of Keystone v2.0, which is gone: end it with /v3');
  } else return identityUrl(expanded.value);
  return '';
}
