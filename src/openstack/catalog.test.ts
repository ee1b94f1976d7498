import { describe, expect, test } from 'vitest';
import { selectEndpoint, type Catalog, type EndpointWanted } from './catalog.ts';

const CATALOG: Catalog = [
  {
    type: 'compute',
    name: 'nova',
    endpoints: [
      endpoint('admin', 'East', 'http://east-admin/v2.1'),
      endpoint('publicURL', 'East', 'http://east/v2.1'),
      endpoint('internal', 'West', 'http://west-internal/v2.1'),
    ],
  },
  { type: 'compute', name: 'other', endpoints: [endpoint('public', 'West', 'http://other/v2.1')] },
  { type: 'compute_legacy', endpoints: [endpoint('public', 'East', 'http://legacy/v2')] },
  {
    type: 'image',
    endpoints: [endpoint('public', 'East', ''), endpoint('public', 'East', 'http://glance/')],
  },
];
const COMPUTE: EndpointWanted = { service: 'compute', region: null, interfaces: ['public'] };

describe('selectEndpoint', () => {
  test.each<[string, Partial<EndpointWanted>, string]>([
    ['the names of Keystone v2', {}, 'http://east/v2.1'],
    ['the region', { region: 'West' }, 'http://other/v2.1'],
    ['the first interface that exists', { interfaces: ['internal', 'admin'] }, 'http://west-internal/v2.1'],
    ['no endpoint without a URL; a version where there is none', { service: 'image' }, 'http://glance/v2'],
    ['a region for the service', { region: 'East', preferences: { region: 'West' } }, 'http://other/v2.1'],
    ['any region for the service', { region: 'North', preferences: { region: null } }, 'http://east/v2.1'],
    ['interfaces for the service', { preferences: { interfaces: ['admin'] } }, 'http://east-admin/v2.1'],
    ['another type', { preferences: { type: 'compute_legacy' } }, 'http://legacy/v2'],
    ['a name', { preferences: { name: 'other' } }, 'http://other/v2.1'],
    ['a name, which some do not tell', { service: 'image', preferences: { name: 'x' } }, 'http://glance/v2'],
  ])('%s', (_title, wanted, url) => {
    expect(selectEndpoint(CATALOG, { ...COMPUTE, ...wanted })).toBe(url);
  });

  test.each<[Partial<EndpointWanted>, string]>([
    [{ service: 'network' }, "no public endpoint for 'network'"],
    [{ region: 'Wst' }, "no public endpoint for 'compute' in region 'Wst'; it has 'East', 'West'"],
    [
      { region: 'East', interfaces: ['internal'] },
      "no internal endpoint for 'compute' in region 'East'; it has 'admin', 'public'",
    ],
    [{ preferences: { name: 'x' } }, "no public endpoint for 'compute' named 'x'"],
  ])('what is missing: %j', (wanted, message) => {
    expect(() => selectEndpoint(CATALOG, { ...COMPUTE, ...wanted })).toThrow(
      expect.objectContaining({ code: 'unsupported', message: `the cloud's catalog has ${message}` }),
    );
  });
});

/** Old catalogs have `region` without `region_id`. */
function endpoint(kind: string, region: string, url: string): Catalog[number]['endpoints'][number] {
  return { interface: kind, region, region_id: kind === 'public' ? region : '', url };
}
