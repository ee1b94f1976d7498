/** Every file of a plan. */
import type { Inventory } from '../device.ts';
import type { Names } from '../names.ts';
import type { Plan } from '../plan.ts';
import { bindingFiles } from './binding.ts';
import { novaFiles, type PlannedFile } from './nova.ts';
import { offersOf, type Flavor, type Release } from './offers.ts';

export interface Target {
  readonly release: Release;
  readonly kolla: boolean;
}

export function filesOf(
  inventory: Inventory,
  plan: Plan,
  names: Names,
  { release, kolla }: Target,
): readonly PlannedFile[] {
  const offers = offersOf(plan, names, release);
  return [
    ...novaFiles(offers, release, kolla),
    ...bindingFiles(inventory, plan),
    { path: 'flavors.sh', text: flavorScript(offers.flavors), isProgram: true },
  ];
}

/** Processors and memory are a decision about the host, not about its PCI devices. */
function flavorScript(flavors: readonly Flavor[]): string {
  const lines = flavors.flatMap(({ name, gpus, aliases, machines }) => [
    `# ${machines} at once`,
    `openstack flavor create ${name} --vcpus $((${gpus} * VCPUS)) --ram $((${gpus} * RAM_MIB)) \\`,
    `  --disk "$DISK_GIB" --property "pci_passthrough:alias"="${aliases.join(',')}"`,
  ]);
  const head = `#!/bin/sh
set -eu
# Of each GPU; set them so that the machines of the plan together fit into the host.
: "\${VCPUS:=4}" "\${RAM_MIB:=16384}"
# Of each machine.
: "\${DISK_GIB:=50}"
`;
  return `${head}${lines.join('\n')}\n`;
}
