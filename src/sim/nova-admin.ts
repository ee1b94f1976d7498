/**
 * What Nova tells about itself: flavors, aggregates, hypervisors, services, quotas. Source: nova 26 (Zed).
 */
import { isRecord, isoMicros, nextLink, pageOf, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimFlavor, SimHost, SimQuota } from './model.ts';
import { limitOf, novaError, policyRefusal, requireAdmin } from './nova-errors.ts';
import { linksOf, showFlavor } from './nova-views.ts';
import { RESERVED_MEMORY_MIB } from './placing.ts';
import { novaUsage, quotaOf } from './quotas.ts';
import { namedUuid } from './seed.ts';
import type { SimWorld } from './world.ts';

export function handleFlavors(call: Call): Reply {
  const { world, segments } = call;
  const [, flavorId, kind] = segments;
  if (call.method !== 'GET') throw novaError(405, 'The method specified is not allowed for this resource.');
  if (flavorId === undefined || flavorId === 'detail') {
    const wantsAll = call.isAdmin && ['None', 'none'].includes(call.query.get('is_public') ?? '');
    const visible = [...world.flavors.values()].filter((flavor) => wantsAll || flavor.isPublic);
    return paged(
      call,
      'flavors',
      flavorId === 'detail' ? 'flavors/detail' : 'flavors',
      visible,
      (flavor: SimFlavor) =>
        flavorId === 'detail'
          ? showFlavor(call, flavor)
          : { id: flavor.id, name: flavor.name, links: linksOf(call, 'flavors', flavor.id) },
    );
  }
  const flavor = world.flavors.get(flavorId);
  if (flavor === undefined) throw novaError(404, `Flavor ${flavorId} could not be found.`);
  if (kind === 'os-extra_specs') return { status: 200, json: { extra_specs: flavor.extraSpecs } };
  return { status: 200, json: { flavor: showFlavor(call, flavor) } };
}

export function handleAggregates(call: Call): Reply {
  requireAdmin(call, 'os_compute_api:os-aggregates:index');
  const aggregates = call.world.topology.aggregates.map((aggregate, index) => ({
    id: index + 1,
    name: aggregate.name,
    availability_zone: null,
    hosts: aggregate.hosts,
    metadata: aggregate.metadata,
    deleted: false,
    created_at: isoMicros(0).slice(0, -1),
    updated_at: null,
    deleted_at: null,
    ...(call.minor >= 41 ? { uuid: namedUuid(`aggregate/${aggregate.name}`) } : {}),
  }));
  const id = call.segments[1];
  if (id === undefined) return { status: 200, json: { aggregates } };
  const aggregate = aggregates.find((candidate) => String(candidate.id) === id);
  if (aggregate === undefined) throw novaError(404, `Aggregate ${id} could not be found.`);
  return { status: 200, json: { aggregate } };
}

export function handleHypervisors(call: Call): Reply {
  const { world } = call;
  const id = call.segments[1];
  if (id === undefined || id === 'detail') {
    requireAdmin(call, `os_compute_api:os-hypervisors:list${id === 'detail' ? '-detail' : ''}`);
    const path = id === 'detail' ? 'os-hypervisors/detail' : 'os-hypervisors';
    return paged(call, 'hypervisors', path, [...world.hosts.values()], (host) =>
      id === 'detail' ? showHypervisor(call, host) : showHypervisorShort(call, host),
    );
  }
  requireAdmin(call, 'os_compute_api:os-hypervisors:show');
  const host = world.hostsById.get(id);
  if (host === undefined) throw novaError(404, `Hypervisor with ID '${id}' could not be found.`);
  return { status: 200, json: { hypervisor: showHypervisor(call, host) } };
}

export function handleServices(call: Call): Reply {
  const { world, segments } = call;
  requireAdmin(call, 'os_compute_api:os-services:list');
  const id = segments[1];
  if (id !== undefined) return changeService(call, id);
  const binary = call.query.get('binary');
  const hostName = call.query.get('host');
  const services = [...world.hosts.values()]
    .filter((host) => hostName === null || host.name === hostName)
    .filter(() => binary === null || binary === 'nova-compute')
    .map((host) => showService(call, host));
  return { status: 200, json: { services } };
}

/** `/os-quota-sets/{project}[/detail]`; PUT is the admin's. */
export function handleQuotas(call: Call): Reply {
  const { world, segments, method } = call;
  const [, projectId = '', kind] = segments;
  if (!call.isAdmin && (method !== 'GET' || projectId !== call.token.projectId)) {
    throw policyRefusal(
      method === 'GET' ? 'os_compute_api:os-quota-sets:show' : 'os_compute_api:os-quota-sets:update',
    );
  }
  if (method === 'PUT') changeQuota(world, projectId, recordAt(call.body, 'quota_set'));
  const quota = quotaOf(world, projectId);
  const used = novaUsage(world, projectId);
  const entries = (['instances', 'cores', 'ram'] as const).map((key) => {
    const detail = { limit: quota[key], in_use: used[key], reserved: 0 };
    return [key, kind === 'detail' ? detail : quota[key]] as const;
  });
  return { status: 200, json: { quota_set: { id: projectId, ...Object.fromEntries(entries) } } };
}

export function handleLimits(call: Call): Reply {
  const wanted = call.query.get('tenant_id') ?? call.token.projectId ?? '';
  const projectId = call.isAdmin ? wanted : (call.token.projectId ?? '');
  const quota = quotaOf(call.world, projectId);
  const used = novaUsage(call.world, projectId);
  const absolute = {
    maxTotalInstances: quota.instances,
    maxTotalCores: quota.cores,
    maxTotalRAMSize: quota.ram,
    maxTotalKeypairs: 1000,
    maxServerMeta: 128,
    totalInstancesUsed: used.instances,
    totalCoresUsed: used.cores,
    totalRAMUsed: used.ram,
  };
  return { status: 200, json: { limits: { rate: [], absolute } } };
}

/** Sets the given quotas (-1: no limit) of a project; shared with Neutron's. */
export function changeQuota(world: SimWorld, projectId: string, given: unknown): void {
  const quota: SimQuota = { ...quotaOf(world, projectId) };
  const names = [
    ['instances', 'instances'],
    ['cores', 'cores'],
    ['ram', 'ram'],
    ['port', 'ports'],
    ['floatingip', 'floatingIps'],
  ] as const;
  for (const [name, key] of names) {
    const value = isRecord(given) ? given[name] : undefined;
    if (typeof value === 'number') quota[key] = value < 0 ? Number.MAX_SAFE_INTEGER : value;
  }
  world.quotas.set(projectId, quota);
  world.revision += 1;
}

// ----------------------------------------------------------------------------------------------------- views

function showHypervisorShort(call: Call, host: SimHost): Record<string, unknown> {
  return {
    id: call.minor >= 53 ? host.id : [...call.world.hosts.keys()].indexOf(host.name) + 1,
    hypervisor_hostname: host.name,
    state: host.up ? 'up' : 'down',
    status: host.enabled ? 'enabled' : 'disabled',
    ...(call.query.get('with_servers') === 'true' && call.minor >= 53 && host.serverIds.size > 0
      ? {
          servers: [...host.serverIds].map((id) => ({
            uuid: id,
            name: call.world.servers.get(id)?.name ?? '',
          })),
        }
      : {}),
  };
}

/** From 2.88 on the numbers are Placement's only. */
function showHypervisor(call: Call, host: SimHost): Record<string, unknown> {
  const view = {
    ...showHypervisorShort(call, host),
    host_ip: '127.0.0.1',
    hypervisor_type: 'fake',
    hypervisor_version: 1000,
    service: {
      id: call.minor >= 53 ? host.serviceId : [...call.world.hosts.keys()].indexOf(host.name) + 1,
      host: host.name,
      disabled_reason: host.disabledReason,
    },
  };
  if (call.minor >= 88)
    return { ...view, uptime: host.up ? '00:00:00 up 1:00, 0 users, load average: 0.00' : null };
  const ramUsedMiB = RESERVED_MEMORY_MIB + host.usedRamMiB;
  return {
    ...view,
    vcpus: host.cores,
    vcpus_used: host.usedVcpus,
    memory_mb: host.memoryMiB,
    memory_mb_used: ramUsedMiB,
    free_ram_mb: host.memoryMiB - ramUsedMiB,
    local_gb: host.diskGb,
    local_gb_used: host.usedDiskGb,
    free_disk_gb: host.diskGb - host.usedDiskGb,
    disk_available_least: host.diskGb - host.usedDiskGb,
    running_vms: host.serverIds.size,
    current_workload: 0,
    cpu_info: { arch: 'x86_64', vendor: 'Intel', model: 'Skylake-Server-IBRS' },
  };
}

function showService(call: Call, host: SimHost): unknown {
  return {
    id: call.minor >= 53 ? host.serviceId : [...call.world.hosts.keys()].indexOf(host.name) + 1,
    binary: 'nova-compute',
    host: host.name,
    zone: 'nova',
    status: host.enabled ? 'enabled' : 'disabled',
    state: host.up ? 'up' : 'down',
    disabled_reason: host.disabledReason,
    updated_at: isoMicros(call.world.nowMs).slice(0, -1),
    ...(call.minor >= 11 ? { forced_down: false } : {}),
  };
}

function changeService(call: Call, id: string): Reply {
  const host = [...call.world.hosts.values()].find((candidate) => candidate.serviceId === id);
  if (host === undefined || call.method !== 'PUT') throw novaError(404, `Service ${id} could not be found.`);
  const status = stringAt(call.body, 'status');
  if (status === 'enabled' || status === 'disabled') {
    host.enabled = status === 'enabled';
    host.disabledReason = host.enabled ? null : stringAt(call.body, 'disabled_reason');
    host.generation += 1;
    call.world.revision += 1;
  }
  return { status: 200, json: { service: showService(call, host) } };
}

function paged<Item extends { readonly id: string }>(
  call: Call,
  key: string,
  path: string,
  items: readonly Item[],
  show: (item: Item) => unknown,
): Reply {
  const marker = call.query.get('marker');
  const page = pageOf(items, marker, limitOf(call));
  if (page === null) throw novaError(400, `marker [${marker}] not found`);
  const last = page.items.at(-1);
  const links =
    page.more && last !== undefined
      ? {
          [`${key}_links`]: [
            { rel: 'next', href: nextLink(call, `${call.origin}/compute/v2.1/${path}`, last.id) },
          ],
        }
      : {};
  return { status: 200, json: { [key]: page.items.map(show), ...links } };
}
