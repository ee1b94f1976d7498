import { afterAll, beforeAll, expect, test } from 'vitest';
import { flavorGpuList } from '../../src/api/capacity.ts';
import { createClient } from '../../src/client/client.ts';
import { ENGINE_METRICS } from '../../src/server/metrics.ts';
import { startTestServer } from '../support/engine.ts';

let server: Awaited<ReturnType<typeof startTestServer>>;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

const get = (path: string): Promise<Response> => fetch(`${server.url}${path}`);

test('the GPU flavor report has exactly the members of its model', async () => {
  const reply = await get('/gpus/flavors');
  expect(reply.headers.get('content-type')).toContain('application/json');
  const text = await reply.text();
  const body = flavorGpuList.parse(JSON.parse(text));
  expect(text).toBe(JSON.stringify(body));
  expect(Object.keys(body)).toEqual(['flavors', 'timestamp']);
  expect(body.timestamp).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  expect(body.flavors.length).toBeGreaterThan(0);
  for (const flavor of body.flavors) {
    expect(Object.keys(flavor)).toEqual(['flavor_openstack_id', 'flavor_name', 'available', 'total']);
    expect(flavor.available).toBeLessThanOrEqual(flavor.total);
    const one = await (await get(`/gpus/flavors/${encodeURIComponent(flavor.flavor_openstack_id)}`)).json();
    expect(one).toEqual({ flavor, timestamp: body.timestamp });
  }
});

test('an unknown flavor is answered byte for byte as its model does', async () => {
  for (const id of ['gibt_es_nicht', '%00', '__proto__', 'constructor']) {
    const reply = await get(`/gpus/flavors/${id}`);
    expect([reply.status, await reply.text()]).toEqual([404, '{"message":"Unkown flavor id!"}']);
  }
});

test('the report follows a commit at once', async () => {
  const client = createClient({ baseUrl: server.url, token: await server.token('member', 'demo') });
  const { flavors } = await client.listFlavorGpus();
  const free = flavors.find(({ available }) => available > 0);
  await client.createLease({ flavor: free?.flavor_openstack_id ?? '', duration: '1h' });
  const { flavor } = await client.getFlavorGpu(free?.flavor_openstack_id ?? '');
  expect(flavor.available).toBeLessThan(free?.available ?? 0);
  expect(flavor.total).toBe(free?.total);
});

test('health and readiness', async () => {
  expect([(await get('/healthz')).status, (await get('/readyz')).status]).toEqual([200, 200]);
});

test('every number that the engine hands over is a metric', async () => {
  const keys = Object.keys(server.service.metrics());
  expect(keys.length).toBeGreaterThan(5);
  expect(ENGINE_METRICS.map(({ key }) => key)).toEqual(expect.arrayContaining(keys));
  const text = await (await get('/metrics')).text();
  for (const { name } of ENGINE_METRICS) expect(text).toContain(`# TYPE ${name} `);
  expect(text).toMatch(/^berth_provider_reachable\{provider="[^"]+"\} 1$/m);
});

test('the page and the API browser work without any other server', async () => {
  const page = await get('/');
  const policy = page.headers.get('content-security-policy') ?? '';
  const html = await page.text();
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? 'none';
  expect(html).toContain(`<script nonce="${nonce}">`);
  expect(html).not.toMatch(/(?:src|href)="https?:/);
  expect((await (await get('/')).text()).includes(nonce)).toBe(false);
  const ui = await (await get('/ui/')).text();
  const assets = [...ui.matchAll(/(?:src|href)="([^"]+)"/g)].map(
    ([, asset]) => new URL(asset ?? '', `${server.url}/ui/`),
  );
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    expect(asset.origin).toBe(server.url);
    expect((await fetch(asset)).status).toBe(200);
  }
  const own = await (await get('/openapi.json')).json();
  expect(own).toMatchObject({ openapi: '3.1.0', paths: { '/v1/leases': {} } });
  expect(await (await get('/ui/json')).json()).toEqual(own);
});
