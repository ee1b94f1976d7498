import type { AdoptableListJson } from '../../api/leases.ts';
import { SECOND_MS } from '../../base/units.ts';
import type { AdoptableView } from '../../engine/views.ts';
import { timeOrNull } from './time.ts';

/** A server that belongs to no lease, on the wire. */
export function adoptableToJson(view: AdoptableView): AdoptableListJson['servers'][number] {
  const { server } = view;
  return {
    server_id: server.id,
    name: server.name,
    status: server.status,
    provider_id: view.providerId,
    deployment_id: server.berth?.deploymentId ?? '',
    lease_id: server.berth?.leaseId ?? '',
    project_id: server.projectId,
    owner_id: server.userId,
    flavor: server.flavorName,
    host: view.hostName,
    address: view.address,
    port_id: view.portId,
    floating_ip_id: view.floatingIpId,
    launched_at: timeOrNull(server.launchedAtMs),
    duration_seconds: server.terms.durationMs === null ? null : server.terms.durationMs / SECOND_MS,
    at_end: server.terms.atEnd,
  };
}
