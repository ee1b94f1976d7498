import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';
import { NOVA_MICROVERSION } from './microversion.ts';

/** How much a project may have, and has; a limit of -1: none. */
export interface QuotaUse {
  readonly limit: number;
  readonly used: number;
}

export interface ComputeQuota {
  readonly instances: QuotaUse;
  readonly cores: QuotaUse;
  readonly ramMiB: QuotaUse;
}

const useSchema = z
  .object({ limit: z.int(), in_use: z.int(), reserved: z.int().default(0) })
  .transform((use): QuotaUse => ({ limit: use.limit, used: use.in_use + use.reserved }));
const replySchema = z.object({
  quota_set: z.object({ instances: useSchema, cores: useSchema, ram: useSchema }),
});

/**
 * `GET /os-quota-sets/{project}/detail` (2.87), expects 200. Another project's needs the admin role. Source:
 * nova 26.2.2, nova/api/openstack/compute/quota_sets.py.
 */
export async function readComputeQuota(session: OpenStackSession, projectId: string): Promise<ComputeQuota> {
  const { quota_set: quota } = await session.send({
    service: 'compute',
    method: 'GET',
    path: `/os-quota-sets/${encodeURIComponent(projectId)}/detail`,
    microversion: NOVA_MICROVERSION,
    expect: [200],
    reply: replySchema,
  });
  return { instances: quota.instances, cores: quota.cores, ramMiB: quota.ram };
}
