import { z } from 'zod';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';

export interface SecurityRule {
  readonly direction: string;
  /** null: any. */
  readonly protocol: string | null;
  readonly portMin: number | null;
  readonly portMax: number | null;
  /** Whence it lets in; null: from everywhere. */
  readonly remoteCidr: string | null;
  /** Lets in only members of this group; null: does not ask. */
  readonly remoteGroupId: string | null;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly rules: readonly SecurityRule[];
}

const ruleSchema = z
  .object({
    direction: z.string(),
    protocol: z.string().nullish(),
    port_range_min: z.int().nullish(),
    port_range_max: z.int().nullish(),
    remote_ip_prefix: z.string().nullish(),
    remote_group_id: z.string().nullish(),
  })
  .transform((rule): SecurityRule => ({
    direction: rule.direction,
    protocol: rule.protocol ?? null,
    portMin: rule.port_range_min ?? null,
    portMax: rule.port_range_max ?? null,
    remoteCidr: rule.remote_ip_prefix ?? null,
    remoteGroupId: rule.remote_group_id ?? null,
  }));
const groupSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullish(),
    security_group_rules: z.array(ruleSchema).default([]),
  })
  .transform(({ id, name, description, security_group_rules: rules }): SecurityGroup => ({
    id,
    name,
    description: description ?? '',
    rules,
  }));

/** `GET /v2.0/security-groups?project_id=`, expects 200 a page, with their rules. Source: neutron 21 (Zed). */
export function listSecurityGroups(
  session: OpenStackSession,
  projectId: string,
): Promise<readonly SecurityGroup[]> {
  return listAll(session, {
    service: 'network',
    path: '/security-groups',
    key: 'security_groups',
    query: { project_id: projectId },
    item: groupSchema,
  });
}
