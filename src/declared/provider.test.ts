import { expect, test } from 'vitest';
import { asId } from '../base/ids.ts';
import { leaseIn, STATES } from '../domain/provision/provision.fixtures.ts';
import { declaredConfigSchema } from './config.ts';
import { createDeclaredProvider } from './provider.ts';

const HOST = {
  name: 'lab1',
  connection: { host: '192.0.2.7', user: 'ubuntu' },
  vcpus: 16,
  memory_mib: 65_536,
  disk_gib: 1000,
  gpus: [
    { class: 'rtx2080', address: '0000:3B:00.0', iommu_group: '12', numa_node: 0 },
    { class: 'rtx2080', address: '0000:af:00.0' },
    { class: 'v100' },
  ],
};

test('shows the hosts with their cards, and a flavor for each number of cards that one host has', async () => {
  const { hosts, flavors } = await provider().snapshot();
  expect(hosts).toMatchObject([
    {
      id: 'lab:lab1',
      claimKind: 'unit',
      capacity: { vcpus: 16, memoryMiB: 65_536, diskGiB: 1000 },
      devices: [
        { id: 'lab:lab1/0000:3b:00.0', deviceClass: 'rtx2080', iommuGroup: '12', numaNode: 0 },
        { id: 'lab:lab1/0000:af:00.0', deviceClass: 'rtx2080', iommuGroup: null },
        { id: 'lab:lab1/2', deviceClass: 'v100', address: null },
      ],
      status: { kind: 'up' },
    },
  ]);
  expect(flavors.map(({ id, name, devices, resources }) => [id, name, devices, resources.vcpus])).toEqual([
    ['lab:rtx2080', 'rtx2080', { rtx2080: 1 }, 5],
    ['lab:rtx2080-x2', 'rtx2080-x2', { rtx2080: 2 }, 10],
    ['lab:v100', 'v100', { v100: 1 }, 5],
  ]);
});

test('offers exactly the declared flavors where there are some', async () => {
  const flavors = [{ name: 'half', vcpus: 8, gpus: { rtx2080: 1 } }];
  const shown = await provider({ hosts: [HOST], flavors }).snapshot();
  expect(shown.flavors).toMatchObject([
    { id: 'lab:half', devices: { rtx2080: 1 }, resources: { vcpus: 8, diskGiB: 0 } },
  ]);
});

test('hands out the way in to the host of the claim', () => {
  const claim = { ...STATES.active.claim, hostId: asId<'host'>('lab:lab1') };
  const subject = { deploymentId: 'd0', lease: leaseIn({ ...STATES.active, claim }) };
  const nothing = { port: null, servers: [], floatingIp: null, dateMs: null };
  expect(provider().connection(subject, nothing)).toEqual({ host: '192.0.2.7', port: 22, user: 'ubuntu' });
  expect(provider().connection({ ...subject, lease: leaseIn(STATES.active) }, nothing)).toBeNull();
});

test('has no steps', async () => {
  const subject = { deploymentId: 'd0', lease: leaseIn(STATES.active) };
  await expect(provider().perform({ kind: 'shelve', id: 'x' }, subject)).rejects.toMatchObject({
    code: 'unsupported',
  });
});

test.each([
  [{ hosts: [HOST, HOST] }, "'lab1' is there twice"],
  [{ hosts: [{ ...HOST, gpus: [HOST.gpus[1], HOST.gpus[1]] }] }, 'two cards have the same address'],
  [{ hosts: [{ ...HOST, gpus: [{ class: 'v100', address: '3b' }] }] }, 'a PCI address such as 0000:3b:00.0'],
  [{ hosts: [{ ...HOST, memory: 1 }] }, 'Unrecognized key'],
])('refuses a declaration that makes no sense', (config, message) => {
  const parsed = declaredConfigSchema.safeParse(config);
  expect(parsed.success).toBe(false);
  expect(parsed.error?.issues.map((issue) => issue.message).join()).toContain(message);
});

function provider(config: unknown = { hosts: [HOST] }): ReturnType<typeof createDeclaredProvider> {
  return createDeclaredProvider({ id: asId('lab'), config: declaredConfigSchema.parse(config) });
}
