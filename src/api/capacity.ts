import { z } from 'zod';
import { gpuCounts, idText, lineOfText, timeOut, timeOutOrNull, timeText } from './fields.ts';

const resources = z.object({ vcpus: z.int(), memory_mib: z.int(), disk_gib: z.int() });

const flavorJson = z
  .object({
    id: z.string().meta({ description: 'Unique over all clouds: `<provider_id>:<openstack_id>`.' }),
    openstack_id: z
      .string()
      .meta({ description: "Its cloud's own id, as in `/gpus/flavors`; several clouds may use the same." }),
    name: z.string(),
    description: z.string(),
    provider_id: z.string(),
    vcpus: z.int(),
    memory_mib: z.int(),
    disk_gib: z.int(),
    scratch_gib: z.int().meta({ description: 'Of `disk_gib`, what shelving does not keep.' }),
    gpus: gpuCounts,
    total: z.int().meta({ description: 'How many fit at once on all healthy hosts.' }),
    available: z
      .int()
      .nullable()
      .meta({ description: 'How many fit right now; null: not known, `note` says why.' }),
    observed_at: timeOutOrNull.meta({
      description: 'When its cloud was last seen as a whole; null: not since the service began.',
    }),
    note: z.string().nullable().meta({ description: 'What to know about these numbers.' }),
    next_free_at: timeOutOrNull.meta({
      description: 'None now: when the next one gets free, as far as known.',
    }),
    disabled: z.boolean(),
    misconfigured: z.string().nullable().meta({ description: 'Why it can never start.' }),
  })
  .meta({ id: 'Flavor' });

export type FlavorJson = z.output<typeof flavorJson>;

export const flavorList = z.object({ flavors: z.array(flavorJson) });
export const oneFlavor = z.object({ flavor: flavorJson });

const hostJson = z
  .object({
    id: z.string(),
    name: z.string(),
    provider_id: z.string(),
    status: z.enum(['up', 'disabled', 'down', 'missing']),
    status_reason: z.string().nullable(),
    status_since: timeOutOrNull,
    drain: z
      .object({ from: timeOut, until: timeOutOrNull, reason: z.string(), actor: z.string() })
      .nullable()
      .meta({ description: 'Maintenance window: nothing lands whose time would touch it.' }),
    claim_kind: z
      .enum(['unit', 'slot'])
      .meta({ description: '`unit`: Berth picks the cards. `slot`: Nova does.' }),
    capacity: resources,
    used: resources,
    gpus_total: gpuCounts,
    gpus_free: gpuCounts,
    devices: z.array(
      z.object({
        id: z.string(),
        class: z.string(),
        address: z.string().nullable(),
        iommu_group: z.string().nullable(),
        numa_node: z.int().nullable(),
        parent_id: z.string().nullable(),
        quarantine: z.string().nullable().meta({ description: 'Why it may not be handed out.' }),
      }),
    ),
    lease_ids: z.array(z.string()).meta({ description: 'Leases on it that you may see.' }),
    lease_count: z.int(),
  })
  .meta({ id: 'Host' });

export type HostJson = z.output<typeof hostJson>;

export const hostList = z.object({ hosts: z.array(hostJson) });
export const oneHost = z.object({ host: hostJson });

export const drainBody = z
  .strictObject({
    reason: lineOfText(1000),
    from: timeText.nullish().meta({ description: 'Default: now.' }),
    until: timeText.nullish().meta({ description: 'Default: until undrained.' }),
  })
  .meta({ id: 'Drain' });

export const byId = z.strictObject({ id: idText });

/** The GPU flavor report of deNBI/OpenstackGPUService: exactly these members. */
const flavorGpuJson = z
  .object({
    flavor_openstack_id: z.string(),
    flavor_name: z.string(),
    available: z.number(),
    total: z.number(),
  })
  .meta({ id: 'FlavorGPU' });

const reportTimestamp = z.string().meta({
  description: 'Time of the observation, UTC.',
  examples: ['2026-11-21 14:32:00'],
});

export const flavorGpuList = z.object({ flavors: z.array(flavorGpuJson), timestamp: reportTimestamp });
export const oneFlavorGpu = z.object({ flavor: flavorGpuJson, timestamp: reportTimestamp });

export type FlavorGpuList = z.output<typeof flavorGpuList>;
export type OneFlavorGpu = z.output<typeof oneFlavorGpu>;
