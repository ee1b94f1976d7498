import { describe, expect, test } from 'vitest';
import { asId } from '../base/ids.ts';
import { AGGREGATES, cloudOf, flavor, FLAVORS, hypervisor, HYPERVISORS, server } from './denbi.fixtures.ts';
import { counted, take } from './inventory.fixtures.ts';
import type { Inventory } from './inventory.ts';

const SECOND = {
  id: 11,
  name: 'more',
  hosts: ['n3'],
  metadata: { gpu: 'yes', gpu_count: '2', gpu_type: 'V100' },
};
const WITHOUT_DISK = flavor('gpu-medium', 14, 65_535, 'V100:1', { disk: 0, swap: 0 });

describe('counts what the GPU flavor report publishes', () => {
  test.each([
    ['as it is', {}, '4/3 4/3 2/1'],
    ["with gpu='False'", { aggregates: [withMetadata({ gpu: 'False' })] }, '0/0 0/0 0/0'],
    ['with one host disabled', { hypervisors: withHost('n3', { status: 'disabled' }) }, '2/2 2/2 1/1'],
    ['with one host down', { hypervisors: withHost('n3', { state: 'down' }) }, '2/2 2/2 1/1'],
    ['with a server that has two GPUs', { servers: [server('vm2', 'n3', 'V100:2')] }, '4/2 4/2 2/1'],
    ['with a flavor without disk', { flavors: [...FLAVORS.slice(0, 3), WITHOUT_DISK] }, '4/3 4/3 2/1'],
    ['with a host in two aggregates', { aggregates: [...AGGREGATES, SECOND] }, '4/3 4/3 2/1'],
  ])('%s', (_name, parts, expected) => {
    const inventory = take(cloudOf(parts));
    expect(['gpu-medium', 'gpu-large', 'two-gpus'].map((name) => counted(inventory, name)).join(' ')).toBe(
      expected,
    );
  });

  test('with the rows of each host behind it', () => {
    const { hosts } = take(cloudOf({}));
    expect(hosts.map(({ name, capacity }) => [name, capacity])).toEqual([
      ['n3', { vcpus: 112, memoryMiB: 385_534, diskGiB: 7392 }],
      ['n4', { vcpus: 112, memoryMiB: 385_534, diskGiB: 7392 }],
    ]);
    // 6/4/97 and 6/5/144 of the medium flavor fit beside it by vCPU, memory and disk.
    expect(hosts.map(({ foreign }) => foreign)).toEqual([
      { resources: { vcpus: 28, memoryMiB: 65_536, diskGiB: 7392 - 4959 }, devices: { V100: 1 } },
      { resources: { vcpus: 28, memoryMiB: 0, diskGiB: 0 }, devices: {} },
    ]);
  });
});

describe('hosts', () => {
  test('are joined by service host, or by a short name that is the only one', () => {
    const fqdn = { ...gpuAggregate(), hosts: ['n3.example.org', 'n4'] };
    expect(take(cloudOf({ aggregates: [fqdn] })).hosts.map(({ name }) => name)).toEqual(['n3', 'n4']);
    const twice = [hypervisor('n3.a', used()), hypervisor('n3.b', used())];
    const ambiguous = take(
      cloudOf({ aggregates: [{ ...gpuAggregate(), hosts: ['n3.c', 'n3.b'] }], hypervisors: twice }),
    );
    expect(ambiguous.hosts.map(({ name }) => name)).toEqual(['n3.b']);
    expect(ambiguous.warnings).toEqual(["aggregate 'v100': Nova has no hypervisor for host 'n3.c'"]);
  });

  test('that aggregates disagree on have the lower count', () => {
    const more = { ...SECOND, metadata: { ...SECOND.metadata, gpu_count: '4' } };
    const inventory = take(cloudOf({ aggregates: [...AGGREGATES, more] }));
    expect(inventory.hosts[0]?.slots).toEqual({ V100: 2 });
    expect(inventory.warnings).toEqual([
      "host 'n3': aggregates disagree on the number of V100; the lower one counts",
    ]);
  });

  test('in aggregates of two types have both, each with its own use', () => {
    const a100 = {
      id: 12,
      name: 'a',
      hosts: ['n3'],
      metadata: { gpu: '1', gpu_count: '1', gpu_type: 'A100' },
    };
    const [host] = take(cloudOf({ aggregates: [...AGGREGATES, a100] })).hosts;
    expect(host?.slots).toEqual({ V100: 2, A100: 1 });
    expect(host?.foreign.devices).toEqual({ V100: 1 });
  });

  test.each([
    ['gpu_count', { gpu: 'True', gpu_type: 'V100' }, 'gpu_count is null'],
    ['gpu_count', { gpu: 'True', gpu_type: 'V100', gpu_count: 'two' }, 'gpu_count is "two"'],
    ['gpu_type', { gpu: 'True', gpu_count: '2' }, 'gpu_type is missing'],
  ])('of an aggregate without proper %s are left out', (_key, metadata, warning) => {
    const { hosts, warnings } = take(cloudOf({ aggregates: [{ ...gpuAggregate(), metadata }] }));
    expect(hosts).toEqual([]);
    expect(warnings.join()).toContain(warning);
  });

  test('say why they are out of use', () => {
    const service = { id: 's', host: 'n3', disabled_reason: 'fan' };
    const nodes = [
      hypervisor('n3', { ...used(), status: 'disabled', service }),
      hypervisor('n4', { ...used(), state: 'down' }),
    ];
    expect(take(cloudOf({ hypervisors: nodes })).hosts.map(({ status }) => status)).toEqual([
      { kind: 'disabled', reason: 'fan' },
      { kind: 'down', sinceMs: 77, reason: 'nova-compute does not report' },
    ]);
  });
});

describe('use by others', () => {
  const tagged = (deploymentId: string, leaseId: string): ReturnType<typeof server> =>
    server('vm2', 'n3', 'V100:1', { tags: [`berth:${deploymentId}:${leaseId}`] });
  const foreignOf = (vm: ReturnType<typeof server>): Inventory['hosts'][number]['foreign'] | undefined =>
    take(cloudOf({ servers: [vm] }), { isCounted: ({ leaseId }) => leaseId === 'live' }).hosts[0]?.foreign;

  test('leaves out the servers that a claim stands for, and counts those of another deployment', () => {
    const metadata = { berth_deployment: 'd0', berth_lease: 'live' };
    const foreign = foreignOf(tagged('d0', 'live'));
    expect(foreign).toEqual({
      resources: { vcpus: 0, memoryMiB: 0, diskGiB: 7392 - 4959 - 51 },
      devices: {},
    });
    expect(foreignOf(server('vm2', 'n3', 'V100:1', { metadata }))).toEqual(foreign);
    expect(foreignOf(tagged('other', 'live'))?.devices).toEqual({ V100: 1 });
  });

  test('counts a server with our mark whose lease holds nothing', () => {
    expect(foreignOf(tagged('d0', 'gone'))).toEqual(foreignOf(server('vm2', 'n3', 'V100:1')));
    expect(foreignOf(tagged('d0', 'gone'))?.devices).toEqual({ V100: 1 });
  });

  test('counts every status that has a host, and nothing without one', () => {
    const statuses = ['SHUTOFF', 'PAUSED', 'SUSPENDED', 'SHELVED', 'VERIFY_RESIZE', 'ERROR'];
    const servers = statuses.map((status) => server(status, 'n3', 'V100:1', { status }));
    const gone = [
      server('a', null, 'V100:1', { status: 'ERROR' }),
      server('b', null, 'V100:1', { status: 'SHELVED_OFFLOADED' }),
    ];
    const { hosts, warnings } = take(cloudOf({ servers: [...servers, ...gone] }));
    expect(hosts[0]?.foreign.devices).toEqual({ V100: statuses.length });
    expect(warnings.join()).toContain('waits for its resize to be confirmed');
  });

  test('counts a server that is being resized on both of its hosts', () => {
    const resized = server('moved', 'n4', 'V100:1', { status: 'VERIFY_RESIZE' });
    const cloud = cloudOf({
      servers: [resized],
      hypervisors: HYPERVISORS.map((node) => ({ ...node, ...used() })),
    });
    const of = (isCounted: boolean): unknown =>
      take(cloud, { resizeHosts: new Map([['moved', ['n3.example.org']]]), isCounted: () => isCounted });
    const theirs = [{ foreign: { devices: { V100: 1 } } }, { foreign: { devices: { V100: 1 } } }];
    expect(of(false)).toMatchObject({ hosts: theirs, warnings: [] });
    // Our claim stands for one host only.
    expect(of(true)).toMatchObject({ hosts: [theirs[0], { foreign: { devices: {} } }] });
  });

  test('tolerates servers whose flavor or extra specs are hidden', () => {
    const stub = { id: 'x', status: 'UNKNOWN' };
    const { extra_specs: _hidden, ...embedded } = server('y', 'n3', null)['flavor'] as Record<
      string,
      unknown
    >;
    expect(
      take(cloudOf({ servers: [stub, server('y', 'n3', null, { flavor: embedded })] })).hosts,
    ).toHaveLength(2);
  });
});

describe('flavors', () => {
  test('are those with GPUs, in the order of Nova', () => {
    expect(take(cloudOf({})).flavors).toMatchObject([
      {
        id: 'cloud:id-gpu-large',
        externalId: 'id-gpu-large',
        position: 1,
        devices: { V100: 1 },
        misconfigured: null,
        reported: true,
      },
      { id: 'cloud:id-two-gpus', position: 2, devices: { V100: 2 } },
      {
        id: 'cloud:id-gpu-medium',
        position: 3,
        resources: { vcpus: 14, memoryMiB: 65_535, diskGiB: 51 },
        scratchGiB: 1,
      },
    ]);
  });

  test('of two clouds are two, whatever ids their operators gave', () => {
    const cloud = cloudOf({});
    const ids = ['north', 'south'].flatMap((id) =>
      take(cloud, { providerId: asId(id) }).flavors.map((each) => each.id),
    );
    expect(new Set(ids).size).toBe(6);
  });

  test('round swap up, and read an empty one as none', () => {
    const [odd, none] = one(
      flavor('a', 1, 1, 'V100:1', { swap: 1025, 'OS-FLV-EXT-DATA:ephemeral': 10 }),
      flavor('b', 1, 1, 'V100:1', { swap: '' }),
    );
    expect(odd).toMatchObject({ resources: { diskGiB: 50 + 10 + 2 }, scratchGiB: 12 });
    expect(none).toMatchObject({ resources: { diskGiB: 50 }, scratchGiB: 0 });
  });

  test('sum equal aliases and know a device under all its names', () => {
    const aliases = { 'tesla-v100': 'V100' };
    const cloud = cloudOf({
      flavors: [flavor('a', 1, 1, 'V100:1, tesla-v100:1')],
      servers: [server('vm2', 'n3', 'tesla-v100:1')],
    });
    const inventory = take(cloud, { aliases });
    expect(inventory.flavors).toMatchObject([{ devices: { V100: 2 }, misconfigured: null }]);
    expect(inventory.hosts[0]?.foreign.devices).toEqual({ V100: 1 });
    expect(counted(inventory, 'a')).toBe('2/1');
    expect(counted(take(cloud), 'a')).toBe('0/0');
  });

  test.each(['V100', 'V100:', 'V100:x', ':1', 'V100:1,'])('with the alias %j can never boot', (alias) => {
    const inventory = take(cloudOf({ flavors: [flavor('a', 1, 1, alias)] }));
    expect(inventory.flavors[0]?.misconfigured).toContain('is not <alias>:<count>');
    expect(counted(inventory, 'a')).toBe('0/0');
    expect(inventory.warnings).toHaveLength(1);
  });

  test('that ask for no GPU, or for one of a Placement that nobody has read, are not offered', () => {
    const profile = flavor('b', 1, 1, null, { extra_specs: { 'accel:device_profile': 'p' } });
    const inventory = take(cloudOf({ flavors: [flavor('a', 1, 1, 'V100:0'), profile] }));
    expect(inventory.flavors).toEqual([]);
    expect(inventory.warnings).toEqual([
      "flavor 'b': its accelerators are counted by Placement, which was not read",
    ]);
  });

  test('keep what takes them out of the report', () => {
    const [deprecated, disabled, unknown] = one(
      flavor('gpu DEPRECATED', 1, 1, 'V100:1'),
      flavor('b', 1, 1, 'V100:1', { 'OS-FLV-DISABLED:disabled': 'true' }),
      flavor('c', 1, 1, 'H100:1'),
    );
    expect(deprecated?.reported).toBe(false);
    expect(disabled?.disabled).toBe(true);
    expect(unknown?.misconfigured).toBe("no host aggregate has gpu_type 'H100'");
  });
});

function one(...flavors: Parameters<typeof cloudOf>[0]['flavors'] & {}): Inventory['flavors'] {
  return take(cloudOf({ flavors })).flavors;
}

function gpuAggregate(): Record<string, unknown> {
  return { ...AGGREGATES[1] };
}

function withMetadata(metadata: Record<string, string>): Record<string, unknown> {
  return { ...AGGREGATES[1], metadata: { gpu: 'True', gpu_count: '2', gpu_type: 'V100', ...metadata } };
}

function withHost(host: string, change: Record<string, unknown>): Record<string, unknown>[] {
  return HYPERVISORS.map((node) => (node['id'] === `uuid-${host}` ? { ...node, ...change } : { ...node }));
}

function used(): Record<string, unknown> {
  return { vcpus_used: 0, memory_mb_used: 0, local_gb_used: 0, disk_available_least: null };
}
