/**
 * The resource providers of the simulated cloud with their numbers: each host, below it each PCI device (as
 * with `[pci] report_in_placement`) and each accelerator.
 */
import type { SimAccelerator, SimDevice, SimHost, SimServer } from './model.ts';
import { diskGbOf, RESERVED_MEMORY_MIB } from './placing.ts';
import type { SimWorld } from './world.ts';

export interface Provider {
  readonly id: string;
  readonly name: string;
  readonly host: SimHost;
  /** null, both: it is the host itself. */
  readonly device: SimDevice | null;
  readonly accelerator: SimAccelerator | null;
}

export type Amounts = Readonly<Record<string, number>>;

interface Inventory {
  readonly total: number;
  readonly reserved: number;
  readonly min_unit: number;
  readonly max_unit: number;
  readonly step_size: number;
  readonly allocation_ratio: number;
}

export function providersOf(world: SimWorld): readonly Provider[] {
  return [...world.hosts.values()].flatMap(providersOfHost);
}

export function providersOfHost(host: SimHost): readonly Provider[] {
  const devices = host.devices.filter((device) => device.passthrough);
  return [
    { id: host.id, name: host.name, host, device: null, accelerator: null },
    ...devices.map((device) => ({
      id: device.providerId,
      name: `${host.name}_${device.address.toUpperCase()}`,
      host,
      device,
      accelerator: null,
    })),
    ...host.accelerators.map((accelerator) => ({
      id: accelerator.providerId,
      name: `${host.name}_${accelerator.name}`,
      host,
      device: null,
      accelerator,
    })),
  ];
}

export function findProvider(world: SimWorld, id: string): Provider | null {
  return providersOf(world).find((provider) => provider.id === id) ?? null;
}

export function inventoriesOf(world: SimWorld, provider: Provider): Readonly<Record<string, Inventory>> {
  const { host, device, accelerator } = provider;
  if (device !== null) return { [device.resourceClass]: inventory(1, 0, 1) };
  if (accelerator !== null)
    return { [accelerator.resourceClass]: inventory(accelerator.total, accelerator.reserved, 1) };
  return {
    VCPU: inventory(host.cores, 0, world.topology.cpu_allocation_ratio),
    MEMORY_MB: inventory(host.memoryMiB, RESERVED_MEMORY_MIB, 1),
    DISK_GB: inventory(host.diskGb, 0, 1),
  };
}

export function capacityOf(world: SimWorld, provider: Provider): Amounts {
  const entries = Object.entries(inventoriesOf(world, provider));
  return Object.fromEntries(
    entries.map(([name, each]) => [name, Math.floor((each.total - each.reserved) * each.allocation_ratio)]),
  );
}

export function usagesOf(world: SimWorld, provider: Provider): Amounts {
  const { host, device, accelerator } = provider;
  if (device !== null) return { [device.resourceClass]: consumersOf(world, provider).length };
  if (accelerator !== null) {
    const used = Object.values(accelerator.held).reduce((sum, amount) => sum + amount, 0);
    return { [accelerator.resourceClass]: used };
  }
  return { VCPU: host.usedVcpus, MEMORY_MB: host.usedRamMiB, DISK_GB: host.usedDiskGb };
}

/** A PCI device that was just taken shows up some seconds later; one that is given back is free at once. */
export function consumersOf(world: SimWorld, { host, device, accelerator }: Provider): readonly SimServer[] {
  const ids =
    device !== null
      ? [device.serverId]
      : accelerator !== null
        ? Object.keys(accelerator.held)
        : host.serverIds;
  return [...ids].flatMap((id) => {
    const server = id === null ? undefined : world.servers.get(id);
    if (server === undefined) return [];
    return device === null || server.pciReportedAtMs <= world.nowMs ? [server] : [];
  });
}

export function allocated(server: SimServer, { device, accelerator }: Provider): Amounts {
  if (device !== null) return { [device.resourceClass]: 1 };
  if (accelerator !== null) return { [accelerator.resourceClass]: accelerator.held[server.id] ?? 0 };
  return rootAmounts(server);
}

export function rootAmounts({ flavor }: SimServer): Amounts {
  return { VCPU: flavor.vcpus, MEMORY_MB: flavor.ram, DISK_GB: diskGbOf(flavor) };
}

export function traitsOf({ host, device, accelerator }: Provider): readonly string[] {
  if (device !== null) return device.traits;
  if (accelerator !== null) return accelerator.traits;
  const traits = ['COMPUTE_ACCELERATORS', 'COMPUTE_IMAGE_TYPE_QCOW2', 'COMPUTE_NODE'];
  return host.enabled ? traits : [...traits, 'COMPUTE_STATUS_DISABLED'];
}

function inventory(total: number, reserved: number, ratio: number): Inventory {
  return { total, reserved, min_unit: 1, max_unit: total, step_size: 1, allocation_ratio: ratio };
}
