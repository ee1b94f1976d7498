/** What a cloud's settings say of single services: `<service>_<key>`. */
import { nearest } from '../../base/nearest.ts';
import { SERVICE_TYPES, type Interface, type ServicePreferences, type ServiceType } from '../catalog.ts';
import type { SettingsReader } from './settings-reader.ts';

type PerService<T> = Readonly<Partial<Record<ServiceType, T>>>;

export interface ServiceSettings {
  readonly preferences: PerService<ServicePreferences>;
  /** Base URLs that replace the catalog's. */
  readonly endpointOverrides: PerService<string>;
}

const INTERFACES: readonly Interface[] = ['public', 'internal', 'admin'];

/** What stands before `interface` and the like for all services; public where nothing does. */
export function interfacesFrom(reader: SettingsReader): readonly Interface[] {
  return interfacesAt(reader, 'interface') ?? ['public'];
}

/**
 * Source: openstacksdk 0.101.0, openstack/config/cloud_region.py. Retries are Berth's own: their keys are not
 * read.
 */
export function servicesFrom(reader: SettingsReader): ServiceSettings {
  const preferences: Partial<Record<ServiceType, ServicePreferences>> = {};
  const endpointOverrides: Partial<Record<ServiceType, string>> = {};
  for (const service of SERVICE_TYPES) {
    const found = preferencesOf(reader, service);
    if (Object.keys(found).length > 0) preferences[service] = found;
    const override = overrideOf(reader, service);
    if (override !== null) endpointOverrides[service] = override;
  }
  return { preferences, endpointOverrides };
}

function preferencesOf(reader: SettingsReader, service: ServiceType): ServicePreferences {
  const interfaces = interfacesAt(reader, `${service}_interface`);
  const region = reader.raw(`${service}_region_name`);
  const type = reader.text(`${service}_service_type`);
  const name = reader.text(`${service}_service_name`);
  const microversion = microversionOf(reader, service);
  return {
    ...(!reader.flag(`has_${service}`, true) && { disabled: true }),
    ...(interfaces !== null && { interfaces }),
    ...(region !== undefined && region !== null && { region: reader.text(`${service}_region_name`) }),
    ...(type !== null && { type }),
    ...(name !== null && { name }),
    ...(microversion !== null && { microversion }),
  };
}

function overrideOf(reader: SettingsReader, service: ServiceType): string | null {
  const keys = [`${service}_endpoint_override`, `${service}_endpoint`];
  for (const key of keys) {
    const url = reader.text(key);
    if (url === null) continue;
    if (isHttpUrl(url)) return url;
    reader.refuse(key, 'must be a URL that begins with http:// or https://');
  }
  return null;
}

export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}

/** A version such as 2.87 is a microversion; 2 and 2.0 are none. */
function microversionOf(reader: SettingsReader, service: ServiceType): string | null {
  const version = reader.text(`${service}_api_version`);
  const implied = version !== null && /^\d+\.\d+$/.test(version) && !version.endsWith('.0') ? version : null;
  const key = `${service}_default_microversion`;
  const given = reader.text(key);
  if (given !== null && implied !== null && given !== implied) {
    reader.refuse(key, `contradicts ${service}_api_version ${implied}, which is a microversion too`);
  }
  return given ?? implied;
}

/** One interface or several in order of preference; the names of Keystone v2 (`publicURL`) count too. */
function interfacesAt(reader: SettingsReader, key: string): readonly Interface[] | null {
  const value = reader.raw(key);
  const one = Array.isArray(value) ? null : reader.text(key);
  const names: readonly unknown[] = Array.isArray(value) ? value : one === null ? [] : [one];
  const found = names.map(interfaceOf);
  if (found.every((each) => each !== null)) return found.length === 0 ? null : found;
  const wrong = names[found.indexOf(null)];
  const like = typeof wrong === 'string' ? nearest(wrong, INTERFACES) : null;
  const guess = like === null ? '' : `; did you mean '${like}'?`;
  reader.refuse(key, `must be an interface: ${INTERFACES.join(', ')}${guess}`);
  return null;
}

function interfaceOf(name: unknown): Interface | null {
  const short = typeof name === 'string' ? name.replace(/URL$/, '') : null;
  return INTERFACES.find((each) => each === short) ?? null;
}
