import { z } from 'zod';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';

export interface Router {
  readonly id: string;
  readonly name: string;
  /** The external network that it leads to; null: none. */
  readonly externalNetworkId: string | null;
}

const routerSchema = z
  .object({
    id: z.string(),
    name: z.string().default(''),
    external_gateway_info: z.object({ network_id: z.string() }).nullish(),
  })
  .transform((router): Router => ({
    id: router.id,
    name: router.name,
    externalNetworkId: router.external_gateway_info?.network_id ?? null,
  }));

/** Plain, distributed, and highly available ones (neutron_lib/constants.py, Zed). */
const INTERFACE_OWNERS = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface',
] as const;

/** `GET /v2.0/routers`, expects 200 a page: all that the session may see. Source: neutron 21 (Zed). */
export function listRouters(session: OpenStackSession): Promise<readonly Router[]> {
  return listAll(session, { service: 'network', path: '/routers', key: 'routers', item: routerSchema });
}

/**
 * Ids of the routers that a network is plugged into, by `GET /v2.0/ports?network_id=&device_owner=`; a call
 * for each kind of router, until one is found.
 */
export async function routersOfNetwork(
  session: OpenStackSession,
  networkId: string,
): Promise<readonly string[]> {
  const item = z.object({ id: z.string(), device_id: z.string() });
  for (const owner of INTERFACE_OWNERS) {
    const query = { network_id: networkId, device_owner: owner };
    const list = { service: 'network', path: '/ports', key: 'ports', query, item } as const;
    const ports = await listAll(session, list);
    if (ports.length > 0) return ports.map((port) => port.device_id);
  }
  return [];
}
