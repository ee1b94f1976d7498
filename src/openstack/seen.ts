import { assert } from '../base/assert.ts';
import type { HostId, ProviderId } from '../base/ids.ts';
import type { FloatingIpSeen, PortSeen, ServerSeen, ServerStatus } from '../domain/provision/sighting.ts';
import { hostIdOf } from './inventory.ts';
import { borrowerOf, markOf, parseMark, termsOf } from './marks.ts';
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

/** `isInOurs`: it lives in Berth's own project, so that only its metadata tell whose lease it is of. */
export function serverSeen(server: Server, providerId: ProviderId, isInOurs = false): ServerSeen {
  const berth = markOf(server);
  const borrower = berth === null ? { projectId: null, userId: null } : borrowerOf(server);
  return {
    id: server.id,
    name: server.name,
    projectId: (isInOurs ? borrower.projectId : null) ?? server.projectId,
    userId: borrower.userId ?? server.userId,
    status: STATUSES[server.status] ?? 'OTHER',
    taskState: server.taskState,
    hostId: server.host === null ? null : hostIdOf(providerId, server.host),
    fault: server.fault,
    berth,
    terms: termsOf(server),
    flavorName: server.flavor?.name ?? null,
    launchedAtMs: server.launchedAtMs,
    locked: server.locked,
    createdAtMs: server.createdAtMs,
  };
}

/** The other way round: the service host of a host of ours. */
export function serviceHostOf(providerId: ProviderId, hostId: HostId): string {
  const prefix = hostIdOf(providerId, '');
  assert(hostId.startsWith(prefix), `host ${hostId} is of provider ${providerId}`);
  return hostId.slice(prefix.length);
}

export function portSeen(port: Port): PortSeen {
  return { id: port.id, serverId: port.deviceId, address: port.address, berth: parseMark(port.description) };
}

export function floatingIpSeen(ip: FloatingIp): FloatingIpSeen {
  return { id: ip.id, address: ip.address, portId: ip.portId, berth: parseMark(ip.description) };
}
