import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cloudOf, type Cloud } from './denbi.fixtures.ts';
import { counted, take } from './inventory.fixtures.ts';

/**
 * The data with which the deNBI GPU flavor report is tested upstream: `BERTH_DATA` names the folder with
 * `denbi/list_*.json` of deNBI/OpenstackGPUService. Without it, `inventory.test.ts` has the same figures.
 */
const FOLDER = process.env['BERTH_DATA'];

type Wire = Readonly<Record<string, unknown>>;

test.runIf(FOLDER !== undefined)("counts upstream's own data as upstream does", () => {
  const cloud = readCloud(join(FOLDER ?? '', 'denbi'));
  const inventory = take(cloud);
  expect([cloud.hypervisors.length, inventory.hosts.length]).toEqual([3, 2]);
  expect([cloud.flavors.length, inventory.flavors.length]).toEqual([6, 3]);
  const names = ['de.NBI GPU V100 medium', 'de.NBI GPU V100 large', 'de.NBI 2 GPU V100 large'];
  expect(names.map((name) => counted(inventory, name))).toEqual(['4/3', '4/3', '2/1']);
});

/** The files are dumps of openstacksdk's objects: some fields have other names than Nova's. */
function readCloud(folder: string): Cloud {
  const read = (name: string): Wire[] => {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, `list_${name}.json`), 'utf8'));
    if (!Array.isArray(parsed)) throw new TypeError(`list_${name}.json has no list`);
    return parsed;
  };
  return cloudOf({
    aggregates: read('aggregates'),
    hypervisors: read('hypervisors').map((node) => renamed(node, HYPERVISOR_FIELDS)),
    flavors: read('flavors').map((flavor) => renamed(flavor, FLAVOR_FIELDS)),
    servers: read('servers').map((server) => ({ status: 'ACTIVE', ...server })),
  });
}

const HYPERVISOR_FIELDS: Readonly<Record<string, string>> = {
  name: 'hypervisor_hostname',
  service_details: 'service',
  memory_size: 'memory_mb',
  memory_used: 'memory_mb_used',
  local_disk_size: 'local_gb',
  local_disk_used: 'local_gb_used',
  disk_available: 'disk_available_least',
};

const FLAVOR_FIELDS: Readonly<Record<string, string>> = {
  ephemeral: 'OS-FLV-EXT-DATA:ephemeral',
  is_disabled: 'OS-FLV-DISABLED:disabled',
};

function renamed(object: Wire, names: Readonly<Record<string, string>>): Wire {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [names[key] ?? key, value]));
}
