/**
 * Placement's read side: providers with their inventories, usages, traits, aggregates, and allocations. Each
 * PCI device is a child of its host, as with `[pci] report_in_placement`. Source: placement 8 (Zed),
 * handlers/*.py.
 */
import { Refused } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimDevice, SimHost, SimServer } from './model.ts';
import { diskGbOf, RESERVED_MEMORY_MIB } from './placing.ts';
import { namedUuid } from './seed.ts';
import type { SimWorld } from './world.ts';

/** Zed serves 1.0 to 1.39. */
export const PLACEMENT_MINOR_MAX = 39;

/** A host, or one of its devices. */
interface Provider {
  readonly id: string;
  readonly name: string;
  readonly host: SimHost;
  readonly device: SimDevice | null;
}

type Amounts = Readonly<Record<string, number>>;

export function placementError(minor: number, status: number, title: string, detail: string): Refused {
  const code = minor >= 23 ? { code: 'placement.undefined_code' } : {};
  return new Refused({ status, json: { errors: [{ status, title, detail, ...code }] } });
}

export function placementVersionDocument(): Reply {
  const version = {
    id: 'v1.0',
    min_version: '1.0',
    max_version: `1.${PLACEMENT_MINOR_MAX}`,
    status: 'CURRENT',
    links: [{ rel: 'self', href: '' }],
  };
  return { status: 200, json: { versions: [version] } };
}

export function handlePlacement(call: Call): Reply {
  const [first, id, kind] = call.segments;
  if (call.method !== 'GET') {
    throw placementError(call.minor, 405, 'Method Not Allowed', 'The simulated Placement is read only.');
  }
  const ownUsages = first === 'usages' && call.query.get('project_id') === call.token.projectId;
  if (!call.isAdmin && !ownUsages) {
    const rule =
      first === 'resource_providers' && id === undefined ? 'resource_providers:list' : String(first);
    throw placementError(
      call.minor,
      403,
      'Forbidden',
      `Policy does not allow placement:${rule} to be performed.`,
    );
  }
  if (first === 'resource_providers')
    return id === undefined ? listProviders(call) : oneProvider(call, id, kind);
  if (first === 'allocations' && id !== undefined) return consumerAllocations(call, id);
  if (first === 'usages') return projectUsages(call);
  if (first === 'traits') return listTraits(call);
  throw placementError(call.minor, 404, 'Not Found', 'The resource could not be found.');
}

// ------------------------------------------------------------------------------------------------- providers

function listProviders(call: Call): Reply {
  const { world, query } = call;
  let found = providersOf(world);
  const tree = query.get('in_tree');
  if (tree !== null) {
    const root = found.find((provider) => provider.id === tree)?.host;
    found = found.filter((provider) => provider.host === root);
  }
  const name = query.get('name');
  const id = query.get('uuid');
  found = found.filter(
    (provider) => (name === null || provider.name === name) && (id === null || provider.id === id),
  );
  for (const trait of query.get('required')?.split(',') ?? []) {
    const isWanted = !trait.startsWith('!');
    const plain = isWanted ? trait : trait.slice(1);
    found = found.filter((provider) => traitsOf(provider).includes(plain) === isWanted);
  }
  return { status: 200, json: { resource_providers: found.map((provider) => showProvider(call, provider)) } };
}

function oneProvider(call: Call, id: string, kind: string | undefined): Reply {
  const { world } = call;
  const provider = findProvider(world, id);
  if (provider === null) {
    throw placementError(call.minor, 404, 'Not Found', `No resource provider with uuid ${id} found`);
  }
  const resource_provider_generation = provider.host.generation;
  switch (kind) {
    case undefined:
      return { status: 200, json: showProvider(call, provider) };
    case 'inventories':
      return {
        status: 200,
        json: { resource_provider_generation, inventories: inventoriesOf(world, provider) },
      };
    case 'usages':
      return { status: 200, json: { resource_provider_generation, usages: usagesOf(world, provider) } };
    case 'traits':
      return { status: 200, json: { resource_provider_generation, traits: traitsOf(provider) } };
    case 'aggregates': {
      const aggregates = provider.device === null ? aggregatesOf(world, provider.host) : [];
      return { status: 200, json: { resource_provider_generation, aggregates } };
    }
    case 'allocations': {
      const entries = consumersOf(world, provider).map((server) => {
        return [server.id, { resources: allocated(server, provider), consumer_generation: 1 }] as const;
      });
      return {
        status: 200,
        json: { resource_provider_generation, allocations: Object.fromEntries(entries) },
      };
    }
    default:
      throw placementError(call.minor, 404, 'Not Found', 'The resource could not be found.');
  }
}

function consumerAllocations(call: Call, id: string): Reply {
  const { world } = call;
  const server = world.servers.get(id);
  const host = world.hosts.get(server?.host ?? '');
  if (server === undefined || host === undefined) return { status: 200, json: { allocations: {} } };
  const providers = providersOfHost(host).filter((provider) => consumersOf(world, provider).includes(server));
  const allocations = Object.fromEntries(
    providers.map((provider) => [
      provider.id,
      { generation: host.generation, resources: allocated(server, provider) },
    ]),
  );
  return {
    status: 200,
    json: { allocations, project_id: server.projectId, user_id: server.userId, consumer_generation: 1 },
  };
}

function projectUsages(call: Call): Reply {
  const usages: Record<string, number> = {};
  for (const server of call.world.serversByProject.get(call.query.get('project_id') ?? '') ?? []) {
    if (server.host === null) continue;
    for (const [name, amount] of Object.entries(rootAmounts(server)))
      usages[name] = (usages[name] ?? 0) + amount;
  }
  return { status: 200, json: { usages } };
}

function listTraits(call: Call): Reply {
  const traits = new Set(providersOf(call.world).flatMap((provider) => traitsOf(provider)));
  return { status: 200, json: { traits: [...traits].toSorted() } };
}

// --------------------------------------------------------------------------------------------------- numbers

function inventoriesOf(world: SimWorld, provider: Provider): unknown {
  const { host, device } = provider;
  if (device !== null) return { [device.resourceClass]: inventory(1, 0, 1) };
  return {
    VCPU: inventory(host.cores, 0, world.topology.cpu_allocation_ratio),
    MEMORY_MB: inventory(host.memoryMiB, RESERVED_MEMORY_MIB, 1),
    DISK_GB: inventory(host.diskGb, 0, 1),
  };
}

function inventory(total: number, reserved: number, ratio: number): unknown {
  return { total, reserved, min_unit: 1, max_unit: total, step_size: 1, allocation_ratio: ratio };
}

function usagesOf(world: SimWorld, provider: Provider): Amounts {
  const { host, device } = provider;
  if (device !== null) return { [device.resourceClass]: consumersOf(world, provider).length };
  return { VCPU: host.usedVcpus, MEMORY_MB: host.usedRamMiB, DISK_GB: host.usedDiskGb };
}

/** A device that was just taken shows up some seconds later; one that is given back is free at once. */
function consumersOf(world: SimWorld, provider: Provider): readonly SimServer[] {
  const ids = provider.device === null ? provider.host.serverIds : [provider.device.serverId];
  return [...ids].flatMap((id) => {
    const server = id === null ? undefined : world.servers.get(id);
    if (server === undefined) return [];
    return provider.device === null || server.pciReportedAtMs <= world.nowMs ? [server] : [];
  });
}

function allocated(server: SimServer, provider: Provider): Amounts {
  return provider.device === null ? rootAmounts(server) : { [provider.device.resourceClass]: 1 };
}

function rootAmounts(server: SimServer): Amounts {
  return { VCPU: server.flavor.vcpus, MEMORY_MB: server.flavor.ram, DISK_GB: diskGbOf(server.flavor) };
}

function traitsOf(provider: Provider): readonly string[] {
  if (provider.device !== null) return provider.device.traits;
  const traits = ['COMPUTE_ACCELERATORS', 'COMPUTE_IMAGE_TYPE_QCOW2', 'COMPUTE_NODE'];
  return provider.host.enabled ? traits : [...traits, 'COMPUTE_STATUS_DISABLED'];
}

function aggregatesOf(world: SimWorld, host: SimHost): readonly string[] {
  return world.topology.aggregates
    .filter((aggregate) => aggregate.hosts.includes(host.name))
    .map((aggregate) => namedUuid(`aggregate/${aggregate.name}`));
}

function providersOf(world: SimWorld): readonly Provider[] {
  return [...world.hosts.values()].flatMap(providersOfHost);
}

function providersOfHost(host: SimHost): readonly Provider[] {
  const root: Provider = { id: host.id, name: host.name, host, device: null };
  const children = host.devices.filter((device) => device.passthrough).map((device) => childOf(host, device));
  return [root, ...children];
}

function childOf(host: SimHost, device: SimDevice): Provider {
  return { id: device.providerId, name: `${host.name}_${device.address.toUpperCase()}`, host, device };
}

function findProvider(world: SimWorld, id: string): Provider | null {
  const host = world.hostsById.get(id);
  if (host !== undefined) return { id, name: host.name, host, device: null };
  return providersOf(world).find((provider) => provider.id === id) ?? null;
}

function showProvider(call: Call, provider: Provider): unknown {
  const { id, name, host, device } = provider;
  const base = `/placement/resource_providers/${id}`;
  const links = ['', '/inventories', '/usages', '/aggregates', '/traits', '/allocations'].map((path) => ({
    rel: path === '' ? 'self' : path.slice(1),
    href: `${base}${path}`,
  }));
  const tree =
    call.minor >= 14
      ? { parent_provider_uuid: device === null ? null : host.id, root_provider_uuid: host.id }
      : {};
  return { uuid: id, name, generation: host.generation, ...tree, links };
}
