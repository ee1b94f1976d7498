import { z } from 'zod';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';
import { NOVA_MICROVERSION } from './microversion.ts';

/**
 * A compute node with Nova's own counts, which include what no server of ours explains (reserved memory,
 * others).
 */
export interface Hypervisor {
  readonly id: string;
  readonly hostname: string;
  /** Service host: what aggregates and servers name. */
  readonly host: string;
  readonly down: boolean;
  readonly disabled: boolean;
  readonly disabledReason: string | null;
  readonly vcpus: number;
  readonly vcpusUsed: number;
  readonly memoryMiB: number;
  readonly memoryUsedMiB: number;
  readonly diskGiB: number;
  readonly diskUsedGiB: number;
  /** What is left if every disk image grew to its full size; null: the driver does not tell. */
  readonly diskAvailableLeastGiB: number | null;
}

export const hypervisorSchema = z
  .object({
    id: z.union([z.string(), z.int()]).transform(String),
    hypervisor_hostname: z.string(),
    service: z.object({ host: z.string(), disabled_reason: z.string().nullish() }),
    state: z.string(),
    status: z.string(),
    vcpus: z.int(),
    vcpus_used: z.int(),
    memory_mb: z.int(),
    memory_mb_used: z.int(),
    local_gb: z.int(),
    local_gb_used: z.int(),
    disk_available_least: z.int().nullish(),
  })
  .transform((node): Hypervisor => ({
    id: node.id,
    hostname: node.hypervisor_hostname,
    host: node.service.host,
    down: node.state === 'down',
    disabled: node.status === 'disabled',
    disabledReason: node.service.disabled_reason ?? null,
    vcpus: node.vcpus,
    vcpusUsed: node.vcpus_used,
    memoryMiB: node.memory_mb,
    memoryUsedMiB: node.memory_mb_used,
    diskGiB: node.local_gb,
    diskUsedGiB: node.local_gb_used,
    diskAvailableLeastGiB: node.disk_available_least ?? null,
  }));

/**
 * `GET /os-hypervisors/detail` (2.87: the last microversion with capacity figures), expects 200 a page. Needs
 * the admin role. Source: nova 26.2.2, nova/api/openstack/compute/hypervisors.py.
 */
export function listHypervisors(
  session: OpenStackSession,
  onUnreadable: (id: string, reason: string) => void,
): Promise<readonly Hypervisor[]> {
  return listAll(session, {
    service: 'compute',
    path: '/os-hypervisors/detail',
    key: 'hypervisors',
    microversion: NOVA_MICROVERSION,
    item: hypervisorSchema,
    onUnreadable,
  });
}
