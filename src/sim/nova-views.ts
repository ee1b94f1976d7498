/**
 * How Nova shows servers and flavors, by microversion and rights. Source: nova 26 (Zed),
 * compute/views/servers.py.
 */
import { createHash } from 'node:crypto';
import { isoMicros, isoSeconds } from './http.ts';
import type { Call } from './http.ts';
import type { SimFlavor, SimServer, VmState } from './model.ts';
import type { SimWorld } from './world.ts';

const STATUS: Readonly<Record<VmState, string>> = {
  building: 'BUILD',
  active: 'ACTIVE',
  stopped: 'SHUTOFF',
  shelved: 'SHELVED',
  shelved_offloaded: 'SHELVED_OFFLOADED',
  error: 'ERROR',
  deleted: 'DELETED',
};

export function statusOf(server: SimServer): string {
  if (server.vmState === 'active' && server.taskState === 'reboot_started_hard') return 'HARD_REBOOT';
  return STATUS[server.vmState];
}

export function showServerShort(call: Call, server: SimServer): unknown {
  return { id: server.id, name: server.name, links: linksOf(call, 'servers', server.id) };
}

export function showServer(call: Call, server: SimServer): Record<string, unknown> {
  const { minor } = call;
  const active = server.vmState === 'active' || server.vmState === 'building';
  const view: Record<string, unknown> = {
    id: server.id,
    name: server.name,
    status: statusOf(server),
    tenant_id: server.projectId,
    user_id: server.userId,
    metadata: server.metadata,
    hostId: hostIdOf(server),
    image: {
      id: server.imageId,
      links: [{ rel: 'bookmark', href: `${call.origin}/compute/images/${server.imageId}` }],
    },
    flavor: minor >= 47 ? embedFlavor(call, server.flavor) : { id: server.flavor.id, links: [] },
    created: isoSeconds(server.createdAtMs),
    updated: isoSeconds(server.updatedAtMs),
    addresses: addressesOf(call.world, server),
    accessIPv4: '',
    accessIPv6: '',
    links: linksOf(call, 'servers', server.id),
    'OS-DCF:diskConfig': 'MANUAL',
    'OS-EXT-AZ:availability_zone': server.host === null ? '' : 'nova',
    config_drive: server.configDrive ? 'True' : '',
    key_name: server.keyName,
    'OS-SRV-USG:launched_at': novaTime(server.launchedAtMs),
    'OS-SRV-USG:terminated_at': novaTime(server.terminatedAtMs),
    'OS-EXT-STS:task_state': server.taskState,
    'OS-EXT-STS:vm_state': server.vmState,
    'OS-EXT-STS:power_state': server.powerState,
    'os-extended-volumes:volumes_attached': [],
    ...(active ? { progress: 0 } : {}),
    ...(server.fault === null ? {} : { fault: showFault(server.fault) }),
    ...(server.vmState === 'error' && server.host === null
      ? {}
      : { security_groups: server.securityGroups.map((name) => ({ name })) }),
  };
  if (call.isAdmin) Object.assign(view, adminAttributes(call, server));
  if (minor >= 9) view['locked'] = server.locked;
  if (minor >= 19) view['description'] = server.description;
  if (minor >= 26) view['tags'] = server.tags;
  if (minor >= 63) view['trusted_image_certificates'] = null;
  if (minor >= 73) view['locked_reason'] = server.lockedReason;
  if (minor >= 90 || (call.isAdmin && minor >= 3)) view['OS-EXT-SRV-ATTR:hostname'] = hostnameOf(server);
  return view;
}

export function showFlavor(call: Call, flavor: SimFlavor): unknown {
  return {
    id: flavor.id,
    name: flavor.name,
    ram: flavor.ram,
    disk: flavor.disk,
    swap: flavor.swap === 0 && call.minor < 75 ? '' : flavor.swap,
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral,
    'OS-FLV-DISABLED:disabled': flavor.disabled,
    vcpus: flavor.vcpus,
    'os-flavor-access:is_public': flavor.isPublic,
    rxtx_factor: 1,
    links: linksOf(call, 'flavors', flavor.id),
    ...(call.minor >= 55 ? { description: null } : {}),
    ...(call.minor >= 61 ? { extra_specs: flavor.extraSpecs } : {}),
  };
}

export function linksOf(call: Call, kind: string, id: string): unknown {
  return [
    { rel: 'self', href: `${call.origin}/compute/v2.1/${kind}/${id}` },
    { rel: 'bookmark', href: `${call.origin}/compute/${kind}/${id}` },
  ];
}

/** Names as a guest would have them. */
function hostnameOf(server: SimServer): string {
  return server.name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 63);
}

function adminAttributes(call: Call, server: SimServer): Record<string, unknown> {
  const host = server.host === null ? null : (call.world.hosts.get(server.host) ?? null);
  return {
    'OS-EXT-SRV-ATTR:host': server.host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': server.host,
    'OS-EXT-SRV-ATTR:instance_name': `instance-${server.id.slice(0, 8)}`,
    ...(call.minor >= 3
      ? {
          'OS-EXT-SRV-ATTR:reservation_id': `r-${server.id.slice(0, 8)}`,
          'OS-EXT-SRV-ATTR:launch_index': 0,
          'OS-EXT-SRV-ATTR:kernel_id': '',
          'OS-EXT-SRV-ATTR:ramdisk_id': '',
          'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
          'OS-EXT-SRV-ATTR:user_data': server.userData,
        }
      : {}),
    ...(call.minor >= 16 ? { host_status: host === null ? '' : host.up ? 'UP' : 'UNKNOWN' } : {}),
  };
}

function embedFlavor(call: Call, flavor: SimFlavor): unknown {
  return {
    vcpus: flavor.vcpus,
    ram: flavor.ram,
    disk: flavor.disk,
    ephemeral: flavor.ephemeral,
    swap: flavor.swap,
    original_name: flavor.name,
    ...(call.minor >= 47 ? { extra_specs: flavor.extraSpecs } : {}),
  };
}

function addressesOf(world: SimWorld, server: SimServer): Record<string, unknown[]> {
  const addresses: Record<string, unknown[]> = {};
  for (const port of world.portsByDevice.get(server.id) ?? []) {
    const name = world.networks.get(port.networkId)?.name ?? port.networkId;
    const list = (addresses[name] ??= []);
    const mac = { 'OS-EXT-IPS-MAC:mac_addr': port.macAddress };
    list.push({ version: 4, addr: port.address, 'OS-EXT-IPS:type': 'fixed', ...mac });
    const floatingIp = world.floatingIpByPort.get(port.id);
    if (floatingIp !== undefined) {
      list.push({ version: 4, addr: floatingIp.address, 'OS-EXT-IPS:type': 'floating', ...mac });
    }
  }
  return addresses;
}

function showFault(fault: NonNullable<SimServer['fault']>): unknown {
  return { code: fault.code, created: isoSeconds(fault.createdAtMs), message: fault.message };
}

function novaTime(timeMs: number | null): string | null {
  return timeMs === null ? null : isoMicros(timeMs).slice(0, -1);
}

/** Nova hides the host's name from members behind sha224(project + host). */
function hostIdOf(server: SimServer): string {
  if (server.host === null) return '';
  const key = `${server.projectId}${server.host}`;
  const known = HOST_IDS.get(key);
  if (known !== undefined) return known;
  const hostId = createHash('sha224').update(key).digest('hex');
  if (HOST_IDS.size >= HOST_IDS_MAX) HOST_IDS.clear();
  HOST_IDS.set(key, hostId);
  return hostId;
}

/** Hashes are the same for everybody, so they are kept for the process; the bound is memory. */
const HOST_IDS = new Map<string, string>();
const HOST_IDS_MAX = 100_000;
