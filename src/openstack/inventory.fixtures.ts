import { asId } from '../base/ids.ts';
import { availability } from '../domain/scheduler/availability.ts';
import { DEFAULT_SETTINGS } from '../domain/settings.ts';
import { World } from '../domain/world.ts';
import type { Cloud } from './denbi.fixtures.ts';
import { DEFAULT_VCPU_RATIO, takeInventory, type Inventory, type InventoryInput } from './inventory.ts';

/** The inventory of a cloud on which Berth has no lease. */
export function take(cloud: Cloud, more: Partial<InventoryInput> = {}): Inventory {
  return takeInventory({
    providerId: asId('cloud'),
    deploymentId: 'd0',
    aliases: {},
    vcpuRatio: DEFAULT_VCPU_RATIO,
    downSinceMs: () => 77,
    isCounted: () => false,
    ...cloud,
    ...more,
  });
}

/** `total/available` of a flavor, as the scheduler counts it. */
export function counted(inventory: Inventory, name: string): string {
  const world = new World(
    {
      control: {
        deploymentId: 'd0',
        freeze: null,
        clockDoubt: null,
        mode: { kind: 'act' },
        monthFromMs: null,
        queueSeq: 0,
        grantSeq: 0,
        eventFloor: null,
      },
      hosts: inventory.hosts.map((host) => ({ ...host, drain: null })),
      flavors: inventory.flavors,
      projects: [],
      leases: [],
      intents: [],
      tokens: [],
      findings: [],
      idempotency: [],
    },
    DEFAULT_SETTINGS,
  );
  const found = inventory.flavors.find((candidate) => candidate.name === name);
  if (found === undefined) return 'none';
  const { total, available } = availability(world, found, 0);
  return `${total}/${available}`;
}
