import { z } from 'zod';
import { aggregatesReplySchema, type Aggregate } from './nova/aggregates.ts';
import { flavorSchema, type NovaFlavor } from './nova/flavors.ts';
import { hypervisorSchema, type Hypervisor } from './nova/hypervisors.ts';
import { serverSchema, type Server } from './nova/servers.ts';

/**
 * A small GPU cloud, in Nova's own words at microversion 2.87: three hosts, two of them with two V100 each,
 * and one server with a GPU. Capacities and flavors are those for which the deNBI GPU flavor report publishes
 * its numbers.
 */
export interface Cloud {
  readonly aggregates: readonly Aggregate[];
  readonly hypervisors: readonly Hypervisor[];
  readonly flavors: readonly NovaFlavor[];
  readonly servers: readonly Server[];
}

type Wire = Readonly<Record<string, unknown>>;

export const AGGREGATES: readonly Wire[] = [
  { id: 1, name: 'plain', hosts: ['n1'], metadata: { cores: '28' } },
  { id: 10, name: 'v100', hosts: ['n3', 'n4'], metadata: { gpu: 'True', gpu_count: '2', gpu_type: 'V100' } },
];

export const HYPERVISORS: readonly Wire[] = [
  hypervisor('n1', { vcpus_used: 28, memory_mb_used: 65_536, local_gb_used: 50, disk_available_least: 7112 }),
  hypervisor('n3', {
    vcpus_used: 28,
    memory_mb_used: 65_536,
    local_gb_used: 2051,
    disk_available_least: 4959,
  }),
  hypervisor('n4', { vcpus_used: 28, memory_mb_used: 0, local_gb_used: 0, disk_available_least: 7392 }),
];

export const FLAVORS: readonly Wire[] = [
  flavor('cpu-large', 28, 65_536, null),
  flavor('gpu-large', 28, 131_072, 'V100:1'),
  flavor('two-gpus', 28, 262_144, 'V100:2'),
  flavor('gpu-medium', 14, 65_535, 'V100:1'),
];

const SERVERS: readonly Wire[] = [server('vm1', 'n1', null), server('vm2', 'n3', 'V100:1')];

export function cloudOf(parts: {
  readonly aggregates?: readonly Wire[];
  readonly hypervisors?: readonly Wire[];
  readonly flavors?: readonly Wire[];
  readonly servers?: readonly Wire[];
}): Cloud {
  return {
    aggregates: aggregatesReplySchema.parse({ aggregates: parts.aggregates ?? AGGREGATES }).aggregates,
    hypervisors: z.array(hypervisorSchema).parse(parts.hypervisors ?? HYPERVISORS),
    flavors: z.array(flavorSchema).parse(parts.flavors ?? FLAVORS),
    servers: z.array(serverSchema).parse(parts.servers ?? SERVERS),
  };
}

export function hypervisor(host: string, more: Wire): Wire {
  return {
    id: `uuid-${host}`,
    hypervisor_hostname: `${host}.example.org`,
    service: { id: `service-${host}`, host, disabled_reason: null },
    state: 'up',
    status: 'enabled',
    vcpus: 28,
    memory_mb: 385_534,
    local_gb: 7392,
    ...more,
  };
}

export function flavor(
  name: string,
  vcpus: number,
  ram: number,
  alias: string | null,
  more: Wire = {},
): Wire {
  return {
    id: `id-${name}`,
    name,
    vcpus,
    ram,
    disk: 50,
    swap: 1024,
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    extra_specs: alias === null ? {} : { 'pci_passthrough:alias': alias },
    ...more,
  };
}

export function server(id: string, host: string | null, alias: string | null, more: Wire = {}): Wire {
  return {
    id,
    name: id,
    status: 'ACTIVE',
    'OS-EXT-SRV-ATTR:host': host,
    flavor: {
      original_name: 'gpu',
      vcpus: 28,
      ram: 65_536,
      disk: 50,
      ephemeral: 0,
      swap: 1024,
      extra_specs: alias === null ? {} : { 'pci_passthrough:alias': alias },
    },
    ...more,
  };
}
