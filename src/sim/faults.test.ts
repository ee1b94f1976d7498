import { describe, expect, test } from 'vitest';
import { IMAGE_ID, PUBLIC_ID, SimBench, V100_MEDIUM } from '../../test/support/sim-client.ts';
import { FAULT_KINDS, type FaultKind, NO_FAULTS, type RequestFaultKind, TASK_FAULT_KINDS } from './faults.ts';
import type { SimOutcome } from './http.ts';

interface Scene {
  readonly bench: SimBench;
  readonly demo: ReturnType<SimBench['login']>;
}

/** Each fault with what a client and the cloud show of it; the table must name them all. */
const EFFECTS: Readonly<Record<FaultKind, (scene: Scene) => void>> = {
  latency: ({ bench, demo }) => {
    bench.cloud.arm({ kind: 'latency' });
    const outcome = bench.outcome('GET', '/compute/v2.1/servers', undefined, demo.headers(93));
    expect(outcome).toMatchObject({ kind: 'reply', response: { status: 200 } });
    expect(outcome.kind === 'reply' && outcome.delayMs).toBeGreaterThanOrEqual(2000);
  },
  tokenDropped: ({ bench, demo }) => {
    bench.cloud.arm({ kind: 'tokenDropped' });
    expect(demo.nova('GET', '/servers').status).toBe(401);
    expect(demo.nova('GET', '/servers').status).toBe(401);
    expect(bench.login('demo').nova('GET', '/servers').status).toBe(200);
  },
  forbidden: (scene) => refusedOnce(scene, 'forbidden', 403),
  conflict: (scene) => refusedOnce(scene, 'conflict', 409),
  rateLimited: (scene) => {
    const answer = refusedOnce(scene, 'rateLimited', 429);
    expect(answer.headers['retry-after']).toBe('2');
  },
  serverError: (scene) => void refusedOnce(scene, 'serverError', 500),
  badGateway: (scene) => void refusedOnce(scene, 'badGateway', 502),
  gatewayTimeout: (scene) => void refusedOnce(scene, 'gatewayTimeout', 504),
  requestLost: ({ bench, demo }) => {
    bench.cloud.arm({ kind: 'requestLost', method: 'POST', pathContains: '/servers' });
    expect(() => demo.boot()).toThrow('no reply');
    bench.wait(60_000);
    expect(bench.cloud.servers.size).toBe(0);
  },
  replyDropped: ({ bench, demo }) => {
    bench.cloud.arm({ kind: 'replyDropped', method: 'POST', pathContains: '/servers' });
    expect(() => demo.boot()).toThrow('no reply');
    expect(bench.cloud.servers.size).toBe(1);
  },
  errorAfterEffect: ({ bench, demo }) => {
    bench.cloud.arm({ kind: 'errorAfterEffect', method: 'POST', pathContains: '/servers' });
    expect(demo.boot().status).toBe(502);
    expect(bench.cloud.servers.size).toBe(1);
  },
  acceptedLate: ({ bench, demo }) => {
    bench.cloud.arm({ kind: 'acceptedLate', method: 'POST', pathContains: '/servers' });
    expect(() => demo.boot()).toThrow('no reply');
    expect(bench.cloud.servers.size).toBe(0);
    bench.wait(30_000);
    expect(bench.cloud.servers.size).toBe(1);
  },
  noValidHost: (scene) => failedBuild(scene, 'noValidHost', 'No valid host was found'),
  buildError: (scene) => failedBuild(scene, 'buildError', 'GPU has fallen off the bus'),
  buildHangs: ({ bench, demo }) => {
    bench.cloud.arm({ kind: 'buildHangs' });
    const id = demo.booted();
    bench.wait(86_400_000);
    expect(bench.cloud.servers.get(id)).toMatchObject({ vmState: 'building', taskState: 'spawning' });
    expect(bench.login('demo').nova('DELETE', `/servers/${id}`).status).toBe(204);
  },
  unshelveIgnored: ({ bench, demo }) => {
    const id = offloaded({ bench, demo });
    bench.cloud.arm({ kind: 'unshelveIgnored' });
    expect(demo.act(id, { unshelve: null }).status).toBe(202);
    bench.wait(20_000);
    expect(demo.server(id)).toMatchObject({ status: 'SHELVED_OFFLOADED', 'OS-EXT-STS:task_state': null });
  },
  unshelveInterrupted: ({ bench, demo }) => {
    const id = offloaded({ bench, demo });
    bench.cloud.arm({ kind: 'unshelveInterrupted' });
    demo.act(id, { unshelve: null });
    bench.wait(20_000);
    expect(demo.server(id)).toMatchObject({ status: 'ERROR', 'OS-EXT-STS:task_state': null });
    expect(bench.cloud.servers.get(id)?.host).not.toBeNull();
  },
  shelveFails: ({ bench, demo }) => {
    const id = demo.booted();
    bench.cloud.arm({ kind: 'shelveFails' });
    expect(demo.act(id, { shelve: null }).status).toBe(202);
    bench.wait(60_000);
    expect(demo.server(id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
  },
  shelveNotOffloaded: ({ bench, demo }) => {
    const id = demo.booted();
    bench.cloud.arm({ kind: 'shelveNotOffloaded' });
    demo.act(id, { shelve: null });
    bench.wait(60_000);
    expect(demo.server(id)).toMatchObject({ status: 'SHELVED', 'OS-EXT-STS:task_state': null });
  },
  deleteStalls: ({ bench, demo }) => {
    const id = demo.booted();
    bench.cloud.arm({ kind: 'deleteStalls' });
    demo.nova('DELETE', `/servers/${id}`);
    bench.wait(60_000);
    expect(demo.server(id)['OS-EXT-STS:task_state']).toBe('deleting');
    bench.wait(600_000);
    expect(demo.nova('GET', `/servers/${id}`).status).toBe(404);
  },
  hostDown: ({ bench }) => {
    const host = bench.cloud.hosts.get('gpu-v100-01');
    bench.cloud.disturb('hostDown', 'gpu-v100-01', bench.nowMs, bench.prng);
    expect(host?.up).toBe(false);
    bench.wait(600_000);
    expect(host?.up).toBe(true);
  },
  serverDeletedElsewhere: (scene) => {
    const id = disturbed(scene, 'serverDeletedElsewhere');
    scene.bench.wait(10_000);
    expect(scene.demo.nova('GET', `/servers/${id}`).status).toBe(404);
  },
  serverStoppedElsewhere: (scene) => {
    const id = disturbed(scene, 'serverStoppedElsewhere');
    scene.bench.wait(10_000);
    expect(scene.demo.server(id).status).toBe('SHUTOFF');
  },
  serverTagsRemoved: (scene) => {
    expect(scene.demo.server(disturbed(scene, 'serverTagsRemoved')).tags).toEqual([]);
  },
  serverRenamedElsewhere: (scene) => {
    expect(scene.demo.server(disturbed(scene, 'serverRenamedElsewhere')).name).toMatch(/^renamed-/);
  },
  serverUnshelvedElsewhere: (scene) => {
    const id = offloaded(scene);
    expect(
      scene.bench.cloud.disturb('serverUnshelvedElsewhere', id, scene.bench.nowMs, scene.bench.prng),
    ).toBe(true);
    scene.bench.wait(20_000);
    expect(scene.demo.server(id).status).toBe('ACTIVE');
  },
  shelveImageDeleted: ({ bench, demo }) => {
    const id = offloaded({ bench, demo });
    expect(bench.cloud.disturb('shelveImageDeleted', id, bench.nowMs, bench.prng)).toBe(true);
    demo.act(id, { unshelve: null });
    bench.wait(20_000);
    expect(demo.server(id)).toMatchObject({
      status: 'ERROR',
      fault: { message: expect.stringMatching(/^Unshelve attempted but the image .* cannot be found/) },
    });
    expect(bench.cloud.servers.get(id)?.host).toBeNull();
  },
  floatingIpTakenOff: ({ bench, demo }) => {
    const id = offloaded({ bench, demo });
    // It has none yet, so there is nothing to take off.
    expect(bench.cloud.disturb('floatingIpTakenOff', id, bench.nowMs, bench.prng)).toBe(false);
    const [port] = [...bench.cloud.ports.values()].filter(({ deviceId }) => deviceId === id);
    const body = { floatingip: { floating_network_id: PUBLIC_ID, port_id: port?.id } };
    expect(demo.neutron('POST', '/floatingips', body).status).toBe(201);
    expect(bench.cloud.disturb('floatingIpTakenOff', id, bench.nowMs, bench.prng)).toBe(true);
    expect([...bench.cloud.floatingIps.values()].map(({ portId }) => portId)).toEqual([null]);
  },
  dateStep: ({ bench, demo }) => {
    const date = (): number => Date.parse(demo.nova('GET', '/servers').headers['date'] ?? '');
    expect(date()).toBe(bench.nowMs);
    bench.cloud.disturb('dateStep', null, bench.nowMs, bench.prng);
    expect(Math.abs(date() - bench.nowMs)).toBeGreaterThanOrEqual(89_000);
  },
};

describe('each fault takes effect and is counted once', () => {
  test.each(FAULT_KINDS.map((kind) => [kind]))('%s', (kind) => {
    const bench = new SimBench();
    const scene = { bench, demo: bench.login('demo') };
    EFFECTS[kind](scene);
    expect(bench.cloud.faultCounts[kind]).toBe(1);
    const others = FAULT_KINDS.filter((other) => other !== kind && bench.cloud.faultCounts[other] > 0);
    expect(others).toEqual([]);
    bench.cloud.audit();
  });
});

const TASKS: ReadonlySet<FaultKind> = new Set(TASK_FAULT_KINDS);

test('rates draw every kind in the end, and none at all without rates', { timeout: 60_000 }, () => {
  const bench = new SimBench();
  const calm = new SimBench();
  const rates = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, TASKS.has(kind) ? 0.2 : 0.01]));
  bench.cloud.faultPolicy = { ...NO_FAULTS, rates };
  for (const cloud of [bench, calm]) exercise(cloud, 4000);
  expect(FAULT_KINDS.filter((kind) => bench.cloud.faultCounts[kind] === 0)).toEqual([]);
  expect(FAULT_KINDS.filter((kind) => calm.cloud.faultCounts[kind] > 0)).toEqual([]);
});

function refusedOnce(scene: Scene, kind: RequestFaultKind, status: number): ReturnType<SimBench['send']> {
  const { bench, demo } = scene;
  bench.cloud.arm({ kind, method: 'POST' });
  const answer = demo.boot();
  expect(answer.status).toBe(status);
  expect(bench.cloud.servers.size).toBe(0);
  expect(demo.boot().status).toBe(202);
  return answer;
}

function failedBuild({ bench, demo }: Scene, kind: 'noValidHost' | 'buildError', message: string): void {
  bench.cloud.arm({ kind });
  const shown = demo.server(demo.booted());
  expect(shown).toMatchObject({ status: 'ERROR', fault: { message: expect.stringContaining(message) } });
}

function offloaded({ bench, demo }: Scene): string {
  const id = demo.booted();
  demo.act(id, { shelve: null });
  bench.wait(22_000);
  return id;
}

function disturbed({ bench, demo }: Scene, kind: Parameters<SimBench['cloud']['disturb']>[0]): string {
  const id = demo.booted(V100_MEDIUM, { tags: ['x'] });
  expect(bench.cloud.disturb(kind, id, bench.nowMs, bench.prng)).toBe(true);
  return id;
}

/** Boots, shelves, unshelves, and deletes as far as the faults let it. */
function exercise(bench: SimBench, requests: number): void {
  let token = '';
  const ask = (method: string, path: string, body?: unknown): void => {
    const headers = { 'x-auth-token': token, 'openstack-api-version': 'compute 2.93' };
    const outcome = bench.outcome(method, `/compute/v2.1${path}`, body, headers);
    if (outcome.kind === 'reply' && outcome.response.status === 401) token = '';
  };
  for (let i = 0; i < requests; i++) {
    bench.nowMs += bench.prng.below(20_000);
    if (token === '') token = tokenFrom(bench.outcome('POST', '/identity/v3/auth/tokens', DEMO_LOGIN));
    const servers = [...bench.cloud.servers.values()];
    const offloadedId = servers.find((server) => server.vmState === 'shelved_offloaded')?.id;
    const activeId = servers.find((server) => server.vmState === 'active')?.id;
    const [oldest] = servers;
    if (activeId !== undefined && bench.cloud.floatingIps.size < 20 && bench.prng.chance(0.2))
      addFloatingIp(bench, token, activeId);
    if (servers.length > 8 && oldest !== undefined) ask('DELETE', `/servers/${oldest.id}`);
    else if (offloadedId !== undefined && bench.prng.chance(0.3)) {
      ask('POST', `/servers/${offloadedId}/action`, { unshelve: null });
    } else if (activeId !== undefined && bench.prng.chance(0.3)) {
      ask('POST', `/servers/${activeId}/action`, { shelve: null });
    } else if (bench.prng.chance(0.5)) ask('GET', '/servers/detail');
    else {
      const server = { name: 's', flavorRef: V100_MEDIUM, imageRef: IMAGE_ID, networks: 'auto', tags: ['t'] };
      ask('POST', '/servers', { server });
    }
  }
}

function addFloatingIp(bench: SimBench, token: string, serverId: string): void {
  const port = [...bench.cloud.ports.values()].find(({ deviceId }) => deviceId === serverId);
  const body = { floatingip: { floating_network_id: PUBLIC_ID, port_id: port?.id } };
  bench.outcome('POST', '/network/v2.0/floatingips', body, { 'x-auth-token': token });
}

const DEMO_LOGIN = {
  auth: {
    identity: {
      methods: ['password'],
      password: { user: { name: 'demo', domain: { id: 'default' }, password: 'demo' } },
    },
  },
};

function tokenFrom(outcome: SimOutcome): string {
  return outcome.kind === 'reply' ? (outcome.response.headers['x-subject-token'] ?? '') : '';
}
