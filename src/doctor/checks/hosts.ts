import type { Facts } from '../facts.ts';
import type { Aggregate } from '../../openstack/nova/aggregates.ts';
import { finding, quoted, some, type Finding } from '../finding.ts';
import { describesGpus, findHostOf, gpuHosts, isGpuFlag } from '../gpu.ts';

/** More than any machine has, as the inventory sees it. */
const GPUS_PER_HOST_MAX = 64;

/** Whether the aggregates describe the hosts as they are. */
export function checkHosts(facts: Facts): readonly Finding[] {
  const { aggregates, hypervisors } = facts;
  if (aggregates === null || hypervisors === null) return [];
  const described = aggregates.filter(describesGpus);
  const faults = described.flatMap((aggregate) => [
    ...metadataFaults(facts, aggregate),
    ...hostFaults(facts, aggregate),
  ]);
  const none = described.length === 0 && facts.cloud.declaredHosts === 0;
  return [
    ...(none ? [noGpus(facts)] : []),
    ...faults,
    ...disagreements(facts, described),
    ...againstPlacement(facts),
    ...states(facts),
  ];
}

function noGpus(facts: Facts): Finding {
  const hosts = (facts.hypervisors ?? []).map(({ host }) => host);
  const message = `None of ${facts.aggregates?.length ?? 0} aggregates says gpu=true; the cloud has ${hosts.length} hosts (${some(hosts)}).`;
  const fix =
    'openstack aggregate create gpus; openstack aggregate set --property gpu=true --property gpu_type=TYPE --property gpu_count=N gpus; openstack aggregate add host gpus HOST';
  return finding('gpu_hosts_none', `cloud '${facts.cloud.name}'`, message, fix);
}

function metadataFaults(facts: Facts, aggregate: Aggregate): readonly Finding[] {
  const { metadata, name } = aggregate;
  const subject = `aggregate '${name}'`;
  const set = (property: string): string => `openstack aggregate set --property ${property} ${quoted(name)}`;
  if (!isGpuFlag(metadata['gpu'])) {
    const says = metadata['gpu'] === undefined ? 'has no gpu' : `says gpu='${metadata['gpu']}'`;
    const describes = ['gpu_type', 'gpu_count'].filter((key) => key in metadata);
    const message = `It ${says}, though it has ${describes.map((key) => `${key}='${metadata[key] ?? ''}'`).join(' and ')}: its ${aggregate.hosts.length} hosts count as hosts without GPUs.`;
    return [finding('gpu_flag_off', subject, message, set('gpu=true'))];
  }
  const found: Finding[] = [];
  const count = metadata['gpu_count'];
  if (!/^\s*\d{1,3}\s*$/.test(count ?? '') || Number(count) > GPUS_PER_HOST_MAX) {
    const has = count === undefined ? 'gpu_count is missing' : `gpu_count is '${count}'`;
    const message = `${has}; it must be the number of GPUs of one host, 0 to ${GPUS_PER_HOST_MAX}.`;
    found.push(
      finding('gpu_count_invalid', subject, message, set(`gpu_count=${devicesIn(facts, aggregate) ?? 'N'}`)),
    );
  }
  if ((metadata['gpu_type'] ?? '').trim() === '') {
    const message = `gpu_type is missing; it must be what the PCI alias of the flavors is called.`;
    found.push(finding('gpu_type_missing', subject, message, set('gpu_type=TYPE')));
  }
  return found;
}

/** The number of devices that Placement knows on each host of it; null: none, or not the same on all. */
function devicesIn(facts: Facts, { hosts }: Aggregate): number | null {
  const counts = deviceCounts(facts);
  const numbers = new Set(hosts.map((host) => counts.get(findHostOf(facts)(host) ?? '') ?? 0));
  const [only] = numbers;
  return numbers.size === 1 && only !== undefined && only > 0 ? only : null;
}

function hostFaults(facts: Facts, { name, hosts }: Aggregate): readonly Finding[] {
  const subject = `aggregate '${name}'`;
  if (hosts.length === 0) {
    const fix = `openstack aggregate add host ${quoted(name)} HOST, or openstack aggregate delete ${quoted(name)}`;
    return [finding('aggregate_empty', subject, 'It describes GPUs, but has no host.', fix)];
  }
  const findHost = findHostOf(facts);
  return hosts
    .filter((host) => findHost(host) === null)
    .map((host) => {
      const known = some((facts.hypervisors ?? []).map((node) => node.host));
      const message = `It lists host '${host}', for which Nova has no hypervisor (it has ${known}).`;
      const fix = `openstack aggregate remove host ${quoted(name)} ${quoted(host)}, or start nova-compute on ${host}`;
      return finding('aggregate_host_unknown', subject, message, fix);
    });
}

function disagreements(facts: Facts, described: readonly Aggregate[]): readonly Finding[] {
  const findHost = findHostOf(facts);
  const said = new Map<string, Map<string, string>>();
  for (const { name, hosts, metadata } of described) {
    const count = metadata['gpu_count']?.trim() ?? '';
    if (!isGpuFlag(metadata['gpu']) || !/^\d{1,3}$/.test(count)) continue;
    for (const host of hosts) {
      const key = `${findHost(host) ?? host} ${metadata['gpu_type'] ?? ''}`;
      said.set(key, (said.get(key) ?? new Map<string, string>()).set(name, count));
    }
  }
  return [...said].flatMap(([key, counts]) => {
    if (new Set(counts.values()).size < 2) return [];
    const [host = '', type = ''] = key.split(' ', 2);
    const words = [...counts].map(([name, count]) => `'${name}' says ${count}`).join(', ');
    const [name = ''] = counts.keys();
    const real = deviceCounts(facts).get(host);
    const message = `On the number of ${type} they disagree: ${words}; the lower one counts.`;
    const fix = `openstack aggregate set --property gpu_count=${real ?? 'N'} ${quoted(name)}, and the same for the others`;
    return [finding('aggregates_disagree', `host '${host}'`, message, fix)];
  });
}

/** PCI devices that Nova hands out, by service host; empty where Nova does not report them. */
function deviceCounts(facts: Facts): ReadonlyMap<string, number> {
  const hostById = new Map((facts.hypervisors ?? []).map(({ id, host }) => [id, host]));
  const counts = new Map<string, number>();
  for (const { rootId } of facts.pciProviders ?? []) {
    const host = hostById.get(rootId);
    if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return counts;
}

function againstPlacement(facts: Facts): readonly Finding[] {
  const counts = deviceCounts(facts);
  if (counts.size === 0) return [];
  const promised = new Map(gpuHosts(facts).map(({ name, slots }) => [name, slots]));
  const meant = new Set(
    (facts.aggregates ?? []).filter(describesGpus).flatMap(({ hosts }) => hosts.map(findHostOf(facts))),
  );
  const tooHigh = [...promised].flatMap(([host, slots]) => {
    const total = Object.values(slots).reduce((sum, count) => sum + count, 0);
    const real = counts.get(host) ?? 0;
    if (total <= real) return [];
    const aggregate = aggregateOf(facts, host);
    const message = `The aggregates promise ${total} GPUs, but Nova hands out ${real} PCI devices there.`;
    const fix = `openstack aggregate set --property gpu_count=${real} ${quoted(aggregate)}; or [pci] device_spec in nova.conf of ${host}, and restart nova-compute`;
    return [finding('gpu_count_too_high', `host '${host}'`, message, fix)];
  });
  const unlisted = [...counts]
    .filter(([host]) => !meant.has(host))
    .map(([host, count]) => {
      const aggregate = (facts.aggregates ?? []).find(({ metadata }) => isGpuFlag(metadata['gpu']));
      const message = `Nova hands out ${count} PCI devices there, but the host is in no aggregate with gpu=true.`;
      const fix = `openstack aggregate add host ${quoted(aggregate?.name ?? 'AGGREGATE')} ${quoted(host)}`;
      return finding('gpu_host_unlisted', `host '${host}'`, message, fix);
    });
  return [...tooHigh, ...unlisted];
}

function aggregateOf(facts: Facts, host: string): string {
  const findHost = findHostOf(facts);
  const listing = (facts.aggregates ?? []).filter(
    (aggregate) =>
      isGpuFlag(aggregate.metadata['gpu']) && aggregate.hosts.some((name) => findHost(name) === host),
  );
  return listing[0]?.name ?? 'AGGREGATE';
}

function states(facts: Facts): readonly Finding[] {
  return gpuHosts(facts).flatMap(({ name, slots, status }) => {
    const gpus = Object.entries(slots)
      .map(([type, count]) => `${count} ${type}`)
      .join(', ');
    const subject = `host '${name}'`;
    if (status.kind === 'down') {
      const message = `nova-compute does not report; its ${gpus} cannot be lent.`;
      const fix = `On ${name}: systemctl restart nova-compute; openstack compute service list --host ${quoted(name)}`;
      return [finding('host_down', subject, message, fix)];
    }
    if (status.kind === 'disabled') {
      const message = `It is disabled in Nova (${status.reason}); its ${gpus} cannot be lent.`;
      const fix = `openstack compute service set --enable ${quoted(name)} nova-compute`;
      return [finding('host_disabled', subject, message, fix)];
    }
    return [];
  });
}
