import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';

/** Addresses of a network's pools, of all its subnets together. */
export interface AddressUse {
  readonly total: number;
  readonly used: number;
}

const replySchema = z.object({
  network_ip_availability: z.object({ total_ips: z.number(), used_ips: z.number() }),
});

/**
 * `GET /v2.0/network-ip-availabilities/{id}`, expects 200. Needs the admin role, and the extension (on by
 * default). Source: neutron 21 (Zed), neutron/db/network_ip_availability_db.py.
 */
export async function readAddressUse(session: OpenStackSession, networkId: string): Promise<AddressUse> {
  const { network_ip_availability: found } = await session.send({
    service: 'network',
    method: 'GET',
    path: `/network-ip-availabilities/${encodeURIComponent(networkId)}`,
    expect: [200],
    reply: replySchema,
  });
  return { total: found.total_ips, used: found.used_ips };
}
