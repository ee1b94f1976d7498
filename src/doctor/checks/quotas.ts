import type { QuotaUse } from '../../openstack/nova/quotas.ts';
import type { Facts, ProjectFacts } from '../facts.ts';
import { finding, some, type Finding } from '../finding.ts';
import { gpuFlavors, gpuHosts, type GpuFlavor } from '../gpu.ts';

/** A limit of a project, and what one server of a flavor takes of it. */
interface Limit {
  /** As `openstack quota set` calls it. */
  readonly name: string;
  readonly use: QuotaUse;
  readonly need: (flavor: GpuFlavor) => number;
}

/** Whether the quotas let the GPUs be used. */
export function checkQuotas(facts: Facts): readonly Finding[] {
  const flavors = gpuFlavors(facts).filter(
    ({ flavor, offer }) => !flavor.disabled && offer.misconfigured === null,
  );
  if (flavors.length === 0) return [];
  return facts.projects.flatMap((project) =>
    limitsOf(facts, project).flatMap((limit) => ofLimit(facts, project, limit, flavors)),
  );
}

function limitsOf(facts: Facts, { computeQuota, networkQuota }: ProjectFacts): readonly Limit[] {
  const limits: Limit[] = [];
  if (computeQuota !== null) {
    limits.push(
      { name: 'instances', use: computeQuota.instances, need: () => 1 },
      { name: 'cores', use: computeQuota.cores, need: ({ flavor }) => flavor.vcpus },
      { name: 'ram', use: computeQuota.ramMiB, need: ({ flavor }) => flavor.memoryMiB },
    );
  }
  if (networkQuota !== null) {
    limits.push({ name: 'ports', use: networkQuota.ports, need: () => 1 });
    if (facts.cloud.externalNetwork !== 'none') {
      limits.push({ name: 'floating-ips', use: networkQuota.floatingIps, need: () => 1 });
    }
  }
  return limits;
}

function ofLimit(
  facts: Facts,
  { project }: ProjectFacts,
  { name, use, need }: Limit,
  flavors: readonly GpuFlavor[],
): readonly Finding[] {
  if (use.limit < 0) return [];
  const subject = `project '${project.name}'`;
  const set = (value: number): string => `openstack quota set --${name} ${value} ${project.id}`;
  const needs = flavors.map(need);
  const [least, most] = [Math.min(...needs), Math.max(...needs)];
  if (use.limit - use.used < least) {
    const message = `Of ${use.limit} ${name} ${use.used} are used; the smallest GPU flavor needs ${least}.`;
    return [finding('quota_exhausted', subject, message, set(Math.max(use.limit, use.used) + most))];
  }
  const large = flavors.filter((flavor) => need(flavor) > use.limit).map(({ flavor }) => flavor.name);
  if (large.length > 0) {
    const message = `Its quota of ${use.limit} ${name} is less than ${some(large)} need${large.length === 1 ? 's' : ''} (${most}).`;
    return [finding('quota_below_flavor', subject, message, set(most))];
  }
  // What a project of borrowers may have is its owner's choice; Berth's own serves everybody.
  if (facts.cloud.ownership !== 'service') return [];
  const wanted = gpuCount(facts) * least;
  if (use.limit >= wanted) return [];
  const message = `Its quota of ${use.limit} ${name} is enough for ${Math.floor(use.limit / least)} servers of the smallest GPU flavor (${least} each); the hosts have ${gpuCount(facts)} GPUs.`;
  return [finding('quota_below_gpus', subject, message, set(wanted))];
}

function gpuCount(facts: Facts): number {
  const counts = gpuHosts(facts).flatMap(({ slots }) => Object.values(slots));
  return counts.reduce((sum, count) => sum + count, 0);
}
