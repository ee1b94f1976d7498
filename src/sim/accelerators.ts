/**
 * Devices that Placement hands out by resource class and traits: what a flavor asks for, by its own extra
 * specs or those of its device profile, and which providers of a host give it.
 */
import type { SimAccelerator, SimFlavor, SimHost } from './model.ts';
import type { SimWorld } from './world.ts';

export interface Picked {
  readonly accelerator: SimAccelerator;
  readonly amount: number;
}

/** One resource class of one request group. */
interface Ask {
  readonly resourceClass: string;
  readonly amount: number;
  /** All of it from one provider; else it may spread over the host. */
  readonly together: boolean;
  readonly required: readonly string[];
  readonly forbidden: readonly string[];
}

/** Classes that the compute node itself provides. */
const OF_THE_HOST: ReadonlySet<string> = new Set(['VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB']);

/** Providers for all that the flavor asks for; null: the host has not got it. Empty: it asks for nothing. */
export function pickAccelerators(
  world: SimWorld,
  host: SimHost,
  flavor: SimFlavor,
): readonly Picked[] | null {
  const profileName = flavor.extraSpecs['accel:device_profile'];
  const profile = world.topology.device_profiles.find(({ name }) => name === profileName);
  if (profileName !== undefined && profile === undefined) return null;
  const asks = [...asksOf(flavor.extraSpecs), ...(profile?.groups ?? []).flatMap(asksOfProfileGroup)];
  return pickAll(host, asks, []);
}

/** Units that nobody holds. */
function freeUnits({ total, reserved, held }: SimAccelerator): number {
  return total - reserved - Object.values(held).reduce((sum, amount) => sum + amount, 0);
}

function pickAll(host: SimHost, asks: readonly Ask[], picked: readonly Picked[]): readonly Picked[] | null {
  const [ask, ...rest] = asks;
  if (ask === undefined) return picked;
  const step = ask.together ? ask.amount : 1;
  const remaining = ask.amount - step;
  const next = remaining > 0 ? [{ ...ask, amount: remaining }, ...rest] : rest;
  for (const accelerator of host.accelerators) {
    const taken = picked.reduce((sum, each) => sum + (each.accelerator === accelerator ? each.amount : 0), 0);
    if (!suits(accelerator, ask) || freeUnits(accelerator) - taken < step) continue;
    const found = pickAll(host, next, [...picked, { accelerator, amount: step }]);
    if (found !== null) return found;
  }
  return null;
}

function suits({ resourceClass, traits }: SimAccelerator, ask: Ask): boolean {
  if (resourceClass !== ask.resourceClass) return false;
  return (
    ask.required.every((trait) => traits.includes(trait)) &&
    !ask.forbidden.some((trait) => traits.includes(trait))
  );
}

function asksOf(extraSpecs: Readonly<Record<string, string>>): readonly Ask[] {
  return Object.entries(extraSpecs).flatMap(([key, value]): Ask[] => {
    const [, suffix = '', resourceClass = ''] = /^resources([\w-]*):(\w+)$/.exec(key) ?? [];
    if (resourceClass === '' || OF_THE_HOST.has(resourceClass) || Number(value) === 0) return [];
    const together = suffix !== '';
    return [{ resourceClass, amount: Number(value), together, ...traitsOf(extraSpecs, `trait${suffix}:`) }];
  });
}

function asksOfProfileGroup(group: Readonly<Record<string, string>>): readonly Ask[] {
  return asksOf(group).map((ask) => ({ ...ask, together: true }));
}

function traitsOf(
  extraSpecs: Readonly<Record<string, string>>,
  prefix: string,
): { readonly required: readonly string[]; readonly forbidden: readonly string[] } {
  const having = (word: string): readonly string[] =>
    Object.entries(extraSpecs).flatMap(([key, value]) =>
      key.startsWith(prefix) && value === word ? [key.slice(prefix.length)] : [],
    );
  return { required: having('required'), forbidden: having('forbidden') };
}
