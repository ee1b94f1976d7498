/**
 * Which device a PCI alias means. Nova's API does not tell (aliases live in `nova.conf`), so operators write
 * the same card as `V100` in an aggregate and `tesla-v100` in a flavor. Pure.
 */
import type { DeviceClass } from '../domain/model/host.ts';
import { ALIAS_KEY, type Aliases } from './gpu-flavor.ts';
import type { Aggregate } from './nova/aggregates.ts';
import type { NovaFlavor } from './nova/flavors.ts';

/**
 * The configured aliases, and those that leave no doubt: all words of exactly one `gpu_type` are words of the
 * alias. Each of these is told in a warning, so that the operator can say otherwise.
 */
export function inferAliases(
  configured: Aliases,
  cloud: { readonly aggregates: readonly Described[]; readonly flavors: readonly NovaFlavor[] },
  warnings: string[],
): Aliases {
  const types = gpuTypes(cloud.aggregates);
  const inferred: Record<string, DeviceClass> = { ...configured };
  for (const alias of aliasesOf(cloud.flavors)) {
    if (Object.hasOwn(inferred, alias) || types.has(alias)) continue;
    const words = wordsOf(alias);
    const meant = [...types].filter((type) => wordsOf(type).every((word) => words.includes(word)));
    const [only, ...others] = meant;
    if (only === undefined || others.length > 0) continue;
    inferred[alias] = only;
    warnings.push(
      `PCI alias '${alias}' is taken for gpu_type '${only}'; if it is another card, say so in clouds[].aliases`,
    );
  }
  return inferred;
}

type Described = Pick<Aggregate, 'metadata'>;

function gpuTypes(aggregates: readonly Described[]): ReadonlySet<string> {
  const types = aggregates.map(({ metadata }) => metadata['gpu_type']?.trim() ?? '');
  return new Set(types.filter((type) => wordsOf(type).length > 0));
}

function aliasesOf(flavors: readonly NovaFlavor[]): ReadonlySet<string> {
  const specs = flavors.flatMap(({ extraSpecs }) => extraSpecs[ALIAS_KEY]?.split(',') ?? []);
  return new Set(specs.map((spec) => spec.split(':')[0]?.trim() ?? '').filter((alias) => alias !== ''));
}

function wordsOf(name: string): readonly string[] {
  return name.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}
