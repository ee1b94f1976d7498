/** Faults of what is in the cloud, each with what is to be said of it. */
import { HOUR_MS, MINUTE_MS } from '../../src/base/units.ts';
import { namedUuid } from '../../src/sim/seed.ts';
import {
  gpus,
  moreAggregates,
  gpuAggregate,
  moreFlavors,
  inService,
  quota,
  networkQuota,
  takePort,
  marked,
  type Case,
} from './doctor-planting.ts';

const withoutGpus = [{ name: 'cpu-01', cores: 28, memory_gb: 384, disk_gb: 4000, gpus: [] }];

const HOSTS: readonly Case[] = [
  [
    'gpu_hosts_none',
    { topology: () => ({ aggregates: [], hosts: withoutGpus }) },
    /None of 0 aggregates/,
    /openstack aggregate create gpus/,
  ],
  [
    'gpu_flag_off',
    gpuAggregate({ gpu: 'False' }),
    /gpu='False', though it has gpu_type='V100' and gpu_count='2'/,
    /openstack aggregate set --property gpu=true 'Delta GPU V100'/,
  ],
  [
    'gpu_count_invalid',
    gpuAggregate({ gpu_count: undefined }),
    /gpu_count is missing/,
    /openstack aggregate set --property gpu_count=2 'Delta GPU V100'/,
  ],
  ['gpu_count_invalid', gpuAggregate({ gpu_count: 'two' }), /gpu_count is 'two'/],
  [
    'gpu_type_missing',
    gpuAggregate({ gpu_type: undefined }),
    /gpu_type is missing/,
    /openstack aggregate set --property gpu_type=TYPE 'Delta GPU V100'/,
  ],
  [
    'aggregate_empty',
    moreAggregates({ name: 'new gpus', metadata: gpus('V100', '2'), hosts: [] }),
    /has no host/,
    /openstack aggregate add host 'new gpus' HOST/,
  ],
  [
    'aggregate_host_unknown',
    moreAggregates({ name: 'old', metadata: gpus('V100', '2'), hosts: ['gpu-v100-09'] }),
    /'gpu-v100-09', for which Nova has no hypervisor/,
    /openstack aggregate remove host old gpu-v100-09/,
  ],
  [
    'aggregates_disagree',
    moreAggregates({ name: 'old', metadata: gpus('V100', '1'), hosts: ['gpu-v100-01'] }),
    /'Delta GPU V100' says 2, 'old' says 1/,
    /gpu_count=2/,
  ],
  [
    'gpu_count_too_high',
    gpuAggregate({ gpu_count: '4' }),
    /promise 4 GPUs, but Nova hands out 2/,
    /openstack aggregate set --property gpu_count=2 'Delta GPU V100'/,
  ],
  [
    'gpu_host_unlisted',
    {
      topology: (base) => ({
        aggregates: base.aggregates.map((one) => ({ ...one, hosts: one.hosts.slice(0, 1) })),
      }),
    },
    /hands out 2 PCI devices there/,
    /openstack aggregate add host 'Delta GPU V100' gpu-v100-02/,
  ],
  [
    'host_down',
    { before: ({ bench }) => void bench.cloud.setHostUp('gpu-v100-01', false, bench.nowMs) },
    /its 2 V100 cannot be lent/,
  ],
  [
    'host_disabled',
    {
      before: (admin) =>
        void admin.nova('PUT', `/os-services/${namedUuid('service/gpu-v100-02')}`, {
          status: 'disabled',
          disabled_reason: 'broken fan',
        }),
    },
    /broken fan/,
    /openstack compute service set --enable gpu-v100-02 nova-compute/,
  ],
];

const FLAVORS: readonly Case[] = [
  [
    'flavors_none',
    { topology: (base) => ({ flavors: base.flavors.filter(({ gpu }) => gpu === undefined) }) },
    /None of 3 flavors/,
  ],
  [
    'alias_unknown',
    moreFlavors({ name: 'typo', gpu: 'V10O:1' }),
    /'typo' asks for 'V10O', but the aggregates have V100/,
    /openstack flavor set --property pci_passthrough:alias=V100:1 typo/,
  ],
  [
    'alias_unknown',
    moreFlavors({ name: 'a', gpu: 'radeon:1' }, { name: 'b', gpu: 'radeon:2' }),
    /^'a', 'b' ask for 'radeon', but the aggregates have V100/,
    /aliases: \{radeon: V100\} if that is the same GPU; else .*alias=V100:1 a; .*alias=V100:2 b/,
  ],
  [
    'alias_malformed',
    moreFlavors({ name: 'no count', extra_specs: { 'pci_passthrough:alias': 'V100' } }),
    /is not <alias>:<count>/,
    /openstack flavor set --property pci_passthrough:alias=V100:1 'no count'/,
  ],
  [
    'gpu_type_unused',
    moreAggregates(
      { name: 'a100', metadata: gpus('A100', '0'), hosts: ['cpu-01'] },
      { name: 'a40', metadata: gpus('A40', '1'), hosts: ['cpu-01'] },
    ),
    /1 'A40', and no flavor/,
    /pci_passthrough:alias=A40:1 FLAVOR/,
    ['gpu_type_unused', 'gpu_count_too_high'],
  ],
  [
    'flavor_too_large',
    moreFlavors({ name: 'huge', ram: 1_048_576, gpu: 'V100:1' }),
    /1048576 MiB of memory, and the largest GPU host has 39\d{4}/,
  ],
  ['flavor_too_large', moreFlavors({ name: 'wide', vcpus: 113, gpu: 'V100:1' }), /113 vCPUs, .* gives 112/],
  [
    'flavor_too_large',
    moreFlavors({ name: 'deep', disk: 5000, gpu: 'V100:1' }),
    /5000 GiB of disk, .* has 4000/,
  ],
  [
    'flavor_too_large',
    moreFlavors({ name: 'many', gpu: 'V100:3' }),
    /3 V100, and the host with the most has 2/,
    /pci_passthrough:alias=V100:2/,
  ],
  [
    'flavor_never_matches',
    gpuAggregate({ gpu: 'true' }),
    /gpu='True'; those of the hosts with V100 have gpu='true'/,
    /aggregate_instance_extra_specs:gpu=true/,
  ],
  [
    'flavor_ephemeral',
    moreFlavors({ name: 'scratch', ephemeral: 100, gpu: 'V100:1' }),
    /ephemeral disk of 100 GB is lost/,
  ],
  [
    'device_profile_without_service',
    moreFlavors({ name: 'arq', extra_specs: { 'accel:device_profile': 'v100' } }),
    /accel:device_profile='v100'/,
    /openstack flavor unset --property accel:device_profile arq/,
  ],
];

const NETWORKS: readonly Case[] = [
  ['network_missing', inService({ networks: [] }), /no network for its servers/],
  ['network_missing', { settings: { network: 'privat' } }, /no network 'privat'/, /network: private/],
  [
    'network_ambiguous',
    inService({
      networks: [
        { name: 'a', cidr: '10.1.0.0/24' },
        { name: 'b', cidr: '10.2.0.0/24' },
      ],
    }),
    /2 networks fit: a \(.*\), b/,
    /network: a/,
  ],
  [
    'network_down',
    inService({ networks: [{ name: 'a', cidr: '10.1.0.0/24', up: false }] }),
    /state is down/,
    /openstack network set --enable/,
  ],
  ['network_without_subnet', inService({ networks: [{ name: 'a' }] }), /no subnet/],
  [
    'network_without_dhcp',
    inService({ networks: [{ name: 'a', cidr: '10.1.0.0/24', dhcp: false }] }),
    /DHCP is off/,
    /openstack subnet set --dhcp/,
  ],
  [
    'network_without_router',
    inService({ networks: [{ name: 'a', cidr: '10.1.0.0/24', router: false }] }),
    /No router connects it to 'public'/,
    /openstack router create/,
  ],
  [
    'network_full',
    {
      ...inService({ networks: [{ name: 'a', cidr: '10.1.0.0/29' }] }),
      before: (admin) => {
        for (let n = 0; n < 5; n++) takePort(admin);
      },
    },
    /All 5 addresses are taken/,
  ],
  [
    'external_network_missing',
    { settings: { externalNetwork: 'pubic' } },
    /no external network 'pubic'; it has public/,
    /external_network: public/,
  ],
  [
    'external_network_ambiguous',
    { topology: () => ({ more_external_networks: ['campus'] }) },
    /2 external networks fit: public .*campus/,
    /external_network: public/,
  ],
  [
    'floating_ips_exhausted',
    {
      topology: (base) => ({
        public_network: { ...base.public_network, pool: ['203.0.113.10', '203.0.113.11'] },
      }),
      before: (admin) => {
        for (let n = 0; n < 2; n++) {
          admin.neutron('POST', '/floatingips', {
            floatingip: { floating_network_id: namedUuid('network/admin/public') },
          });
        }
      },
    },
    /All 2 addresses of 'public' are taken/,
  ],
  [
    'ssh_blocked',
    inService({ ssh: false }),
    /None of its 2 rules lets TCP port 22 in/,
    /openstack security group rule create --ingress --protocol tcp --dst-port 22/,
  ],
];

const REST: readonly Case[] = [
  [
    'image_missing',
    { settings: { image: 'ubuntu-22.04-cude' } },
    /It has ubuntu-22.04-cuda/,
    /image: ubuntu-22.04-cuda/,
  ],
  ['image_missing', { topology: () => ({ images: [] }) }, /no active image/, /openstack image create/],
  [
    'image_ambiguous',
    { topology: (base) => ({ images: [...base.images, { name: 'debian-12' }] }) },
    /2 fit: .*debian-12/,
    /image: /,
  ],
  [
    'image_inactive',
    { topology: () => ({ images: [{ name: 'old', status: 'deactivated' }] }), settings: { image: 'old' } },
    /is deactivated/,
    /openstack image set --activate/,
  ],
  [
    'image_too_large',
    { topology: () => ({ images: [{ name: 'fat', min_disk: 25, min_ram: 1024 }] }) },
    /needs 25 GB of disk .* more than gpu_tiny \(20 GB/,
    /openstack image set --min-disk 20 --min-ram 1024 fat/,
  ],
  [
    'quota_exhausted',
    quota({ instances: 0 }),
    /Of 0 instances 0 are used/,
    /openstack quota set --instances 1/,
  ],
  ['quota_exhausted', networkQuota({ floatingip: 0 }), /Of 0 floating-ips/, /--floating-ips 1/],
  ['quota_below_flavor', quota({ cores: 20 }), /20 cores is less than .*28/, /--cores 28/],
  [
    'quota_below_gpus',
    quota({ instances: 3 }),
    /enough for 3 servers .* the hosts have 4 GPUs/,
    /--instances 4/,
  ],
  ['clock_differs', { aheadMs: -2 * MINUTE_MS }, /Keystone's clock is 2m0?s? ?.*ahead of/],
  ['clock_differs', { aheadMs: 2 * HOUR_MS }, /behind/],
  [
    'foreign_deployment',
    { before: (admin) => marked(admin, 2), deploymentId: 'a0a0' },
    /2 servers carry the mark of b1b1 \(gpu-1, gpu-1\); the store here is a0a0/,
  ],
  [
    'marks_without_store',
    { before: (admin) => marked(admin, 1) },
    /1 server carries the mark of b1b1/,
    /berth adopt/,
  ],
  [
    'alias_setting_useless',
    { settings: { aliases: { 'tesla-v100': 'V100', t4: 'V10' } } },
    /maps 't4' to 'V10', but the aggregates have V100/,
    /aliases: {t4: V100}/,
  ],
  ['hosts_setting_useless', { settings: { declaredHosts: 2 } }, /3 hypervisors and 2 aggregates/],
];

export const CLOUD_FAULTS: readonly (readonly [theme: string, cases: readonly Case[]])[] = [
  ['hosts', HOSTS],
  ['flavors', FLAVORS],
  ['networks', NETWORKS],
  ['images, quotas, clock, marks, settings', REST],
];
