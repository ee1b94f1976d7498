import { z } from 'zod';
import { ProviderError } from '../engine/ports.ts';

export const SERVICE_TYPES = ['compute', 'network', 'image', 'placement', 'accelerator', 'identity'] as const;
export type ServiceType = (typeof SERVICE_TYPES)[number];
export type Interface = 'public' | 'internal' | 'admin';

/** What holds for one service where it differs from the cloud as a whole. */
export interface ServicePreferences {
  /** null: any. */
  readonly region?: string | null;
  readonly interfaces?: readonly Interface[];
  /** What the catalog calls the service, where that is not its official type. */
  readonly type?: string;
  /** Of several services of one type, the one with this name. */
  readonly name?: string;
  /** Sent with the calls that do not say their own. */
  readonly microversion?: string;
  /** It is not to be called, although the catalog may have it. */
  readonly disabled?: true;
}

/** The catalog of a token: `token.catalog` of Keystone v3. */
export const catalogSchema = z.array(
  z.object({
    type: z.string(),
    name: z.string().nullish(),
    endpoints: z.array(
      z.object({
        interface: z.string(),
        region: z.string().nullish(),
        region_id: z.string().nullish(),
        url: z.string(),
      }),
    ),
  }),
);
export type Catalog = z.output<typeof catalogSchema>;

/** Version path that a catalog URL lacks: Glance, Neutron and often Cyborg are registered without one. */
const VERSION_PATHS: Readonly<Partial<Record<ServiceType, string>>> = {
  network: '/v2.0',
  image: '/v2',
  accelerator: '/v2',
};

export interface EndpointWanted {
  readonly service: ServiceType;
  readonly region: string | null;
  /** In order of preference. */
  readonly interfaces: readonly Interface[];
  readonly preferences?: ServicePreferences | undefined;
}

/**
 * The base URL of a service: the first wanted interface that exists in the region, in catalog order. Rejects
 * with ProviderError `unsupported` that names what is missing, and what there is instead. Source:
 * keystoneauth1 5.0.0, access/service_catalog.py.
 */
export function selectEndpoint(catalog: Catalog, wanted: EndpointWanted): string {
  const { service, preferences = {} } = wanted;
  const { region = wanted.region, interfaces = wanted.interfaces, type = service, name = null } = preferences;
  const ofType = catalog
    .filter((entry) => entry.type === type && (name === null || !entry.name || entry.name === name))
    .flatMap((entry) => entry.endpoints)
    .filter(({ url }) => url !== '');
  const inRegion = ofType.filter((endpoint) => region === null || regionOf(endpoint) === region);
  for (const each of interfaces) {
    const found = inRegion.find((endpoint) => shortInterface(endpoint) === each);
    if (found !== undefined) return withVersionPath(service, found.url);
  }
  const what = `${interfaces.join(' or ')} endpoint for '${type}'${name === null ? '' : ` named '${name}'`}`;
  const where = region === null ? '' : ` in region '${region}'`;
  const there =
    inRegion.length > 0
      ? `; it has ${unique(inRegion.map(shortInterface))}`
      : ofType.length > 0
        ? `; it has ${unique(ofType.map(regionOf))}`
        : '';
  throw new ProviderError('unsupported', 'none', `the cloud's catalog has no ${what}${where}${there}`);
}

type Endpoint = Catalog[number]['endpoints'][number];

function regionOf({ region_id: id, region }: Endpoint): string {
  return id || region || '';
}

/** Keystone v2 called them `publicURL` and so on. */
function shortInterface(endpoint: Endpoint): string {
  return endpoint.interface.replace(/URL$/, '');
}

function unique(words: readonly string[]): string {
  return [...new Set(words)].map((word) => `'${word}'`).join(', ');
}

export function withVersionPath(service: ServiceType, url: string): string {
  const base = url.replace(/\/+$/, '');
  return /\/v\d+(\.\d+)?$/.test(base) ? base : base + (VERSION_PATHS[service] ?? '');
}
