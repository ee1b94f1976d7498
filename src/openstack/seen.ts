import type { ProviderId } from '../base/ids.ts';
import type { FloatingIpSeen, PortSeen, ServerSeen, ServerStatus } from '../domain/provision/sighting.ts';
import { hostIdOf } from './inventory.ts';
import { markOf, parseMark } from './marks.ts';
import type { FloatingIp } from './neutron/floatingips.ts';
import type { Port } from './neutron/ports.ts';
import type { Server } from './nova/servers.ts';

/** Nova's records in the words of the domain. Statuses that no decision knows are `OTHER`. */
const STATUSES: Readonly<Partial<Record<string, ServerStatus>>> = {
  BUILD: 'BUILD',
  ACTIVE: 'ACTIVE',
  SHUTOFF: 'SHUTOFF',
  SHELVED: 'SHELVED',
  SHELVED_OFFLOADED: 'SHELVED_OFFLOADED',
  ERROR: 'ERROR',
  DELETED: 'DELETED',
};

export function serverSeen(server: Server, providerId: ProviderId): ServerSeen {
  return {
    id: server.id,
    name: server.name,
    status: STATUSES[server.status] ?? 'OTHER',
    taskState: server.taskState,
    hostId: server.host === null ? null : hostIdOf(providerId, server.host),
    fault: server.fault,
    berth: markOf(server),
    flavorName: server.flavor?.name ?? null,
    launchedAtMs: server.launchedAtMs,
    locked: server.locked,
    createdAtMs: server.createdAtMs,
  };
}

export function portSeen(port: Port): PortSeen {
  return { id: port.id, serverId: port.deviceId, address: port.address, berth: parseMark(port.description) };
}

export function floatingIpSeen(ip: FloatingIp): FloatingIpSeen {
  return { id: ip.id, address: ip.address, portId: ip.portId, berth: parseMark(ip.description) };
}
