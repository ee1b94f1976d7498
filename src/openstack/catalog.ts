import { z } from 'zod';
import { ProviderError } from '../engine/ports.ts';

export type ServiceType = 'compute' | 'network' | 'image' | 'placement' | 'identity';
export type Interface = 'public' | 'internal' | 'admin';

/** The catalog of a token: `token.catalog` of Keystone v3. */
export const catalogSchema = z.array(
  z.object({
    type: z.string(),
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

/** Version path that a catalog URL lacks: Glance and Neutron are registered without one. */
const VERSION_PATHS: Readonly<Partial<Record<ServiceType, string>>> = { network: '/v2.0', image: '/v2' };

/**
 * The base URL of a service: the first wanted interface that exists in the region, in catalog order. Rejects
 * with ProviderError `unsupported` that names what is missing. Source: keystoneauth1 5.0.0,
 * access/service_catalog.py.
 */
export function selectEndpoint(
  catalog: Catalog,
  wanted: {
    readonly service: ServiceType;
    readonly region: string | null;
    readonly interfaces: readonly Interface[];
  },
): string {
  const endpoints = catalog
    .filter(({ type }) => type === wanted.service)
    .flatMap((service) => service.endpoints)
    .filter(
      (endpoint) => wanted.region === null || (endpoint.region_id ?? endpoint.region) === wanted.region,
    );
  for (const name of wanted.interfaces) {
    const found = endpoints.find(
      (endpoint) => endpoint.interface === name || endpoint.interface === `${name}URL`,
    );
    if (found !== undefined) return withVersionPath(wanted.service, found.url);
  }
  const where = wanted.region === null ? '' : ` in region '${wanted.region}'`;
  const text = `the cloud's catalog has no ${wanted.interfaces.join(' or ')} endpoint for '${wanted.service}'${where}`;
  throw new ProviderError('unsupported', 'none', text);
}

export function withVersionPath(service: ServiceType, url: string): string {
  const base = url.replace(/\/+$/, '');
  return /\/v\d+(\.\d+)?$/.test(base) ? base : base + (VERSION_PATHS[service] ?? '');
}
