import { expect, test } from 'vitest';
import { SimBench } from '../../test/support/sim-client.ts';
import { defaultTopology, parseTopology } from './topology.ts';

const [first, ...others] = defaultTopology.hosts;
const fpga = { name: 'fpga', resource_class: 'FPGA', total: 2, traits: ['CUSTOM_X'] };
const hosts = [{ ...first, accelerators: [fpga] }, ...others];
const topology = parseTopology({ ...defaultTopology, hosts });
const path = '/placement/allocation_candidates';

test('candidates show all providers of each tree that has what is asked for', () => {
  const admin = new SimBench({ topology }).login('admin');
  const { json } = admin.get(`${path}?resources=FPGA:1`);
  expect(json.allocation_requests).toHaveLength(1);
  const summaries = Object.values(json.provider_summaries);
  const V100 = { CUSTOM_PCI_10DE_1DB4: { capacity: 1, used: 0 } };
  expect(summaries).toMatchObject([
    {
      resources: {
        VCPU: { capacity: 112, used: 0 },
        MEMORY_MB: { capacity: 384 * 1024 - 512, used: 0 },
        DISK_GB: { capacity: 4000, used: 0 },
      },
      parent_provider_uuid: null,
    },
    { resources: V100 },
    { resources: V100 },
    { resources: { FPGA: { capacity: 2, used: 0 } }, traits: ['CUSTOM_X'] },
  ]);
  const all = admin.get(`${path}?resources=MEMORY_MB:1`);
  expect(Object.keys(all.json.provider_summaries)).toHaveLength(3 + 4 + 1);
});

test('more than any provider has leaves no candidate, and what is no class is refused', () => {
  const admin = new SimBench({ topology }).login('admin');
  const none = { allocation_requests: [], provider_summaries: {} };
  expect(admin.get(`${path}?resources=FPGA:3`).json).toEqual(none);
  expect([admin.get(`${path}?resources=GPU:1`).status, admin.get(path).status]).toEqual([400, 400]);
});

test('members may not search', () => {
  const member = new SimBench({ topology }).login('demo');
  expect(member.get(`${path}?resources=FPGA:1`).status).toBe(403);
});
