import { z } from 'zod';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';

export interface Subnet {
  readonly id: string;
  readonly name: string;
  readonly networkId: string;
  readonly cidr: string;
  readonly dhcp: boolean;
}

const subnetSchema = z
  .object({
    id: z.string(),
    name: z.string().default(''),
    network_id: z.string(),
    cidr: z.string(),
    enable_dhcp: z.boolean().default(true),
  })
  .transform((subnet): Subnet => ({
    id: subnet.id,
    name: subnet.name,
    networkId: subnet.network_id,
    cidr: subnet.cidr,
    dhcp: subnet.enable_dhcp,
  }));

/** `GET /v2.0/subnets?network_id=`, expects 200 a page. Source: neutron 21 (Zed). */
export function listSubnets(session: OpenStackSession, networkId: string): Promise<readonly Subnet[]> {
  const query = { network_id: networkId };
  return listAll(session, {
    service: 'network',
    path: '/subnets',
    key: 'subnets',
    query,
    item: subnetSchema,
  });
}
