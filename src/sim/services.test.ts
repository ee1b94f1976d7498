import { describe, expect, test } from 'vitest';
import { IMAGE_ID, ORIGIN, SimBench, V100_MEDIUM } from '../../test/support/sim-client.ts';

describe('Keystone', () => {
  test('gives tokens with roles and a catalog of its own origin', () => {
    const cloud = new SimBench();
    const demo = cloud.login('demo');
    const admin = cloud.login('admin');
    const subject = { ...admin.headers(93), 'x-subject-token': demo.token };
    const { token } = cloud.send('GET', '/identity/v3/auth/tokens', undefined, subject).json;
    expect(token).toMatchObject({ user: { name: 'demo' }, project: { name: 'demo' }, is_domain: false });
    expect(token.roles.map((role: { name: string }) => role.name)).toEqual(['member', 'reader']);
    const compute = token.catalog.find((entry: { type: string }) => entry.type === 'compute');
    expect(compute.endpoints[0]).toMatchObject({ interface: 'public', url: `${ORIGIN}/compute/v2.1` });
  });

  test('a wrong password is 401, an unknown subject 404, and a foreign subject 403 for members', () => {
    const cloud = new SimBench();
    expect(() => cloud.login('nobody')).toThrow('401');
    const demo = cloud.login('demo');
    const lab2 = cloud.login('lab2');
    const validate = (subject: string, session = demo): number =>
      cloud.send('GET', '/identity/v3/auth/tokens', undefined, {
        ...session.headers(1),
        'x-subject-token': subject,
      }).status;
    expect(validate('nothing', cloud.login('admin'))).toBe(404);
    expect(validate(lab2.token)).toBe(403);
    expect(validate(demo.token)).toBe(200);
  });

  test('tokens end, and with them what they could do', () => {
    const cloud = new SimBench();
    const demo = cloud.login('demo');
    cloud.wait(3_600_000);
    const refused = demo.nova('GET', '/servers');
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toContain('Keystone uri=');
  });

  test('application credentials act as their owner and take no scope', () => {
    const cloud = new SimBench();
    const demo = cloud.login('demo');
    const { users } = cloud.login('admin').get('/identity/v3/users?name=demo').json;
    const path = `/identity/v3/users/${users[0].id}/application_credentials`;
    const body = { application_credential: { name: 'ci' } };
    const made = cloud.send('POST', path, body, demo.headers(1)).json.application_credential;
    const identity = {
      methods: ['application_credential'],
      application_credential: { id: made.id, secret: made.secret },
    };
    const login = (auth: unknown): number => cloud.send('POST', '/identity/v3/auth/tokens', { auth }).status;
    expect(login({ identity })).toBe(201);
    expect(login({ identity, scope: { project: { id: demo.projectId } } })).toBe(401);
    expect(login({ identity: { ...identity, application_credential: { id: made.id, secret: 'x' } } })).toBe(
      401,
    );
  });

  test('an operator grants a role on a project', () => {
    const cloud = new SimBench();
    const admin = cloud.login('admin');
    const [user] = admin.get('/identity/v3/users?name=cyborg').json.users;
    const [role] = admin.get('/identity/v3/roles?name=member').json.roles;
    expect(() => cloud.login('cyborg', 'demo')).toThrow('401');
    const path = `/identity/v3/projects/${cloud.login('demo').projectId}/users/${user.id}/roles/${role.id}`;
    expect(cloud.send('PUT', path, undefined, admin.headers(1)).status).toBe(204);
    expect(cloud.login('cyborg', 'demo').nova('GET', '/servers').status).toBe(200);
  });
});

describe('rights', () => {
  test('members see nothing of other projects and nothing of the hosts', () => {
    const cloud = new SimBench();
    const demo = cloud.login('demo');
    const lab2 = cloud.login('lab2');
    const id = demo.booted();
    expect(lab2.nova('GET', `/servers/${id}`).status).toBe(404);
    expect(lab2.nova('GET', '/servers/detail').json.servers).toEqual([]);
    for (const path of [
      '/os-hypervisors/detail',
      '/os-aggregates',
      '/os-services',
      '/servers/detail?all_tenants=1',
    ]) {
      expect(demo.nova('GET', path)).toMatchObject({ status: 403, json: { forbidden: { code: 403 } } });
    }
    expect(demo.get('/placement/resource_providers')).toMatchObject({
      status: 403,
      json: { errors: [{ status: 403 }] },
    });
    expect(demo.boot(V100_MEDIUM, { host: 'gpu-v100-01' }).status).toBe(403);
    expect(demo.boot(V100_MEDIUM, { availability_zone: 'nova:gpu-v100-01' }).status).toBe(403);
    expect(demo.act(id, { unshelve: { host: 'gpu-v100-01' } }).status).toBe(403);
    expect(lab2.neutron('GET', '/ports').json.ports).toEqual([]);
    expect(cloud.login('admin').nova('GET', '/servers/detail?all_tenants=1').json.servers).toHaveLength(1);
  });
});

describe('lists', () => {
  test('servers come in pages, newest first, until there is no next link', () => {
    const cloud = new SimBench();
    const demo = cloud.login('demo');
    const made = Array.from(
      { length: 5 },
      (_, i) => demo.boot('ci_medium', { name: `s${i}` }).json.server.id,
    );
    const seen: string[] = [];
    let path: string | null = '/compute/v2.1/servers/detail?limit=2';
    for (let page = 0; path !== null && page < 4; page++) {
      const body: { servers: { id: string }[]; servers_links?: { href: string }[] } = demo.get(path).json;
      const { servers, servers_links: links } = body;
      expect(servers.length).toBeLessThanOrEqual(2);
      seen.push(...servers.map((server) => server.id));
      path = links?.[0]?.href.slice(ORIGIN.length) ?? null;
    }
    expect(seen).toEqual(made.toReversed());
    expect(demo.nova('GET', '/servers?marker=nothing').status).toBe(400);
  });

  test('servers are found by tags, status, and name', () => {
    const cloud = new SimBench();
    const demo = cloud.login('demo');
    const both = demo.booted('ci_medium', { name: 'both', tags: ['a', 'b'] });
    const one = demo.booted('ci_medium', { name: 'one', tags: ['a'] });
    const found = (query: string): string[] =>
      demo.nova('GET', `/servers/detail?${query}`).json.servers.map((server: { id: string }) => server.id);
    expect(found('tags=a,b')).toEqual([both]);
    expect(found('tags-any=a,b')).toEqual([one, both]);
    expect(found('not-tags=b')).toEqual([one]);
    expect(found('status=ACTIVE&name=^one$')).toEqual([one]);
    expect(demo.nova('DELETE', `/servers/${both}/tags/a`).status).toBe(204);
    expect(demo.nova('PUT', `/servers/${both}/tags/c`).status).toBe(201);
    expect(found('tags=c')).toEqual([both]);
    expect(found('tags=a')).toEqual([one]);
    expect(demo.nova('GET', '/servers?colour=red').status).toBe(400);
  });
});

describe('microversions', () => {
  test('decide which fields there are; unknown ones are 406', () => {
    const cloud = new SimBench();
    const admin = cloud.login('admin');
    const id = cloud.login('demo').booted();
    expect(admin.nova('GET', `/servers/${id}`, undefined, 1).json.server).not.toHaveProperty('tags');
    expect(admin.nova('GET', '/flavors/gpu_tiny', undefined, 61).json.flavor).toMatchObject({ swap: '' });
    expect(admin.nova('GET', '/flavors/gpu_tiny', undefined, 60).json.flavor).not.toHaveProperty(
      'extra_specs',
    );
    const hypervisors = (minor: number): { vcpus?: number; memory_mb?: number }[] =>
      admin.nova('GET', '/os-hypervisors/detail', undefined, minor).json.hypervisors;
    expect(hypervisors(87)[0]).toMatchObject({
      vcpus: 28,
      memory_mb: 393_216,
      hypervisor_hostname: 'gpu-v100-01',
    });
    expect(hypervisors(88)[0]).not.toHaveProperty('vcpus');
    expect(admin.nova('GET', '/servers', undefined, 94)).toMatchObject({ status: 406 });
    expect(admin.nova('GET', '/servers', undefined, 93).headers['openstack-api-version']).toBe(
      'compute 2.93',
    );
  });
});

describe('quotas', () => {
  test('Nova refuses with 403, Neutron with 409', () => {
    const cloud = new SimBench();
    const demo = cloud.login('demo');
    const admin = cloud.login('admin');
    admin.nova('PUT', `/os-quota-sets/${demo.projectId}`, { quota_set: { instances: 1, cores: 20 } });
    admin.neutron('PUT', `/quotas/${demo.projectId}`, { quota: { port: 2, floatingip: 0 } });
    demo.booted();
    const refused = demo.boot();
    expect(refused.status).toBe(403);
    expect(refused.json.forbidden.message).toBe(
      'Quota exceeded for cores, instances: Requested 14, 1, but already used 14, 1 of 20, 1 cores, instances',
    );
    const detail = demo.nova('GET', `/os-quota-sets/${demo.projectId}/detail`).json.quota_set;
    expect(detail.instances).toEqual({ limit: 1, in_use: 1, reserved: 0 });
    demo.createPort();
    const port = demo.neutron('POST', '/ports', { port: { network_id: demo.networkId } });
    expect(port).toMatchObject({ status: 409, json: { NeutronError: { type: 'OverQuota' } } });
    const [external] = demo.neutron('GET', '/networks?router:external=true').json.networks;
    const floatingip = { floating_network_id: external.id };
    expect(demo.neutron('POST', '/floatingips', { floatingip }).json.NeutronError.type).toBe('OverQuota');
  });
});

describe('requests that are wrong', () => {
  test.each([
    [{ colour: 'red' }, 'Additional properties'],
    [{ flavorRef: 'none' }, 'Flavor none could not be found'],
    [{ imageRef: 'none' }, 'Image none could not be found'],
    [{ key_name: 'none' }, 'Invalid key_name'],
    [{ networks: [{ port: 'none' }] }, 'Port id none could not be found'],
    [{ user_data: 'ä' }, "not a 'base64'"],
    [{ tags: ['a,b'] }, 'tags'],
    [{ availability_zone: 'mars' }, 'availability zone'],
  ])('400 for %j', (extra, message) => {
    const answer = new SimBench().login('demo').boot(V100_MEDIUM, extra);
    expect(answer.status).toBe(400);
    expect(answer.json.badRequest.message).toContain(message);
  });

  test('no service answers with 5xx, whatever comes', () => {
    const demo = new SimBench().login('demo');
    expect(demo.nova('POST', '/servers/x/action').status).toBe(404);
    expect(demo.get('/compute/v2.1/%E0%A4%A').status).toBe(400);
    expect(demo.get('/image/v2/images/none').status).toBe(404);
    expect(demo.get('/elsewhere').status).toBe(404);
    expect(demo.act(demo.booted(), { constructor: null }).status).toBe(400);
  });
});

describe('Placement', () => {
  test('shows hosts with their cards below, and a taken card some seconds later', () => {
    const cloud = new SimBench();
    const admin = cloud.login('admin');
    const id = cloud.login('demo').booted();
    const name = admin.server(id)['OS-EXT-SRV-ATTR:hypervisor_hostname'];
    const [root] = admin.get(`/placement/resource_providers?name=${name}`).json.resource_providers;
    const [hypervisor] = admin
      .nova('GET', '/os-hypervisors/detail')
      .json.hypervisors.filter((row: { hypervisor_hostname: string }) => row.hypervisor_hostname === name);
    expect(root.uuid).toBe(hypervisor.id);
    const tree = admin.get(`/placement/resource_providers?in_tree=${root.uuid}`).json.resource_providers;
    expect(tree.map((provider: { name: string }) => provider.name)).toEqual([
      name,
      `${name}_0000:3B:00.0`,
      `${name}_0000:AF:00.0`,
    ]);
    const { inventories } = admin.get(`/placement/resource_providers/${root.uuid}/inventories`).json;
    expect(inventories.VCPU).toMatchObject({ total: 28, allocation_ratio: 4 });
    expect(inventories.MEMORY_MB).toMatchObject({ total: 393_216, reserved: 512 });
    const { usages } = admin.get(`/placement/resource_providers/${root.uuid}/usages`).json;
    expect(usages).toEqual({ VCPU: 14, MEMORY_MB: 65_535, DISK_GB: 51 });
    const card = `/placement/resource_providers/${tree[1].uuid}`;
    expect(admin.get(`${card}/usages`).json.usages).toEqual({ CUSTOM_PCI_10DE_1DB4: 1 });
    expect(admin.get(`${card}/traits`).json.traits).toContain('CUSTOM_GPU_V100');
    const { allocations } = admin.get(`/placement/allocations/${id}`).json;
    expect(Object.keys(allocations)).toHaveLength(2);

    const second = cloud.login('demo').boot('gpu_tiny').json.server.id;
    cloud.wait(1000);
    expect(Object.keys(admin.get(`/placement/allocations/${second}`).json.allocations)).toHaveLength(1);
    cloud.wait(5000);
    expect(Object.keys(admin.get(`/placement/allocations/${second}`).json.allocations)).toHaveLength(2);
  });
});

describe('the topology', () => {
  test('gives aggregates, flavors, and images as the test cloud has them', () => {
    const admin = new SimBench().login('admin');
    expect(admin.nova('GET', '/os-aggregates').json.aggregates[0]).toMatchObject({
      name: 'Delta GPU V100',
      hosts: ['gpu-v100-01', 'gpu-v100-02'],
      metadata: { gpu: 'True', gpu_count: '2', gpu_type: 'V100' },
    });
    expect(admin.nova('GET', '/flavors/detail?is_public=None').json.flavors).toHaveLength(12);
    expect(admin.get('/image/v2/images').json.images).toMatchObject([{ id: IMAGE_ID, os_distro: 'ubuntu' }]);
  });

  test('key pairs belong to users', () => {
    const demo = new SimBench().login('demo');
    const keypair = { name: 'k', public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== me', type: 'ssh' };
    expect(demo.nova('POST', '/os-keypairs', { keypair }).status).toBe(201);
    expect(demo.nova('POST', '/os-keypairs', { keypair }).status).toBe(409);
    expect(demo.nova('POST', '/os-keypairs', { keypair: { name: 'g' } }).status).toBe(400);
    expect(demo.server(demo.booted(V100_MEDIUM, { key_name: 'k' })).key_name).toBe('k');
    expect(demo.nova('DELETE', '/os-keypairs/k').status).toBe(204);
  });
});
