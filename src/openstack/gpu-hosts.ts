import type { DeviceClass } from '../domain/model/host.ts';
import { classOf, type Aliases } from './gpu-flavor.ts';
import type { Aggregate } from './nova/aggregates.ts';
import type { Hypervisor } from './nova/hypervisors.ts';

const TRUE_WORDS = new Set(['true', '1', 'yes', 'on', 't', 'y']);

/** More than any machine has: a larger count is a typing error. */
const GPUS_PER_HOST_MAX = 64;

/** GPUs that the aggregates promise on each service host, by class. */
export type GpusByHost = ReadonlyMap<string, ReadonlyMap<DeviceClass, number>>;

/**
 * Reads the aggregates' metadata `gpu`, `gpu_count` (a host, not the sum) and `gpu_type`. A host that several
 * aggregates list with the same type counts once, with the lower count where they disagree. What cannot be
 * read is left out with a warning.
 */
export function gpusByHost(
  aggregates: readonly Aggregate[],
  findHost: FindHost,
  aliases: Aliases,
  warnings: string[],
): GpusByHost {
  const found = new Map<string, Map<DeviceClass, number>>();
  for (const aggregate of aggregates) {
    const gpus = gpusOf(aggregate, aliases, warnings);
    if (gpus === null) continue;
    for (const name of aggregate.hosts) {
      const host = findHost(name);
      if (host === null) {
        warnings.push(`aggregate '${aggregate.name}': Nova has no hypervisor for host '${name}'`);
        continue;
      }
      const counts = found.get(host) ?? new Map<DeviceClass, number>();
      found.set(host, counts);
      const before = counts.get(gpus.deviceClass);
      if (before !== undefined && before !== gpus.count) {
        warnings.push(
          `host '${host}': aggregates disagree on the number of ${gpus.deviceClass}; the lower one counts`,
        );
      }
      counts.set(gpus.deviceClass, Math.min(before ?? gpus.count, gpus.count));
    }
  }
  return found;
}

function gpusOf(
  aggregate: Aggregate,
  aliases: Aliases,
  warnings: string[],
): { readonly deviceClass: DeviceClass; readonly count: number } | null {
  const { gpu, gpu_count: countText, gpu_type: type } = aggregate.metadata as Partial<Record<string, string>>;
  if (gpu === undefined || !TRUE_WORDS.has(gpu.trim().toLowerCase())) return null;
  const count = /^\s*\d{1,3}\s*$/.test(countText ?? '') ? Number(countText) : -1;
  if (count < 0 || count > GPUS_PER_HOST_MAX) {
    warnings.push(
      `aggregate '${aggregate.name}': gpu_count is ${JSON.stringify(countText ?? null)}, not a number`,
    );
    return null;
  }
  if (type === undefined || type.trim() === '') {
    warnings.push(`aggregate '${aggregate.name}': gpu_type is missing`);
    return null;
  }
  return { deviceClass: classOf(type.trim(), aliases), count };
}

/** The service host behind a name in an aggregate or a server; null: there is none, or more than one. */
export type FindHost = (name: string) => string | null;

/**
 * Aggregates and servers name service hosts. Where one of them has a domain and the other has not, the short
 * name decides, if only one host has it.
 */
export function hostFinder(hypervisors: readonly Hypervisor[]): FindHost {
  const exact = new Set(hypervisors.map(({ host }) => host));
  const byShortName = new Map<string, string | null>();
  for (const host of exact) byShortName.set(shortName(host), byShortName.has(shortName(host)) ? null : host);
  return (name) => (exact.has(name) ? name : (byShortName.get(shortName(name)) ?? null));
}

function shortName(host: string): string {
  return host.split('.')[0] ?? host;
}
