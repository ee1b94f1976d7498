import { z } from 'zod';
import type { QuotaUse } from '../nova/quotas.ts';
import type { OpenStackSession } from '../session.ts';

export interface NetworkQuota {
  readonly ports: QuotaUse;
  readonly floatingIps: QuotaUse;
}

const useSchema = z
  .object({ limit: z.int(), used: z.int(), reserved: z.int().default(0) })
  .transform((use): QuotaUse => ({ limit: use.limit, used: use.used + use.reserved }));
const replySchema = z.object({ quota: z.object({ port: useSchema, floatingip: useSchema }) });

/**
 * `GET /v2.0/quotas/{project}/details.json`, expects 200. Another project's needs the admin role. Source:
 * neutron 21 (Zed), neutron/extensions/quotasv2_detail.py.
 */
export async function readNetworkQuota(session: OpenStackSession, projectId: string): Promise<NetworkQuota> {
  const { quota } = await session.send({
    service: 'network',
    method: 'GET',
    path: `/quotas/${encodeURIComponent(projectId)}/details.json`,
    expect: [200],
    reply: replySchema,
  });
  return { ports: quota.port, floatingIps: quota.floatingip };
}
