import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../src/base/units.ts';
import { availability } from '../../src/domain/scheduler/availability.ts';
import type { ProviderSnapshot } from '../../src/engine/ports.ts';
import { defaultTopology, parseTopology, type SimTopology } from '../../src/sim/topology.ts';
import { create } from '../support/worlds.ts';
import { SimulatedService, type ServiceOptions } from '../support/simulated-service.ts';

/** What the adapter finds in the simulated cloud, with the whole service behind it. */
const T4 = 'CUSTOM_NVIDIA_1EB8';

describe('accelerators that Placement counts', () => {
  test('are offered, handed out and given back, with those of others counted', async () => {
    const service = await new SimulatedService({ topology: ACCELERATORS }).open();
    expect(counts(service)).toEqual({ vgpu: '4/4', t4: '2/2', fpga: '1/1' });
    await borrow(service, 'one', 'vgpu');
    await borrow(service, 'two', 'fpga');
    for (const name of ['one', 'two']) await service.reach(name, 'active');
    await service.clock.run(MINUTE_MS);
    expect(counts(service)).toEqual({ vgpu: '4/3', t4: '2/2', fpga: '1/0' });
    const { servers } = service.cloud;
    expect([...servers.values()].map((server) => server.host)).toEqual(
      expect.arrayContaining(['gpu-v100-01', 'gpu-v100-02']),
    );
    for (const name of ['one', 'two']) await give(service, name);
    await service.clock.run(MINUTE_MS);
    expect(counts(service)).toEqual({ vgpu: '4/4', t4: '2/2', fpga: '1/1' });
    service.cloud.audit();
    expect(service.bugs).toEqual([]);
  });

  test('wait where none is free, although memory is', async () => {
    const service = await new SimulatedService({ topology: ACCELERATORS }).open();
    for (const name of ['a', 'b', 'c']) await borrow(service, name, 't4');
    await service.reach('b', 'active');
    expect(service.lease('c')?.state.kind).toBe('queued');
    await give(service, 'a');
    await service.reach('c', 'active');
  });
});

describe('a poll', () => {
  test('makes seven calls, whatever the number of hosts and leases', async () => {
    const requests: string[] = [];
    const hosts = Array.from({ length: 40 }, (_unused, index) => ({
      ...host(0),
      name: `gpu-${index}`,
    }));
    const aggregates = [
      {
        name: 'all',
        metadata: { gpu: 'True', gpu_count: '2', gpu_type: 'V100' },
        hosts: hosts.map(({ name }) => name),
      },
    ];
    const service = await new SimulatedService({
      topology: { hosts, aggregates },
      onRequest: (request) => requests.push(request),
    }).open();
    await service.borrow(['a', 'b', 'c']);
    await service.reach('c', 'active');
    await service.clock.run(MINUTE_MS);
    const polls = service.controllers.providers()[0]?.observedAtMs;
    requests.length = 0;
    await service.clock.runUntil(() => service.controllers.providers()[0]?.observedAtMs !== polls, MINUTE_MS);
    expect(requests.map((request) => request.replace('http://sim.invalid', '')).toSorted()).toEqual([
      'GET /compute/v2.1/flavors/detail?is_public=None&limit=1000',
      'GET /compute/v2.1/os-aggregates',
      'GET /compute/v2.1/os-hypervisors/detail?limit=1000',
      'GET /compute/v2.1/servers/detail?all_tenants=1&limit=1000',
      expect.stringMatching(/^GET \/network\/v2\.0\/floatingips\?/),
      expect.stringMatching(/^GET \/network\/v2\.0\/ports\?/),
      'GET /placement/allocation_candidates?resources=MEMORY_MB%3A1',
    ]);
  });

  test('comes soon after a start that failed, since the books seem to be behind', async () => {
    const service = await new SimulatedService({ controllers: { pollIntervalMs: 60 * MINUTE_MS } }).open();
    service.cloud.faultPolicy = { ...service.cloud.faultPolicy, rates: { buildError: 1 } };
    await service.borrow(['a']);
    await service.clock.runUntil(() => (service.lease('a')?.setbacks.length ?? 0) > 0, 5 * MINUTE_MS);
    const failedAtMs = service.engine.nowMs();
    await service.clock.run(4 * SECOND_MS);
    expect(service.controllers.providers()[0]?.observedAtMs).toBeGreaterThan(failedAtMs);
  });

  test('goes on with the last numbers of a Placement that does not answer', async () => {
    let isDown = false;
    const service = await new SimulatedService({
      topology: ACCELERATORS,
      onRequest: (request) => {
        if (isDown && request.includes('/placement/')) throw new TypeError('fetch failed');
      },
    }).open();
    await service.clock.run(MINUTE_MS);
    isDown = true;
    await service.clock.run(MINUTE_MS);
    expect(service.controllers.providers()).toMatchObject([{ reachable: true }]);
    expect(service.controllers.providers()[0]?.warnings.join()).toContain('Placement does not answer');
    expect(counts(service)).toEqual({ vgpu: '4/4', t4: '2/2', fpga: '1/1' });
  });

  test("counts by Nova's own numbers where there is no Placement to read", async () => {
    const services = { ...defaultTopology.services, missing: ['placement'] };
    const service = await new SimulatedService({ topology: { services } }).open();
    const [status] = service.controllers.providers();
    expect(status?.warnings.join()).toContain('Placement cannot be read');
    const [row] = service.engine.world.hosts.values();
    expect(row?.host).toMatchObject({
      capacity: { vcpus: 112, memoryMiB: 384 * 1024 },
      foreign: { resources: { memoryMiB: 512 } },
    });
  });

  test('reads a host that is full from Placement itself', async () => {
    const fat = flavor('fat', { 'resources:VGPU': '1' });
    const memoryMiB = host(0).memory_gb * 1024 - 512;
    const full = { ...ACCELERATORS, flavors: [{ ...fat, ram: memoryMiB }] };
    const service = await new SimulatedService({ topology: full }).open();
    expect(counts(service)).toEqual({ fat: '1/1' });
    await borrow(service, 'a', 'fat');
    await service.reach('a', 'active');
    await service.clock.run(MINUTE_MS);
    expect(counts(service)).toEqual({ fat: '1/0' });
    // A new process has not seen the host before it was full.
    await service.crash();
    await service.open();
    expect(counts(service)).toEqual({ fat: '1/0' });
    await give(service, 'a');
    await service.clock.run(MINUTE_MS);
    expect(counts(service)).toEqual({ fat: '1/1' });
  });
});

describe('an account that sees only its own project', () => {
  const gpuHost = { gpuType: 'V100', gpuCount: 2, vcpus: 28, memoryMiB: 384 * 1024, diskGiB: 4000 };
  const member: ServiceOptions = {
    account: ['demo', 'demo'],
    changes: { rights: () => 'member', hosts: [{ ...gpuHost, name: 'gpu-v100-01' }] },
  };

  test('lends what its operator declared, and counts what its own leases hold', async () => {
    const service = await new SimulatedService(member).open();
    expect(service.engine.world.hosts.size).toBe(1);
    await service.borrow(['a', 'b', 'c']);
    for (const name of ['a', 'b']) await service.reach(name, 'active');
    await service.clock.run(MINUTE_MS);
    expect(service.lease('c')?.state.kind).toBe('queued');
    await give(service, 'a');
    await service.reach('c', 'active');
    expect(service.bugs).toEqual([]);
  });

  test('is told by the cloud where others were faster, and tries again', async () => {
    const service = await new SimulatedService(member).open();
    for (const name of service.cloud.hosts.keys())
      service.cloud.setHostUp(name, false, service.clock.wallMs());
    await service.borrow(['a']);
    await service.clock.runUntil(() => (service.lease('a')?.setbacks.length ?? 0) > 0, 5 * MINUTE_MS);
    expect(service.lease('a')?.setbacks[0]).toMatchObject({ code: 'no_valid_host' });
    for (const name of service.cloud.hosts.keys())
      service.cloud.setHostUp(name, true, service.clock.wallMs());
    await service.reach('a', 'active', 60 * MINUTE_MS);
  });

  test('has nothing to lend where no host is declared, and says so', async () => {
    const shown: ProviderSnapshot[] = [];
    const service = await new SimulatedService({
      ...member,
      changes: { rights: () => 'member', hosts: [] },
      around: (provider) => ({
        ...provider,
        snapshot: async (isCounted) => {
          const snapshot = await provider.snapshot(isCounted);
          shown.push(snapshot);
          return snapshot;
        },
      }),
    }).open();
    expect(shown[0]?.warnings.join()).toContain('declare the GPU hosts in clouds[].hosts');
    expect(service.controllers.providers()[0]?.warnings.join()).toContain('no host of this cloud');
  });
});

const ACCELERATORS: Partial<SimTopology> = parseTopology({
  ...defaultTopology,
  hosts: [
    { ...host(0), gpus: [], accelerators: [vgpus('a'), vgpus('b')] },
    {
      ...host(1),
      gpus: [],
      accelerators: [
        { name: 'c', resource_class: 'PGPU', total: 2, traits: [T4] },
        { name: 'd', resource_class: 'FPGA', total: 1 },
        // In repair.
        { name: 'e', resource_class: 'FPGA', total: 1, reserved: 1 },
      ],
    },
  ],
  // As on the clouds that keep flavors without PCI devices off hosts with them.
  aggregates: [{ name: 'plain', metadata: { gpu: 'False' }, hosts: [host(0).name, host(1).name] }],
  projects: [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/24' }],
  flavors: [
    flavor('vgpu', { 'resources:VGPU': '1' }),
    flavor('t4', { 'resources1:PGPU': '1', [`trait1:${T4}`]: 'required' }),
    flavor('fpga', { 'accel:device_profile': 'any-fpga' }),
  ],
  device_profiles: [{ name: 'any-fpga', groups: [{ 'resources:FPGA': '1' }] }],
});

function host(index: number): SimTopology['hosts'][number] {
  const found = defaultTopology.hosts[index];
  if (found === undefined) throw new RangeError(`the default cloud has no host ${index}`);
  return found;
}

function vgpus(name: string): {
  readonly name: string;
  readonly resource_class: string;
  readonly total: number;
} {
  return { name, resource_class: 'VGPU', total: 2 };
}

function flavor(name: string, extraSpecs: Readonly<Record<string, string>>): SimTopology['flavors'][number] {
  const size = { vcpus: 4, ram: 4096, disk: 20, swap: 0, ephemeral: 0, disabled: false };
  return { name, id: name, ...size, extra_specs: { ...extraSpecs } };
}

/** `total/available` by flavor. */
function counts({ engine }: SimulatedService): Readonly<Record<string, string>> {
  const flavors = [...engine.world.flavors.values()];
  return Object.fromEntries(
    flavors.map((each) => {
      const { total, available } = availability(engine.world, each, engine.nowMs());
      return [each.name, `${total}/${available}`] as const;
    }),
  );
}

async function borrow(service: SimulatedService, name: string, flavorName: string): Promise<void> {
  const outcome = await service.give(create(name, flavorName, {}));
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}

async function give(service: SimulatedService, name: string): Promise<void> {
  const leaseId = service.lease(name)?.id;
  if (leaseId === undefined) throw new Error(`there is no lease ${name}`);
  await service.give({ type: 'lease.release', leaseId });
  await service.reach(name, 'ended');
}
