import { expect, test } from 'vitest';
import { inferAliases } from './alias-inference.ts';
import type { Aggregate } from './nova/aggregates.ts';
import type { NovaFlavor } from './nova/flavors.ts';

const aggregate = (gpuType: string): Aggregate => ({
  id: 1,
  name: gpuType,
  hosts: [],
  metadata: { gpu: 'true', gpu_count: '2', gpu_type: gpuType },
});
const flavor = (alias: string): NovaFlavor => ({
  id: alias,
  name: alias,
  vcpus: 1,
  memoryMiB: 1,
  rootGiB: 1,
  ephemeralGiB: 0,
  swapMiB: 0,
  disabled: false,
  description: null,
  extraSpecs: { 'pci_passthrough:alias': `${alias}:1` },
});

test.each([
  ['tesla-v100', ['V100'], 'V100'],
  ['V100', ['V100'], undefined],
  ['nvidia_rtx_2080', ['RTX 2080', 'RTX 3090'], 'RTX 2080'],
  ['a100', ['V100'], undefined],
  // A word is a whole one, and several types that fit leave a doubt.
  ['v1000', ['V100'], undefined],
  ['tesla-v100-a100', ['V100', 'A100'], undefined],
  ['anything', ['---'], undefined],
])('alias %s among the types %j means %j', (alias, types, meant) => {
  const warnings: string[] = [];
  const cloud = { aggregates: types.map(aggregate), flavors: [flavor(alias)] };
  expect(inferAliases({}, cloud, warnings)[alias]).toBe(meant);
  expect(warnings).toHaveLength(meant === undefined ? 0 : 1);
});

test('what the operator says stands', () => {
  const cloud = { aggregates: [aggregate('V100')], flavors: [flavor('tesla-v100')] };
  const warnings: string[] = [];
  expect(inferAliases({ 'tesla-v100': 'A100' }, cloud, warnings)).toEqual({ 'tesla-v100': 'A100' });
  expect(warnings).toEqual([]);
});
