/** GPUs as the server would count them: the product's own inventory, from the facts of an examination. */
import { asId } from '../base/ids.ts';
import type { ObservedHost } from '../domain/command.ts';
import type { Flavor } from '../domain/model/flavor.ts';
import type { DeviceClass } from '../domain/model/host.ts';
import { inferAliases } from '../openstack/alias-inference.ts';
import type { Aliases } from '../openstack/gpu-flavor.ts';
import { takeInventory } from '../openstack/inventory.ts';
import { hostFinder, type FindHost } from '../openstack/gpu-hosts.ts';
import type { Aggregate } from '../openstack/nova/aggregates.ts';
import type { NovaFlavor } from '../openstack/nova/flavors.ts';
import type { Facts } from './facts.ts';

export interface GpuFlavor {
  readonly flavor: NovaFlavor;
  /** As somebody would borrow it. */
  readonly offer: Flavor;
}

/** Hosts with GPUs; empty where they may not be seen. */
export function gpuHosts(facts: Facts): readonly ObservedHost[] {
  return inventoryOf(facts).hosts;
}

/** Flavors with GPUs, in Nova's order. */
export function gpuFlavors(facts: Facts): readonly GpuFlavor[] {
  const byId = new Map((facts.flavors ?? []).map((flavor) => [flavor.id, flavor]));
  return inventoryOf(facts).flavors.flatMap((offer) => {
    const flavor = byId.get(offer.externalId);
    return flavor === undefined ? [] : [{ flavor, offer }];
  });
}

/** Types of which some aggregate speaks, those with faults of their own among them. */
export function mentionedTypes(facts: Facts): ReadonlySet<DeviceClass> {
  const types = (facts.aggregates ?? []).map(({ metadata }) => (metadata['gpu_type'] ?? '').trim());
  return new Set(types.filter((type) => type !== ''));
}

/** It is meant to describe GPUs, whether or not it does so rightly. */
export function describesGpus({ metadata }: Aggregate): boolean {
  return 'gpu_type' in metadata || 'gpu_count' in metadata || isGpuFlag(metadata['gpu']);
}

/** Words as the inventory takes them for true. */
export function isGpuFlag(text: string | undefined): boolean {
  return TRUE_WORDS.has((text ?? '').trim().toLowerCase());
}

/** The configured ones, and those that the server infers. */
export function aliasesOf({ cloud, aggregates, flavors }: Facts): Aliases {
  return inferAliases(cloud.aliases, { aggregates: aggregates ?? [], flavors: flavors ?? [] }, []);
}

export function findHostOf(facts: Facts): FindHost {
  return hostFinder(facts.hypervisors ?? []);
}

const TRUE_WORDS: ReadonlySet<string> = new Set(['true', '1', 'yes', 'on', 't', 'y']);

function inventoryOf(facts: Facts): ReturnType<typeof takeInventory> {
  const { aggregates, hypervisors, flavors, cloud } = facts;
  return takeInventory({
    providerId: asId(cloud.name),
    deploymentId: facts.deploymentId ?? 'none',
    aggregates: aggregates ?? [],
    hypervisors: hypervisors ?? [],
    flavors: flavors ?? [],
    servers: facts.servers ?? [],
    trees: facts.trees,
    aliases: aliasesOf(facts),
    vcpuRatio: cloud.vcpuRatio,
    downSinceMs: () => facts.nowMs,
    isCounted: () => false,
  });
}
