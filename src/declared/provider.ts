/**
 * Hosts from the config file as a provider: machines that run already, to which the borrower gets the way in.
 * Owns the translation of the declaration; it makes no outside call, so it neither notices nor changes what
 * runs there.
 */
import { asId, type HostId, type ProviderId } from '../base/ids.ts';
import type { ObservedHost } from '../domain/command.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import {
  NO_DEVICES,
  NO_RESOURCES,
  type Device,
  type DeviceClass,
  type Resources,
} from '../domain/model/host.ts';
import type { Connection, Lease } from '../domain/model/lease.ts';
import { NO_SETUP, type Setup } from '../domain/model/setup.ts';
import { ProviderError, type Objection, type Provider, type ProviderSnapshot } from '../engine/ports.ts';
import type { DeclaredConfig } from './config.ts';

type DeclaredHost = DeclaredConfig['hosts'][number];

export interface DeclaredProvider extends Provider {
  /** There are no servers that somebody else could run. */
  snapshot(): Promise<ProviderSnapshot>;
}

/** No call ever leaves the process: there is nothing that could still take effect. */
const CALL_TIMEOUT_MS = 0;

export function createDeclaredProvider(options: {
  readonly id: ProviderId;
  readonly config: DeclaredConfig;
}): DeclaredProvider {
  const { id, config } = options;
  const hosts = config.hosts.map((host) => observedHost(id, host));
  const flavors =
    config.flavors === undefined ? generatedFlavors(id, hosts) : declaredFlavors(id, config.flavors);
  const connections = new Map<HostId, Connection>(
    config.hosts.map((host) => [hostIdOf(id, host), host.connection]),
  );
  return {
    id,
    kind: 'declared',
    callTimeoutMs: CALL_TIMEOUT_MS,
    wantsFloatingIp: false,
    overridesLocks: false,
    snapshot: async () => ({
      hosts,
      flavors,
      servers: [],
      ports: [],
      floatingIps: [],
      warnings: [],
      dateMs: null,
    }),
    inspect: async () => ({ port: null, servers: [], floatingIp: null, dateMs: null }),
    async perform(step) {
      throw new ProviderError('unsupported', 'none', `declared hosts have no step '${step.kind}'`);
    },
    connection({ lease }) {
      const hostId = heldHost(lease);
      return hostId === null ? null : (connections.get(hostId) ?? null);
    },
    watch: async (_subject, sighting) => sighting,
    // It was there before the lease, and is reached as the operator wrote it.
    probe: async () => ({ ready: true }),
    admit: async ({ setup = NO_SETUP }) => (isBare(setup) ? null : NOTHING_IS_BUILT),
  };
}

function heldHost({ state }: Lease): HostId | null {
  return state.kind === 'starting' || state.kind === 'active' ? state.claim.hostId : null;
}

function hostIdOf(providerId: ProviderId, host: DeclaredHost): HostId {
  return asId(`${providerId}:${host.name}`);
}

function observedHost(providerId: ProviderId, host: DeclaredHost): ObservedHost {
  const id = hostIdOf(providerId, host);
  return {
    id,
    providerId,
    name: host.name,
    claimKind: 'unit',
    capacity: { vcpus: host.vcpus, memoryMiB: host.memory_mib, diskGiB: host.disk_gib },
    devices: host.gpus.map((gpu, index) => deviceOf(id, gpu, index)),
    slots: NO_DEVICES,
    foreign: { resources: NO_RESOURCES, devices: NO_DEVICES },
    status: host.disabled === undefined ? { kind: 'up' } : { kind: 'disabled', reason: host.disabled },
  };
}

/** The address names a card for good; without one its place in the list has to. */
function deviceOf(hostId: HostId, gpu: DeclaredHost['gpus'][number], index: number): Device {
  const address = gpu.address?.toLowerCase() ?? null;
  return {
    id: asId(`${hostId}/${address ?? index}`),
    deviceClass: gpu.class,
    address,
    iommuGroup: gpu.iommu_group ?? null,
    numaNode: gpu.numa_node ?? null,
    parentId: null,
    quarantine: null,
  };
}

function declaredFlavors(
  providerId: ProviderId,
  flavors: NonNullable<DeclaredConfig['flavors']>,
): readonly Flavor[] {
  return flavors.map((flavor, position) => {
    const resources = { vcpus: flavor.vcpus, memoryMiB: flavor.memory_mib, diskGiB: flavor.disk_gib };
    return flavorOf(providerId, flavor.name, {
      description: flavor.description,
      resources,
      devices: flavor.gpus,
      position,
    });
  });
}

/**
 * For each class 1, 2 … as many cards as one host has; with each card goes its share of the smallest such
 * host.
 */
function generatedFlavors(providerId: ProviderId, hosts: readonly ObservedHost[]): readonly Flavor[] {
  const classes = new Set(hosts.flatMap(({ devices }) => devices.map(({ deviceClass }) => deviceClass)));
  const wanted = [...classes].toSorted().flatMap((deviceClass) => {
    const having = hosts.filter((host) => countOf(host, deviceClass) > 0);
    const countMax = Math.max(...having.map((host) => countOf(host, deviceClass)));
    return Array.from({ length: countMax }, (_unused, index) => ({ deviceClass, count: index + 1 }));
  });
  return wanted.map(({ deviceClass, count }, position) => {
    const having = hosts.filter((host) => countOf(host, deviceClass) >= count);
    return flavorOf(providerId, count === 1 ? deviceClass : `${deviceClass}-x${count}`, {
      description: `${count} × ${deviceClass}`,
      resources: shareOf(having, count),
      devices: { [deviceClass]: count },
      position,
    });
  });
}

function countOf(host: ObservedHost, deviceClass: DeviceClass): number {
  return host.devices.filter((device) => device.deviceClass === deviceClass).length;
}

function shareOf(hosts: readonly ObservedHost[], count: number): Resources {
  const smallest = (amountOf: (capacity: Resources) => number): number =>
    Math.min(
      ...hosts.map(({ capacity, devices }) => Math.floor((amountOf(capacity) * count) / devices.length)),
    );
  return {
    vcpus: smallest(({ vcpus }) => vcpus),
    memoryMiB: smallest(({ memoryMiB }) => memoryMiB),
    diskGiB: smallest(({ diskGiB }) => diskGiB),
  };
}

function flavorOf(
  providerId: ProviderId,
  name: string,
  rest: Pick<Flavor, 'description' | 'resources' | 'devices' | 'position'>,
): Flavor {
  const fixed = { scratchGiB: 0, disabled: false, misconfigured: null, reported: true };
  return { id: asId(`${providerId}:${name}`), externalId: name, providerId, name, ...rest, ...fixed };
}

function isBare({ profiles, userData, sshFrom, network, address }: Setup): boolean {
  const asks = profiles.length + sshFrom.length;
  return asks === 0 && userData === null && network === null && address !== 'floating';
}

const NOTHING_IS_BUILT: Objection = {
  message:
    'A host that is there already is handed out as it is: nothing can be installed or connected there.',
  fix: 'Leave out profiles, user data, network and address, or choose a flavor of a cloud.',
  field: 'profiles',
};
