import { describe, expect, test } from 'vitest';
import { FIXED_TIMINGS, IMAGE_ID, SimBench, V100_MEDIUM } from '../../test/support/sim-client.ts';

const TWO_GPUS = 'de.NBI 2 GPU V100 large';

function bench(): SimBench {
  return new SimBench();
}

describe('the life of a server', () => {
  test('is built on a GPU host, holds a card, and shows it as Nova does', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const admin = cloud.login('admin');
    const answer = demo.boot(V100_MEDIUM, { tags: ['berth:d:l'], metadata: { a: 'b' } });
    expect(answer.status).toBe(202);
    const { id } = answer.json.server;
    expect(demo.server(id)).toMatchObject({ status: 'BUILD', 'OS-EXT-STS:task_state': 'scheduling' });
    cloud.wait(1000);
    expect(demo.server(id)).toMatchObject({ status: 'BUILD', 'OS-EXT-STS:task_state': 'spawning' });
    cloud.wait(10_000);
    const shown = demo.server(id);
    expect(shown).toMatchObject({
      status: 'ACTIVE',
      tags: ['berth:d:l'],
      metadata: { a: 'b' },
      locked: false,
      flavor: { original_name: 'de.NBI GPU V100 medium', extra_specs: { 'pci_passthrough:alias': 'V100:1' } },
      addresses: { private: [{ addr: '10.10.0.2', version: 4, 'OS-EXT-IPS:type': 'fixed' }] },
      'OS-SRV-USG:launched_at': '2026-11-21T12:00:11.000000',
    });
    expect(shown).not.toHaveProperty('OS-EXT-SRV-ATTR:host');
    expect(admin.server(id)['OS-EXT-SRV-ATTR:host']).toMatch(/^gpu-v100-0[12]$/);
    cloud.cloud.audit();
  });

  test('deleting takes a while, then it is 404 and its own port is gone', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const id = demo.booted();
    expect(demo.neutron('GET', `/ports?device_id=${id}`).json.ports).toHaveLength(1);
    expect(demo.nova('DELETE', `/servers/${id}`).status).toBe(204);
    expect(demo.server(id)['OS-EXT-STS:task_state']).toBe('deleting');
    cloud.wait(4000);
    const gone = demo.nova('GET', `/servers/${id}`);
    expect(gone).toMatchObject({ status: 404, json: { itemNotFound: { code: 404 } } });
    expect(demo.neutron('GET', `/ports?device_id=${id}`).json.ports).toHaveLength(0);
    const since = demo.nova('GET', '/servers/detail?changes-since=2026-11-21T12:00:00Z').json.servers;
    expect(since).toMatchObject([{ id, status: 'DELETED' }]);
  });

  test('a card is free only once the server is offloaded, and unshelving takes one again', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const admin = cloud.login('admin');
    const id = demo.booted();
    const { id: portId } = demo.neutron('GET', `/ports?device_id=${id}`).json.ports[0];
    expect(demo.act(id, { shelve: null }).status).toBe(202);
    expect(demo.act(id, { shelve: null }).status).toBe(409);
    cloud.wait(20_000);
    expect(admin.server(id)).toMatchObject({
      status: 'SHELVED',
      'OS-EXT-STS:task_state': 'shelving_offloading',
    });
    expect(usedCards(cloud)).toBe(1);
    expect(demo.get('/image/v2/images?name=gpu-1-shelved').json.images).toMatchObject([{ status: 'active' }]);
    cloud.wait(2000);
    expect(admin.server(id)).toMatchObject({ status: 'SHELVED_OFFLOADED', 'OS-EXT-SRV-ATTR:host': null });
    expect(usedCards(cloud)).toBe(0);
    expect(demo.neutron('GET', `/ports/${portId}`).json.port.device_id).toBe(id);
    expect(demo.act(id, { unshelve: null }).status).toBe(202);
    cloud.wait(11_000);
    expect(demo.server(id).status).toBe('ACTIVE');
    expect(usedCards(cloud)).toBe(1);
    expect(demo.get('/image/v2/images?name=gpu-1-shelved').json.images).toHaveLength(0);
  });

  test('unshelving without a free card changes nothing but the task state', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const first = demo.booted();
    demo.act(first, { shelve: null });
    cloud.wait(22_000);
    for (let i = 0; i < 4; i++) demo.booted();
    expect(demo.act(first, { unshelve: null }).status).toBe(202);
    expect(demo.server(first)['OS-EXT-STS:task_state']).toBe('unshelving');
    cloud.wait(1000);
    expect(demo.server(first)).toMatchObject({ status: 'SHELVED_OFFLOADED', 'OS-EXT-STS:task_state': null });
  });

  test('stays SHELVED where the cloud does not offload by itself, until an admin asks', () => {
    const cloud = new SimBench({ timings: { ...FIXED_TIMINGS, shelvedOffloadTimeMs: null } });
    const demo = cloud.login('demo');
    const id = demo.booted();
    demo.act(id, { shelve: null });
    cloud.wait(60_000);
    expect(demo.server(id).status).toBe('SHELVED');
    expect(demo.act(id, { shelveOffload: null }).status).toBe(403);
    expect(cloud.login('admin').act(id, { shelveOffload: null }).status).toBe(202);
    cloud.wait(2000);
    expect(demo.server(id).status).toBe('SHELVED_OFFLOADED');
  });

  test('stop, start, snapshot, console', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const id = demo.booted();
    expect(demo.act(id, { 'os-getConsoleOutput': { length: 20 } }).json.output).toContain(
      'nvidia 0000:3b:00.0',
    );
    expect(demo.act(id, { 'os-start': null }).status).toBe(409);
    demo.act(id, { 'os-stop': null });
    cloud.wait(3000);
    expect(demo.server(id).status).toBe('SHUTOFF');
    const { image_id } = demo.act(id, { createImage: { name: 'mine' } }).json;
    cloud.wait(5000);
    expect(demo.get(`/image/v2/images/${image_id}`).json).toMatchObject({ name: 'mine', status: 'active' });
    demo.act(id, { 'os-start': null });
    cloud.wait(3000);
    expect(demo.server(id).status).toBe('ACTIVE');
  });

  test('a locked server refuses its members, not the admin', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const admin = cloud.login('admin');
    const id = demo.booted();
    expect(admin.act(id, { lock: { locked_reason: 'ended' } }).status).toBe(202);
    expect(demo.server(id)).toMatchObject({ locked: true, locked_reason: 'ended' });
    expect(demo.act(id, { shelve: null })).toMatchObject({
      status: 409,
      json: { conflictingRequest: { code: 409 } },
    });
    expect(demo.nova('DELETE', `/servers/${id}`).status).toBe(409);
    expect(admin.nova('DELETE', `/servers/${id}`).status).toBe(204);
  });
});

describe('capacity', () => {
  test('the one too many for the last card ends in ERROR with its fault', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const ids = Array.from({ length: 5 }, () => demo.boot().json.server.id);
    cloud.wait(11_000);
    const states = ids.map((id) => demo.server(id).status);
    expect(states.filter((status) => status === 'ACTIVE')).toHaveLength(4);
    const loser = demo.server(ids[states.indexOf('ERROR')] ?? '');
    expect(loser.fault).toMatchObject({
      code: 500,
      message: expect.stringContaining('No valid host was found'),
    });
    expect(usedCards(cloud)).toBe(4);
    cloud.cloud.audit();
  });

  test('two cards of two hosts are no host with two cards', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const admin = cloud.login('admin');
    for (const host of ['gpu-v100-01', 'gpu-v100-02']) {
      const server = { name: host, flavorRef: V100_MEDIUM, imageRef: IMAGE_ID, networks: 'none', host };
      expect(admin.nova('POST', '/servers', { server }).status).toBe(202);
    }
    cloud.wait(11_000);
    const flavorId = flavorIdOf(demo, TWO_GPUS);
    expect(demo.server(demo.booted(flavorId)).status).toBe('ERROR');
  });

  test('servers without cards stay off the GPU hosts', () => {
    const cloud = bench();
    const id = cloud.login('demo').booted('ci_medium');
    expect(cloud.login('admin').server(id)['OS-EXT-SRV-ATTR:host']).toBe('cpu-01');
  });

  test('a host that is down takes nobody, keeps its servers ACTIVE, and goes on when it is back', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const admin = cloud.login('admin');
    const id = demo.booted();
    const host = admin.server(id)['OS-EXT-SRV-ATTR:host'];
    cloud.cloud.setHostUp(host, false, cloud.nowMs);
    expect(demo.server(id).status).toBe('ACTIVE');
    const { services } = admin.nova('GET', `/os-services?binary=nova-compute&host=${host}`).json;
    expect(services).toMatchObject([{ host, state: 'down', status: 'enabled' }]);
    for (let i = 0; i < 2; i++) expect(admin.server(demo.booted())['OS-EXT-SRV-ATTR:host']).not.toBe(host);
    expect(demo.server(demo.booted()).status).toBe('ERROR');
    demo.act(id, { shelve: null });
    cloud.wait(600_000);
    expect(demo.server(id)['OS-EXT-STS:task_state']).toBe('shelving');
    cloud.cloud.setHostUp(host, true, cloud.nowMs);
    cloud.wait(2000);
    expect(demo.server(id).status).toBe('SHELVED_OFFLOADED');
  });
});

describe('ports', () => {
  test('of two servers with one port the second ends in ERROR, and the first is without it', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const port = demo.createPort();
    const networks = [{ port: port.id }];
    const winner = demo.boot(V100_MEDIUM, { networks }).json.server.id;
    const loser = demo.boot(V100_MEDIUM, { networks }).json.server.id;
    cloud.wait(11_000);
    expect(demo.server(winner).status).toBe('ACTIVE');
    expect(demo.server(loser)).toMatchObject({
      status: 'ERROR',
      fault: { message: expect.stringContaining('network') },
    });
    expect(usedCards(cloud)).toBe(1);
    expect(demo.neutron('GET', `/ports/${port.id}`).json.port.device_id).toBe('');
    expect(demo.server(winner).addresses).toEqual({});
    demo.nova('DELETE', `/servers/${loser}`);
    demo.nova('DELETE', `/servers/${winner}`);
    cloud.wait(4000);
    expect(demo.neutron('GET', `/ports/${port.id}`).json.port).toMatchObject({
      device_id: '',
      status: 'DOWN',
    });
  });

  test('a port that a server has is refused to another at once, and free when that one is gone', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const port = demo.createPort();
    const networks = [{ port: port.id }];
    const { id } = demo.boot(V100_MEDIUM, { networks }).json.server;
    cloud.wait(11_000);
    expect(demo.boot(V100_MEDIUM, { networks }).status).toBe(409);
    expect(demo.neutron('GET', `/ports/${port.id}`).json.port.device_id).toBe(id);
    demo.nova('DELETE', `/servers/${id}`);
    cloud.wait(4000);
    expect(demo.neutron('GET', `/ports/${port.id}`).json.port.device_id).toBe('');
  });

  test('a floating IP outlives its server and its port', () => {
    const cloud = bench();
    const demo = cloud.login('demo');
    const id = demo.booted();
    const [port] = demo.neutron('GET', `/ports?device_id=${id}`).json.ports;
    const [external] = demo.neutron('GET', '/networks?router:external=true').json.networks;
    const floatingip = { floating_network_id: external.id, port_id: port.id, description: 'berth' };
    const made = demo.neutron('POST', '/floatingips', { floatingip });
    expect(made).toMatchObject({
      status: 201,
      json: { floatingip: { status: 'ACTIVE', floating_ip_address: '203.0.113.10' } },
    });
    expect(demo.server(id).addresses.private[1]).toMatchObject({
      addr: '203.0.113.10',
      'OS-EXT-IPS:type': 'floating',
    });
    expect(demo.neutron('POST', '/floatingips', { floatingip }).json.NeutronError.type).toBe(
      'FloatingIPPortAlreadyAssociated',
    );
    demo.nova('DELETE', `/servers/${id}`);
    cloud.wait(4000);
    const left = demo.neutron('GET', `/floatingips/${made.json.floatingip.id}`).json.floatingip;
    expect(left).toMatchObject({ port_id: null, status: 'DOWN', description: 'berth' });
    expect(demo.neutron('DELETE', `/floatingips/${left.id}`).status).toBe(204);
  });

  test('ports have tags and can be found by them', () => {
    const demo = bench().login('demo');
    const port = demo.createPort();
    expect(demo.neutron('PUT', `/ports/${port.id}/tags`, { tags: ['x'] }).status).toBe(200);
    expect(demo.neutron('PUT', `/ports/${port.id}/tags/y`).status).toBe(201);
    demo.createPort();
    expect(demo.neutron('GET', '/ports?tags=x,y').json.ports).toMatchObject([
      { id: port.id, tags: ['x', 'y'] },
    ]);
    const tagged = { port: { network_id: demo.networkId, tags: ['x'] } };
    expect(demo.neutron('POST', '/ports', tagged).status).toBe(400);
  });
});

function usedCards(cloud: SimBench): number {
  const devices = [...cloud.cloud.hosts.values()].flatMap((host) => host.devices);
  return devices.filter((device) => device.serverId !== null).length;
}

function flavorIdOf(session: ReturnType<SimBench['login']>, name: string): string {
  const { flavors } = session.nova('GET', '/flavors/detail').json;
  return flavors.find((flavor: { name: string }) => flavor.name === name).id;
}
