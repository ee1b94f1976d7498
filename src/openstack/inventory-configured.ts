/**
 * The inventory of a cloud whose account sees only its own project: hosts as the operator declared them, with
 * no word on what others use there. Pure.
 */
import type { ProviderId } from '../base/ids.ts';
import { NO_DEVICES, NO_RESOURCES } from '../domain/model/host.ts';
import type { Aliases } from './gpu-flavor.ts';
import type { DeviceProfiles } from './gpu-flavor-needs.ts';
import { hostIdOf, type Inventory } from './inventory.ts';
import { classesAsked, flavorsOf } from './inventory-flavors.ts';
import type { NovaFlavor } from './nova/flavors.ts';

export interface ConfiguredHost {
  /** As Nova calls its service host. */
  readonly name: string;
  readonly gpuType: string;
  readonly gpuCount: number;
  /** Physical ones. */
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly diskGiB: number;
}

export interface ConfiguredInput {
  readonly providerId: ProviderId;
  readonly hosts: readonly ConfiguredHost[];
  readonly flavors: readonly NovaFlavor[];
  readonly aliases: Aliases;
  readonly profiles: DeviceProfiles;
  /** vCPUs that may be handed out per physical one. */
  readonly vcpuRatio: number;
}

export function configuredInventory(input: ConfiguredInput): Inventory {
  const { providerId, aliases, profiles } = input;
  const warnings: string[] = [];
  if (input.hosts.length === 0) {
    warnings.push(
      "Berth's account sees only its own project, so that it finds no hosts: " +
        'declare the GPU hosts in clouds[].hosts, or give it the admin role',
    );
  }
  const hosts = input.hosts.map((host): Inventory['hosts'][number] => ({
    id: hostIdOf(providerId, host.name),
    providerId,
    name: host.name,
    claimKind: 'slot',
    capacity: {
      vcpus: Math.floor(host.vcpus * input.vcpuRatio),
      memoryMiB: host.memoryMiB,
      diskGiB: host.diskGiB,
    },
    devices: [],
    slots: { [host.gpuType]: host.gpuCount },
    foreign: { resources: NO_RESOURCES, devices: NO_DEVICES },
    status: { kind: 'up' },
  }));
  const terms = { aliases, profiles };
  const flavors = flavorsOf(
    {
      providerId,
      flavors: input.flavors,
      terms,
      classes: classesAsked(input.flavors, terms),
      known: new Set(input.hosts.map(({ gpuType }) => gpuType)),
      hostsFrom: 'configuration',
      placement: 'closed',
    },
    warnings,
  );
  return { hosts, flavors, warnings };
}
