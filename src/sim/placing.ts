/**
 * Where servers go: Nova's filters that matter here, its weighing by free resources, and the taking and
 * giving back of a host's resources, which asserts that nothing is ever handed out twice.
 */
import { assert, assertDefined } from '../base/assert.ts';
import { pickAccelerators } from './accelerators.ts';
import type { SimDevice, SimFlavor, SimHost, SimServer } from './model.ts';
import type { SimWorld } from './world.ts';

/** Nova's `reserved_host_memory_mb`. */
export const RESERVED_MEMORY_MIB = 512;

/**
 * What Placement counts as disk: root and swap rounded up to whole GB (ephemeral disks do not occur here).
 */
export function diskGbOf(flavor: SimFlavor): number {
  return flavor.disk + flavor.ephemeral + Math.ceil(flavor.swap / 1024);
}

/** The host that Nova's scheduler would take; null: no valid host. `wanted`: only this one. */
export function pickHost(world: SimWorld, flavor: SimFlavor, wanted: string | null): SimHost | null {
  const fitting: SimHost[] = [];
  for (const host of world.hosts.values()) {
    if ((wanted === null || host.name === wanted) && fits(world, host, flavor)) fitting.push(host);
  }
  if (fitting.length <= 1) return fitting[0] ?? null;
  // Hosts without PCI devices first for servers that want none, as PCIWeigher has it.
  const weights = fitting.map((host) => (flavor.aliases.length === 0 && host.devices.length > 0 ? -10 : 0));
  addNormalised(weights, fitting, (host) => host.memoryMiB - host.usedRamMiB);
  addNormalised(weights, fitting, (host) => vcpuCapacity(world, host) - host.usedVcpus);
  addNormalised(weights, fitting, (host) => host.diskGb - host.usedDiskGb);
  let best = 0;
  for (let index = 1; index < fitting.length; index++) {
    if ((weights[index] ?? 0) > (weights[best] ?? 0)) best = index;
  }
  return fitting[best] ?? null;
}

/** Takes the host's resources for the server. The caller has checked with `pickHost`. */
export function claim(world: SimWorld, host: SimHost, server: SimServer): void {
  assert(server.host === null, 'a server is on one host at a time');
  const { flavor } = server;
  const devices = pickDevices(host, flavor);
  const accelerators = pickAccelerators(world, host, flavor);
  assert(devices !== null && accelerators !== null, 'the host was checked for free devices');
  for (const device of devices) {
    assert(device.serverId === null, 'a device has one server at most');
    device.serverId = server.id;
  }
  for (const { accelerator, amount } of accelerators) {
    accelerator.held[server.id] = (accelerator.held[server.id] ?? 0) + amount;
  }
  host.serverIds.add(server.id);
  host.usedVcpus += flavor.vcpus;
  host.usedRamMiB += flavor.ram;
  host.usedDiskGb += diskGbOf(flavor);
  host.generation += 1;
  server.host = host.name;
  assertWithinCapacity(world, host);
}

/** Gives back what the server holds; nothing happens if it is nowhere. */
export function release(world: SimWorld, server: SimServer): void {
  if (server.host === null) return;
  const host = hostOf(world, server.host);
  const held = host.serverIds.delete(server.id);
  assert(held, 'the host knows its servers');
  for (const device of host.devices) if (device.serverId === server.id) device.serverId = null;
  for (const accelerator of host.accelerators) delete accelerator.held[server.id];
  host.usedVcpus -= server.flavor.vcpus;
  host.usedRamMiB -= server.flavor.ram;
  host.usedDiskGb -= diskGbOf(server.flavor);
  host.generation += 1;
  server.host = null;
  assertWithinCapacity(world, host);
}

export function hostOf(world: SimWorld, name: string): SimHost {
  return assertDefined(world.hosts.get(name), 'servers are on known hosts');
}

function vcpuCapacity(world: SimWorld, host: SimHost): number {
  return Math.floor(host.cores * world.topology.cpu_allocation_ratio);
}

/** Checks everything against everything: for tests, and after a state was loaded. */
export function auditWorld(world: SimWorld): void {
  for (const host of world.hosts.values()) {
    assertWithinCapacity(world, host);
    const used = { vcpus: 0, ramMiB: 0, diskGb: 0 };
    for (const id of host.serverIds) {
      const server = assertDefined(world.servers.get(id), 'hosts hold live servers only');
      assert(server.host === host.name, 'server and host agree');
      used.vcpus += server.flavor.vcpus;
      used.ramMiB += server.flavor.ram;
      used.diskGb += diskGbOf(server.flavor);
      for (const [alias, count] of aliasDemand(server.flavor)) {
        const held = host.devices.filter(
          (device) => device.serverId === id && device.aliases.includes(alias),
        );
        assert(held.length >= count, 'a server on a host has all its devices');
      }
    }
    assert(used.vcpus === host.usedVcpus, 'used vCPUs are the sum of the servers');
    assert(
      used.ramMiB === host.usedRamMiB && used.diskGb === host.usedDiskGb,
      'used RAM and disk are the sum',
    );
    for (const device of host.devices) {
      assert(
        device.serverId === null || host.serverIds.has(device.serverId),
        'devices belong to servers here',
      );
    }
  }
  for (const server of world.servers.values()) {
    assert(
      server.host === null || hostOf(world, server.host).serverIds.has(server.id),
      'hosts know their servers',
    );
    assert(world.projects.has(server.projectId), 'servers belong to known projects');
  }
  for (const [portId, floatingIp] of world.floatingIpByPort) {
    assert(floatingIp.portId === portId && world.ports.has(portId), 'floating IPs point at live ports');
  }
}

function assertWithinCapacity(world: SimWorld, host: SimHost): void {
  assert(host.usedVcpus >= 0 && host.usedVcpus <= vcpuCapacity(world, host), 'vCPUs are within the capacity');
  assert(host.usedRamMiB >= 0 && host.usedRamMiB <= host.memoryMiB - RESERVED_MEMORY_MIB, 'RAM is within it');
  assert(host.usedDiskGb >= 0 && host.usedDiskGb <= host.diskGb, 'disk is within it');
}

function fits(world: SimWorld, host: SimHost, flavor: SimFlavor): boolean {
  if (!host.up || !host.enabled) return false;
  if (host.usedVcpus + flavor.vcpus > vcpuCapacity(world, host)) return false;
  if (host.usedRamMiB + flavor.ram > host.memoryMiB - RESERVED_MEMORY_MIB) return false;
  if (host.usedDiskGb + diskGbOf(flavor) > host.diskGb) return false;
  const gpuFlag = flavor.extraSpecs['aggregate_instance_extra_specs:gpu'];
  if (gpuFlag !== undefined && !host.gpuFlags.includes(gpuFlag)) return false;
  return pickDevices(host, flavor) !== null && pickAccelerators(world, host, flavor) !== null;
}

/** Free devices for all aliases of the flavor; null: not enough. */
function pickDevices(host: SimHost, flavor: SimFlavor): readonly SimDevice[] | null {
  const picked: SimDevice[] = [];
  for (const [alias, count] of flavor.aliases) {
    let missing = count;
    for (const device of host.devices) {
      if (missing === 0) break;
      if (!device.passthrough || device.serverId !== null) continue;
      if (!device.aliases.includes(alias) || picked.includes(device)) continue;
      picked.push(device);
      missing -= 1;
    }
    if (missing > 0) return null;
  }
  return picked;
}

function aliasDemand(flavor: SimFlavor): ReadonlyMap<string, number> {
  const demand = new Map<string, number>();
  for (const [alias, count] of flavor.aliases) demand.set(alias, (demand.get(alias) ?? 0) + count);
  return demand;
}

function addNormalised(weights: number[], hosts: readonly SimHost[], value: (host: SimHost) => number): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const host of hosts) {
    const current = value(host);
    low = Math.min(low, current);
    high = Math.max(high, current);
  }
  if (high === low) return;
  hosts.forEach((host, index) => {
    weights[index] = (weights[index] ?? 0) + (value(host) - low) / (high - low);
  });
}
