/**
 * Fills a new simulated cloud from its topology, with the accounts, networks, and roles that the test cloud's
 * own bootstrap makes. All ids follow from names, so that two clouds of one topology agree on them.
 */
import { createPrng } from '../base/prng.ts';
import { formatIpv4, parseIpv4, usableRange } from './addresses.ts';
import type { SimAccelerator, SimDevice, SimFlavor, SimHost, SimNetwork } from './model.ts';
import type { SimTopology } from './topology.ts';
import type { SimWorld } from './world.ts';

/** Service users with the role admin in the project `service`, as the test cloud has them. */
const SERVICE_USERS = ['cyborg', 'glance', 'neutron', 'nova', 'placement'] as const;

export function seedWorld(world: SimWorld): void {
  const { topology } = world;
  for (const host of seedHosts(topology)) {
    world.hosts.set(host.name, host);
    world.hostsById.set(host.id, host);
  }
  for (const flavor of seedFlavors(topology)) world.flavors.set(flavor.id, flavor);
  seedAccounts(world);
  seedImages(world);
  seedNetworks(world);
}

/** A UUID that follows from a name; `hexId` is the same without dashes, as Keystone's ids are. */
export function namedUuid(name: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return createPrng(hash).uuid();
}

export function hexId(name: string): string {
  return namedUuid(name).replaceAll('-', '');
}

/** `a:1, b:2` → counts by alias, in order; throws where Nova would refuse the flavor. */
function parseAliases(text: string): readonly (readonly [alias: string, count: number])[] {
  return text.split(',').map((part) => {
    const match = /^\s*([^:]+):(\d+)\s*$/.exec(part);
    if (match === null) throw new RangeError(`'${text}' is no value of pci_passthrough:alias`);
    return [match[1] ?? '', Number(match[2])] as const;
  });
}

/** The hosts as new; what is in use comes later. */
function seedHosts(topology: SimTopology): SimHost[] {
  return topology.hosts.map((spec) => ({
    name: spec.name,
    id: namedUuid(`hypervisor/${spec.name}`),
    serviceId: namedUuid(`service/${spec.name}`),
    cores: spec.cores,
    memoryMiB: spec.memory_gb * 1024,
    diskGb: spec.disk_gb,
    gpuFlags: topology.aggregates.flatMap((aggregate) => {
      const flag = aggregate.metadata['gpu'];
      return flag !== undefined && aggregate.hosts.includes(spec.name) ? [flag] : [];
    }),
    devices: spec.gpus.map((gpu) => seedDevice(topology, spec.name, gpu)),
    accelerators: spec.accelerators.map((accelerator): SimAccelerator => ({
      name: accelerator.name,
      providerId: namedUuid(`provider/${spec.name}/${accelerator.name}`),
      resourceClass: accelerator.resource_class,
      total: accelerator.total,
      reserved: accelerator.reserved,
      traits: accelerator.traits,
      held: {},
    })),
    up: true,
    outage: 0,
    enabled: true,
    disabledReason: null,
    usedVcpus: 0,
    usedRamMiB: 0,
    usedDiskGb: 0,
    serverIds: new Set<string>(),
    parked: [],
    generation: 1,
  }));
}

function seedDevice(
  topology: SimTopology,
  host: string,
  gpu: SimTopology['hosts'][number]['gpus'][number],
): SimDevice {
  const model = topology.gpu_models[gpu.model];
  if (model === undefined) throw new RangeError(`host ${host} has a GPU of the unknown model ${gpu.model}`);
  return {
    address: gpu.address,
    model: gpu.model,
    resourceClass: `CUSTOM_PCI_${model.vendor_id}_${model.product_id}`.toUpperCase(),
    traits: ['COMPUTE_MANAGED_PCI_DEVICE', ...model.traits],
    aliases: model.aliases,
    providerId: namedUuid(`provider/${host}/${gpu.address}`),
    passthrough: gpu.passthrough,
    serverId: null,
  };
}

function seedFlavors(topology: SimTopology): SimFlavor[] {
  return topology.flavors.map((spec) => ({
    id: spec.id ?? namedUuid(`flavor/${spec.name}`),
    name: spec.name,
    vcpus: spec.vcpus,
    ram: spec.ram,
    disk: spec.disk,
    swap: spec.swap,
    ephemeral: spec.ephemeral,
    disabled: spec.disabled,
    isPublic: true,
    extraSpecs: {
      ...spec.extra_specs,
      ...(spec.gpu === undefined ? {} : { 'pci_passthrough:alias': spec.gpu }),
      'aggregate_instance_extra_specs:gpu': spec.gpu === undefined ? 'False' : 'True',
    },
    aliases: spec.gpu === undefined ? [] : parseAliases(spec.gpu),
  }));
}

function seedAccounts(world: SimWorld): void {
  const grant = (
    name: string,
    project: string,
    roles: readonly string[],
    isDefault: boolean,
    enabled = true,
  ): void => {
    const projectId = hexId(`project/${project}`);
    const user = {
      id: hexId(`user/${name}`),
      name,
      password: name,
      enabled,
      defaultProjectId: isDefault ? projectId : (world.usersByName.get(name)?.defaultProjectId ?? null),
    };
    world.projects.set(projectId, { id: projectId, name: project });
    world.users.set(user.id, user);
    world.usersByName.set(name, user);
    world.assignments.set(`${projectId}/${user.id}`, { projectId, userId: user.id, roles: [...roles] });
  };
  grant('admin', 'admin', ['admin'], false);
  for (const name of SERVICE_USERS) grant(name, 'service', ['admin', 'service'], true);
  for (const project of world.topology.projects) grant(project.name, project.name, ['member'], true);
  for (const { user, project, roles, enabled } of world.topology.accounts) {
    grant(user, project, roles, false, enabled);
  }
}

function seedImages(world: SimWorld): void {
  for (const spec of world.topology.images) {
    const id = namedUuid(`image/${spec.name}`);
    world.images.set(id, {
      id,
      name: spec.name,
      projectId: hexId('project/admin'),
      visibility: 'public',
      status: spec.status,
      minDisk: spec.min_disk,
      minRam: spec.min_ram,
      sizeBytes: 4096,
      properties: spec.properties,
      createdAtMs: 0,
      updatedAtMs: 0,
    });
  }
}

function seedNetworks(world: SimWorld): void {
  const { topology } = world;
  const publicSpec = topology.public_network;
  addNetwork(
    world,
    'admin',
    { name: publicSpec.name, external: true },
    {
      cidr: publicSpec.cidr,
      gateway: parseIpv4(publicSpec.gateway),
      start: parseIpv4(publicSpec.pool[0]),
      end: parseIpv4(publicSpec.pool[1]),
    },
  );
  for (const name of topology.more_external_networks) {
    addNetwork(world, 'admin', { name, external: true }, poolOf('198.51.100.0/24'));
  }
  for (const project of topology.projects) {
    const networks = project.networks ?? [{ ...PRIVATE, cidr: project.private_cidr }];
    for (const { cidr, ...network } of networks) {
      addNetwork(world, project.name, network, cidr === null ? null : poolOf(cidr));
    }
  }
  for (const project of world.projects.values()) {
    const id = namedUuid(`security-group/${project.name}`);
    const isClosed = topology.projects.some(({ name, ssh }) => name === project.name && ssh === false);
    const openTcpPorts = isClosed ? [] : [22];
    world.securityGroups.set(id, { id, name: 'default', projectId: project.id, openTcpPorts });
  }
}

/** As every project has it unless the topology says otherwise. */
const PRIVATE = { name: 'private', dhcp: true, router: true, up: true } as const;

interface AddressPool {
  readonly cidr: string;
  readonly gateway: number;
  readonly start: number;
  readonly end: number;
}

function poolOf(cidr: string): AddressPool {
  return { cidr, ...usableRange(cidr) };
}

function addNetwork(
  world: SimWorld,
  projectName: string,
  spec: {
    readonly name: string;
    readonly external?: boolean;
    readonly dhcp?: boolean;
    readonly router?: boolean;
    readonly up?: boolean;
  },
  pool: AddressPool | null,
): void {
  const { name, external = false, dhcp = true, router = true, up = true } = spec;
  const projectId = hexId(`project/${projectName}`);
  const network: SimNetwork = {
    id: namedUuid(`network/${projectName}/${name}`),
    name,
    projectId,
    external,
    up,
    subnetId: namedUuid(`subnet/${projectName}/${name}`),
    routerId: external || !router ? null : namedUuid(`router/${projectName}`),
  };
  world.networks.set(network.id, network);
  if (pool === null) return;
  world.subnets.set(network.subnetId, {
    id: network.subnetId,
    name: `${name}-subnet`,
    networkId: network.id,
    projectId,
    cidr: pool.cidr,
    gateway: formatIpv4(pool.gateway),
    poolStart: pool.start,
    poolEnd: pool.end,
    dhcp,
  });
}
