/**
 * What a simulated cloud is made of. The format is that of the test cloud's topology file, so that one file
 * describes both and the contract suite can compare their answers. Sizes carry their units in the names;
 * `ram` and `swap` of flavors are MiB and `disk` is GB, as in Nova's flavor API.
 */
import { z } from 'zod';

const extraSpecs = z.record(z.string(), z.string());

const projectSchema = z.object({
  name: z.string(),
  private_cidr: z.string(),
  /** Instead of the one network `private`; without `cidr`: a network without subnet. */
  networks: z
    .array(
      z.object({
        name: z.string(),
        cidr: z.string().nullable().default(null),
        dhcp: z.boolean().default(true),
        /** Plugged into the project's router, which leads to the external network. */
        router: z.boolean().default(true),
        up: z.boolean().default(true),
      }),
    )
    .optional(),
  /** Whether the default security group lets SSH in; it does so unless it is said. */
  ssh: z.boolean().optional(),
});

const accountSchema = z.object({
  user: z.string(),
  project: z.string(),
  roles: z.array(z.string()),
  enabled: z.boolean().default(true),
});

/** The catalog, and the versions of what is behind it. */
const servicesSchema = z.object({
  /** Types that the catalog lacks. */
  missing: z.array(z.string()).default([]),
  /** Types whose address in the catalog leads nowhere. */
  unreachable: z.array(z.string()).default([]),
  interfaces: z.array(z.string()).default(['public', 'internal', 'admin']),
  nova_minor_max: z.int().nonnegative().default(93),
  placement_minor_max: z.int().nonnegative().default(39),
});

const topologySchema = z.object({
  gpu_models: z.record(
    z.string(),
    z.object({
      description: z.string().optional(),
      vendor_id: z.string(),
      product_id: z.string(),
      aliases: z.array(z.string()).min(1),
      traits: z.array(z.string()).default([]),
    }),
  ),
  hosts: z.array(
    z.object({
      name: z.string().min(1),
      cores: z.int().positive(),
      memory_gb: z.int().positive(),
      disk_gb: z.int().positive(),
      numa_nodes: z.int().positive().default(1),
      gpus: z.array(
        z.object({
          model: z.string(),
          address: z.string(),
          numa_node: z.int().default(0),
          /** False: the card is left to an accelerator service and Nova never hands it out. */
          passthrough: z.boolean().default(true),
        }),
      ),
      /** Further resource providers below the host, which flavors ask for by resource class and traits. */
      accelerators: z
        .array(
          z.object({
            name: z.string(),
            resource_class: z.string(),
            total: z.int().positive(),
            reserved: z.int().nonnegative().default(0),
            traits: z.array(z.string()).default([]),
          }),
        )
        .default([]),
    }),
  ),
  cpu_allocation_ratio: z.number().positive().default(4),
  aggregates: z.array(
    z.object({ name: z.string(), metadata: z.record(z.string(), z.string()), hosts: z.array(z.string()) }),
  ),
  flavors: z.array(
    z.object({
      name: z.string(),
      id: z.string().optional(),
      vcpus: z.int().positive(),
      ram: z.int().positive(),
      disk: z.int().nonnegative(),
      swap: z.int().nonnegative().default(0),
      /** GB. */
      ephemeral: z.int().nonnegative().default(0),
      disabled: z.boolean().default(false),
      /** `alias:count`, the value of `pci_passthrough:alias`. */
      gpu: z.string().optional(),
      extra_specs: extraSpecs.default({}),
    }),
  ),
  /** What the accelerator service knows; without any, the catalog has no such service. */
  device_profiles: z.array(z.object({ name: z.string(), groups: z.array(extraSpecs).min(1) })).default([]),
  images: z.array(
    z.object({
      name: z.string(),
      min_disk: z.int().nonnegative().default(0),
      min_ram: z.int().nonnegative().default(0),
      properties: z.record(z.string(), z.string()).default({}),
      status: z.enum(['queued', 'active', 'deactivated']).default('active'),
    }),
  ),
  projects: z.array(projectSchema),
  /**
   * Roles of users on projects, in place of those that they would have. Who is not there yet is made, with
   * the name as password.
   */
  accounts: z.array(accountSchema).default([]),
  services: servicesSchema.prefault({}),
  public_network: z.object({
    name: z.string(),
    cidr: z.string(),
    gateway: z.string(),
    pool: z.tuple([z.string(), z.string()]),
  }),
  /** Names of further external networks. */
  more_external_networks: z.array(z.string()).default([]),
});

export type SimTopology = z.output<typeof topologySchema>;

/** Parses a topology file's JSON; throws ZodError with the path of what is wrong. */
export function parseTopology(value: unknown): SimTopology {
  return topologySchema.parse(value);
}

const V100_ADDRESSES = [
  { model: 'V100', address: '0000:3b:00.0', numa_node: 0 },
  { model: 'V100', address: '0000:af:00.0', numa_node: 1 },
];

const GPU_CI_FLAVORS = [
  ['gpu_tiny', 4, 2048, 20],
  ['gpu_medium', 4, 8192, 50],
  ['gpu_large', 4, 12_288, 60],
  ['gpu_xlarge', 8, 16_384, 60],
  ['gpu_2xlarge', 8, 32_768, 60],
  ['gpu_4xlarge', 8, 65_536, 60],
] as const;

/** Two hosts with two V100 each and one without, with the flavors of de.NBI and of the GPU CI server. */
export const defaultTopology: SimTopology = parseTopology({
  gpu_models: {
    V100: {
      description: 'NVIDIA Tesla V100 PCIe 16GB',
      vendor_id: '10de',
      product_id: '1db4',
      aliases: ['V100', 'tesla-v100'],
      traits: ['CUSTOM_GPU_V100'],
    },
  },
  hosts: [
    { name: 'gpu-v100-01', cores: 28, memory_gb: 384, disk_gb: 4000, numa_nodes: 2, gpus: V100_ADDRESSES },
    { name: 'gpu-v100-02', cores: 28, memory_gb: 384, disk_gb: 4000, numa_nodes: 2, gpus: V100_ADDRESSES },
    { name: 'cpu-01', cores: 28, memory_gb: 384, disk_gb: 4000, numa_nodes: 2, gpus: [] },
  ],
  cpu_allocation_ratio: 4,
  aggregates: [
    {
      name: 'Delta GPU V100',
      metadata: { gpu: 'True', gpu_count: '2', gpu_type: 'V100', cores: '28', hyperthreading: 'false' },
      hosts: ['gpu-v100-01', 'gpu-v100-02'],
    },
    {
      name: 'Delta CPU',
      metadata: { gpu: 'False', cores: '28', hyperthreading: 'false' },
      hosts: ['cpu-01'],
    },
  ],
  flavors: [
    { name: 'de.NBI large', vcpus: 28, ram: 65_536, disk: 50, swap: 1024 },
    { name: 'de.NBI GPU V100 medium', vcpus: 14, ram: 65_535, disk: 50, swap: 1024, gpu: 'V100:1' },
    { name: 'de.NBI GPU V100 large', vcpus: 28, ram: 131_072, disk: 50, swap: 1024, gpu: 'V100:1' },
    { name: 'de.NBI 2 GPU V100 large', vcpus: 28, ram: 262_144, disk: 50, swap: 1024, gpu: 'V100:2' },
    ...GPU_CI_FLAVORS.map(([name, vcpus, ram, disk]) => ({
      name,
      id: name,
      vcpus,
      ram,
      disk,
      gpu: 'tesla-v100:1',
    })),
    { name: 'ci_medium', id: 'ci_medium', vcpus: 4, ram: 8192, disk: 60 },
    { name: 'ci_large', id: 'ci_large', vcpus: 4, ram: 12_288, disk: 60 },
  ],
  images: [
    {
      name: 'ubuntu-22.04-cuda',
      min_disk: 10,
      min_ram: 1024,
      properties: { os_distro: 'ubuntu', os_version: '22.04', os_type: 'linux' },
    },
  ],
  projects: [
    { name: 'demo', private_cidr: '10.10.0.0/24' },
    { name: 'lab2', private_cidr: '10.20.0.0/24' },
  ],
  public_network: {
    name: 'public',
    cidr: '203.0.113.0/24',
    gateway: '203.0.113.1',
    pool: ['203.0.113.10', '203.0.113.250'],
  },
});
