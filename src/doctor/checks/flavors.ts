import { unreachable } from '../../base/assert.ts';
import type { ObservedHost } from '../../domain/command.ts';
import { ALIAS_KEY } from '../../openstack/gpu-flavor.ts';
import type { Facts } from '../facts.ts';
import { finding, quoted, type Finding } from '../finding.ts';
import { findHostOf, gpuFlavors, gpuHosts, type GpuFlavor } from '../gpu.ts';

const FILTER_PREFIX = 'aggregate_instance_extra_specs:';

/** Whether what can be borrowed can ever start. */
export function checkFlavors(facts: Facts): readonly Finding[] {
  const seesHosts = facts.aggregates !== null && facts.hypervisors !== null;
  return gpuFlavors(facts).flatMap((flavor) => [
    ...(seesHosts ? sizeFaults(facts, flavor) : []),
    ...(seesHosts ? filterFaults(facts, flavor) : []),
    ...remarks(flavor),
  ]);
}

const RESOURCES = ['devices', 'vcpus', 'memoryMiB', 'diskGiB'] as const;
type Resource = (typeof RESOURCES)[number];

/** The first resource of which no host that has the devices has enough. */
function sizeFaults(facts: Facts, { flavor, offer }: GpuFlavor): readonly Finding[] {
  const classes = Object.keys(offer.devices);
  const hosts = gpuHosts(facts).filter(({ slots }) => classes.every((type) => (slots[type] ?? 0) > 0));
  if (hosts.length === 0 || offer.misconfigured !== null) return [];
  if (hosts.some((host) => RESOURCES.every((resource) => lack(resource, offer, host) <= 0))) return [];
  const short = RESOURCES.find((resource) => hosts.every((host) => lack(resource, offer, host) > 0));
  const subject = `flavor '${flavor.name}'`;
  if (short === undefined) {
    const message = `No host with ${classes.join(' and ')} has enough vCPUs, memory and disk at once.`;
    return [finding('flavor_too_large', subject, message, recreate(flavor.name, 'less of each'))];
  }
  const [largest] = hosts.toSorted((a, b) => lack(short, offer, a) - lack(short, offer, b));
  if (largest === undefined) return [];
  const { text, fix } = shortage(short, offer, largest, flavor.name);
  return [finding('flavor_too_large', subject, `${text} (${largest.name}).`, fix)];
}

type Offer = GpuFlavor['offer'];

/** By how much the flavor exceeds the whole host; at most 0: it fits. */
function lack(resource: Resource, offer: Offer, host: ObservedHost): number {
  if (resource !== 'devices') return offer.resources[resource] - host.capacity[resource];
  const lacks = Object.entries(offer.devices).map(([type, count]) => count - (host.slots[type] ?? 0));
  return Math.max(...lacks);
}

function shortage(
  resource: Resource,
  offer: Offer,
  host: ObservedHost,
  name: string,
): { readonly text: string; readonly fix: string } {
  const { resources } = offer;
  switch (resource) {
    case 'devices': {
      const [type, count] = Object.entries(offer.devices).find(([key, n]) => n > (host.slots[key] ?? 0)) ?? [
        '',
        0,
      ];
      const has = host.slots[type] ?? 0;
      const text = `It asks for ${count} ${type}, and the host with the most has ${has}`;
      return {
        text,
        fix: `openstack flavor set --property ${ALIAS_KEY}=${quoted(`${type}:${has}`)} ${quoted(name)}`,
      };
    }
    case 'vcpus':
      return {
        text: `It has ${resources.vcpus} vCPUs, and the largest GPU host gives ${host.capacity.vcpus} with overcommitment`,
        fix: recreate(name, `--vcpus ${host.capacity.vcpus}`),
      };
    case 'memoryMiB':
      return {
        text: `It has ${resources.memoryMiB} MiB of memory, and the largest GPU host has ${host.capacity.memoryMiB}`,
        fix: recreate(name, `--ram ${host.capacity.memoryMiB} or less`),
      };
    case 'diskGiB':
      return {
        text: `It has ${resources.diskGiB} GiB of disk, and the largest GPU host has ${host.capacity.diskGiB}`,
        fix: recreate(name, `--disk ${host.capacity.diskGiB} or less`),
      };
    default:
      return unreachable(resource);
  }
}

/** Nova's flavors cannot be changed, only replaced. */
function recreate(name: string, what: string): string {
  return `openstack flavor delete ${quoted(name)}; openstack flavor create with ${what}, and the same properties`;
}

/** Nova's AggregateInstanceExtraSpecsFilter compares texts, so that 'true' is not 'True'. */
function filterFaults(facts: Facts, { flavor, offer }: GpuFlavor): readonly Finding[] {
  const wanted = Object.entries(flavor.extraSpecs).flatMap(([key, value]) =>
    key.startsWith(FILTER_PREFIX) ? [[key.slice(FILTER_PREFIX.length), value] as const] : [],
  );
  const classes = Object.keys(offer.devices);
  const hosts = gpuHosts(facts).filter(({ slots }) => classes.some((type) => (slots[type] ?? 0) > 0));
  if (wanted.length === 0 || hosts.length === 0 || offer.misconfigured !== null) return [];
  const findHost = findHostOf(facts);
  const valuesOf = (host: string, key: string): readonly string[] =>
    (facts.aggregates ?? []).flatMap(({ hosts: listed, metadata }) => {
      const value = metadata[key];
      return value !== undefined && listed.some((name) => findHost(name) === host) ? value.split(',') : [];
    });
  // Operators such as <or> and s== are Nova's to judge.
  const plain = wanted.filter(([, value]) => !/^(<|s|=|!)\S*\s/.test(value));
  for (const [key, value] of plain) {
    const values = hosts.flatMap(({ name }) => valuesOf(name, key));
    if (values.some((has) => has.trim() === value)) continue;
    const has = values.length === 0 ? 'do not have it' : `have ${key}='${[...new Set(values)].join("', '")}'`;
    const message = `It asks for aggregates with ${key}='${value}'; those of the hosts with ${classes.join(', ')} ${has}.`;
    const right = values[0]?.trim();
    const property = `${FILTER_PREFIX}${key}`;
    const fix =
      right === undefined
        ? `openstack flavor unset --property ${property} ${quoted(flavor.name)}`
        : `openstack flavor set --property ${quoted(`${property}=${right}`)} ${quoted(flavor.name)}`;
    return [finding('flavor_never_matches', `flavor '${flavor.name}'`, message, fix)];
  }
  return [];
}

function remarks({ flavor, offer }: GpuFlavor): readonly Finding[] {
  const subject = `flavor '${flavor.name}'`;
  const found: Finding[] = [];
  if (flavor.disabled) {
    found.push(finding('flavor_disabled', subject, 'It is disabled.', 'Nothing, if that is meant'));
  }
  if (!offer.reported) {
    const message = 'DEPRECATED in its name keeps it out of /gpus/flavors.';
    found.push(finding('flavor_deprecated', subject, message, 'Nothing, if that is meant'));
  }
  if (flavor.ephemeralGiB > 0) {
    const message = `Its ephemeral disk of ${flavor.ephemeralGiB} GB is lost when a lease is shelved.`;
    const fix = recreate(flavor.name, `--ephemeral 0 --disk ${flavor.rootGiB + flavor.ephemeralGiB}`);
    found.push(finding('flavor_ephemeral', subject, message, fix));
  }
  if (flavor.swapMiB > 0) {
    const message = `Its swap disk of ${flavor.swapMiB} MiB is new after each shelving.`;
    found.push(finding('flavor_swap', subject, message, 'Nothing'));
  }
  return found;
}
