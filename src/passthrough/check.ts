/** What a host would have to change to be as planned. */
import { isForVfio, type Inventory } from './device.ts';
import { kernelWords, wayOf } from './files/binding.ts';
import type { Plan } from './plan.ts';

export interface Difference {
  /** An address, or `kernel command line`. */
  readonly subject: string;
  readonly has: string;
  readonly wanted: string;
}

/** `commandLine`: of the running kernel; null: not known, and not compared. */
export function differencesOf(
  inventory: Inventory,
  plan: Plan,
  commandLine: string | null,
): readonly Difference[] {
  const byAddress = wayOf(inventory, plan).kind === 'overrides';
  const found: Difference[] = plan.bound.flatMap(({ address, binding, driverOverride }) => [
    ...(isForVfio(binding) && binding.kind === 'driver'
      ? []
      : [{ subject: address, has: bindingText(binding), wanted: 'driver vfio-pci' }]),
    ...(byAddress && driverOverride !== 'vfio-pci'
      ? [{ subject: address, has: overrideText(driverOverride), wanted: 'driver_override vfio-pci' }]
      : []),
  ]);
  if (commandLine === null) return found;
  const words = commandLine.trim().split(/\s+/);
  for (const word of kernelWords(inventory, plan)) {
    if (hasWord(words, word)) continue;
    const name = word.split('=')[0] ?? word;
    const now = words.filter((other) => other.startsWith(`${name}=`)).join(' ');
    found.push({ subject: 'kernel command line', has: now === '' ? `no ${name}` : now, wanted: word });
  }
  return found;
}

/** Lists may be longer than wanted, and in another order; an option may stand there several times. */
function hasWord(words: readonly string[], wanted: string): boolean {
  const [name = '', list = ''] = wanted.split('=');
  const has = words.flatMap((word) =>
    word.startsWith(`${name}=`) ? word.slice(name.length + 1).split(',') : [],
  );
  return list.split(',').every((value) => has.includes(value));
}

function bindingText(binding: Inventory['devices'][number]['binding']): string {
  if (binding.kind === 'driver') return `driver ${binding.name}`;
  return binding.kind === 'none' ? 'no driver' : 'not known';
}

function overrideText(driverOverride: string | null): string {
  return driverOverride === null ? 'no driver_override' : `driver_override ${driverOverride}`;
}
