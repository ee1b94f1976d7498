/** Which marked servers of a snapshot belong to no lease, with what an adoption must know of each. Pure. */
import type { ProviderId } from '../base/ids.ts';
import type { World } from '../domain/world.ts';
import type { ProviderSnapshot } from '../engine/ports.ts';
import type { AdoptableView } from '../engine/views.ts';

/** Shown at once: whoever lost more than this adopts them in several turns. */
const SHOWN_MAX = 1000;

export function adoptableServers(
  { servers, ports, floatingIps }: ProviderSnapshot,
  world: World,
  providerId: ProviderId,
): readonly AdoptableView[] {
  const held = new Set<string | null>();
  for (const { refs } of world.leases.values()) held.add(refs.serverId);
  const portOf = new Map(ports.map((port) => [port.serverId, port]));
  const ipOf = new Map(floatingIps.map((ip) => [ip.portId, ip]));
  const found: AdoptableView[] = [];
  for (const server of servers) {
    const { berth } = server;
    if (berth === null || held.has(server.id) || server.status === 'DELETED') continue;
    // Our own mark on a lease that lives: made twice, which is the sweep's.
    const isOurs = berth.deploymentId === world.control.deploymentId;
    if (isOurs && world.leases.has(berth.leaseId)) continue;
    const port = portOf.get(server.id) ?? null;
    const floatingIp = port === null ? null : (ipOf.get(port.id) ?? null);
    found.push({
      providerId,
      server,
      hostName: server.hostId === null ? null : (world.hosts.get(server.hostId)?.host.name ?? null),
      portId: port?.id ?? null,
      floatingIpId: floatingIp?.id ?? null,
      address: floatingIp?.address ?? port?.address ?? null,
    });
    if (found.length >= SHOWN_MAX) break;
  }
  return found;
}
