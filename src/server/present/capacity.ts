import type { FlavorGpuList, FlavorJson, HostJson, OneFlavorGpu } from '../../api/capacity.ts';
import { formatTime } from '../../base/units.ts';
import type { HostStatus, Resources } from '../../domain/model/host.ts';
import type { FlavorView, HostView } from '../../engine/views.ts';
import { timeOrNull } from './time.ts';

export function flavorToJson(view: FlavorView): FlavorJson {
  const { flavor } = view;
  return {
    id: flavor.id,
    openstack_id: flavor.externalId,
    name: flavor.name,
    description: flavor.description,
    provider_id: flavor.providerId,
    ...resourcesToJson(flavor.resources),
    scratch_gib: flavor.scratchGiB,
    gpus: flavor.devices,
    total: view.total,
    available: view.available,
    observed_at: timeOrNull(view.observedAtMs),
    note: view.note,
    next_free_at: timeOrNull(view.nextFreeMs),
    disabled: flavor.disabled,
    misconfigured: flavor.misconfigured,
  };
}

export function hostToJson(view: HostView): HostJson {
  const { host } = view;
  const { drain } = host;
  return {
    id: host.id,
    name: host.name,
    provider_id: host.providerId,
    ...statusToJson(host.status),
    drain: drain && {
      from: formatTime(drain.fromMs),
      until: timeOrNull(drain.untilMs),
      reason: drain.reason,
      actor: drain.actor,
    },
    claim_kind: host.claimKind,
    capacity: resourcesToJson(host.capacity),
    used: { vcpus: view.vcpusUsed, memory_mib: view.memoryUsedMiB, disk_gib: view.diskUsedGiB },
    gpus_total: view.devicesTotal,
    gpus_free: view.devicesFree,
    devices: host.devices.map((device) => ({
      id: device.id,
      class: device.deviceClass,
      address: device.address,
      iommu_group: device.iommuGroup,
      numa_node: device.numaNode,
      parent_id: device.parentId,
      quarantine: device.quarantine,
    })),
    lease_ids: [...view.leaseIds],
    lease_count: view.leaseCount,
  };
}

/**
 * The whole GPU flavor report: reported flavors in the order of their cloud, with exactly the members of its
 * model.
 */
export function flavorReport(flavors: readonly FlavorView[], observedAtMs: number): FlavorGpuList {
  return {
    flavors: flavors
      .filter(({ flavor }) => flavor.reported && !flavor.disabled)
      .toSorted((a, b) => a.flavor.position - b.flavor.position)
      .map(flavorGpu),
    timestamp: reportTime(observedAtMs),
  };
}

function flavorGpu(view: FlavorView): OneFlavorGpu['flavor'] {
  return {
    flavor_openstack_id: view.flavor.externalId,
    flavor_name: view.flavor.name,
    // Only what is known is reported.
    available: view.available ?? 0,
    total: view.total,
  };
}

/** `2026-11-21 14:32:00`: with a blank and without a zone, as the model writes it; always UTC. */
function reportTime(timeMs: number): string {
  return formatTime(timeMs).slice(0, 19).replace('T', ' ');
}

function resourcesToJson(resources: Resources): HostJson['capacity'] {
  return { vcpus: resources.vcpus, memory_mib: resources.memoryMiB, disk_gib: resources.diskGiB };
}

function statusToJson(status: HostStatus): Pick<HostJson, 'status' | 'status_reason' | 'status_since'> {
  switch (status.kind) {
    case 'up':
      return { status: 'up', status_reason: null, status_since: null };
    case 'disabled':
      return { status: 'disabled', status_reason: status.reason, status_since: null };
    case 'down':
      return { status: 'down', status_reason: status.reason, status_since: formatTime(status.sinceMs) };
    case 'missing':
      return { status: 'missing', status_reason: null, status_since: formatTime(status.sinceMs) };
  }
}
