import { nearest } from '../../base/nearest.ts';
import { ALIAS_KEY, parseAliasSpec } from '../../openstack/gpu-flavor.ts';
import type { Facts } from '../facts.ts';
import { finding, quoted, setting, some, type Finding } from '../finding.ts';
import { aliasesOf, gpuFlavors, gpuHosts, mentionedTypes, type GpuFlavor } from '../gpu.ts';

const PROFILE_KEY = 'accel:device_profile';

/** Whether what the flavors ask for and what the aggregates have meet. */
export function checkAliases(facts: Facts): readonly Finding[] {
  if (facts.flavors === null) return [];
  const flavors = gpuFlavors(facts);
  const faults = [...profiles(facts), ...flavors.flatMap((flavor) => malformed(facts, flavor))];
  if (facts.aggregates === null || facts.hypervisors === null) return faults;
  if (flavors.length === 0) return [...faults, ...none(facts)];
  return [...faults, ...unknown(facts, flavors), ...unused(facts, flavors), ...inferred(facts)];
}

function none(facts: Facts): readonly Finding[] {
  const [type] = mentionedTypes(facts);
  if ((facts.flavors ?? []).some(({ extraSpecs }) => PROFILE_KEY in extraSpecs)) return [];
  const message = `None of ${facts.flavors?.length ?? 0} flavors has ${ALIAS_KEY}.`;
  const fix = `openstack flavor set --property ${ALIAS_KEY}=${quoted(type ?? 'ALIAS')}:1 FLAVOR`;
  return [finding('flavors_none', `cloud '${facts.cloud.name}'`, message, fix)];
}

function profiles(facts: Facts): readonly Finding[] {
  if (facts.serviceTypes.includes('accelerator')) return [];
  return (facts.flavors ?? [])
    .filter(({ extraSpecs }) => PROFILE_KEY in extraSpecs)
    .map(({ name, extraSpecs }) => {
      const message = `It has ${PROFILE_KEY}='${extraSpecs[PROFILE_KEY] ?? ''}', and the catalog has no accelerator service.`;
      const fix = `openstack flavor unset --property ${PROFILE_KEY} ${quoted(name)}; or openstack endpoint create accelerator public URL`;
      return finding('device_profile_without_service', `flavor '${name}'`, message, fix);
    });
}

function malformed(facts: Facts, { flavor }: GpuFlavor): readonly Finding[] {
  const spec = flavor.extraSpecs[ALIAS_KEY];
  if (spec === undefined) return [];
  const parsed = parseAliasSpec(spec, aliasesOf(facts));
  if (parsed.ok) return [];
  const written = spec.split(/[:,]/)[0]?.trim() ?? '';
  const alias = written === '' ? ([...mentionedTypes(facts)][0] ?? 'ALIAS') : written;
  const fix = setAlias(flavor.name, alias, 1);
  return [finding('alias_malformed', `flavor '${flavor.name}'`, `${parsed.error}.`, fix)];
}

/** What the server assumes, so that nobody wonders. */
function inferred(facts: Facts): readonly Finding[] {
  const { aliases: configured, name } = facts.cloud;
  return Object.entries(aliasesOf(facts))
    .filter(([alias]) => !Object.hasOwn(configured, alias))
    .map(([alias, type]) => {
      const message = `It is taken for gpu_type '${type}', whose words it has.`;
      const fix = `Nothing, if it is that card; else ${setting(name, 'aliases', `{${alias}: TYPE}`)}`;
      return finding('alias_inferred', `alias '${alias}'`, message, fix);
    });
}

interface Asked {
  readonly type: string;
  readonly count: number;
  readonly flavor: string;
}

/** One finding for each alias: flavors that ask for the same thing have the same fault. */
function unknown(facts: Facts, flavors: readonly GpuFlavor[]): readonly Finding[] {
  const types = mentionedTypes(facts);
  // Without any type the fault is the aggregates', and is told by itself.
  if (types.size === 0) return [];
  const offered = new Set(gpuHosts(facts).flatMap(({ slots }) => Object.keys(slots)));
  const asked = flavors
    .filter(({ offer }) => offer.misconfigured !== null)
    .flatMap(({ flavor }): readonly Asked[] => {
      const parsed = parseAliasSpec(flavor.extraSpecs[ALIAS_KEY] ?? '', aliasesOf(facts));
      if (!parsed.ok) return [];
      return Object.entries(parsed.value).map(([type, count]) => ({ type, count, flavor: flavor.name }));
    })
    // An aggregate of that type with a fault of its own is told by itself.
    .filter(({ type }) => !offered.has(type) && !types.has(type));
  return [...Map.groupBy(asked, ({ type }) => type)].map(([type, same]) => unknownType(facts, type, same));
}

function unknownType(facts: Facts, type: string, asked: readonly Asked[]): Finding {
  const types = mentionedTypes(facts);
  const near = nearest(type, types);
  const right = near ?? [...types][0] ?? 'TYPE';
  const names = asked.map(({ flavor }) => `'${flavor}'`);
  const [ask, subject] = names.length === 1 ? ['asks', 'flavor'] : ['ask', 'flavors'];
  const message = `${some(names)} ${ask} for '${type}', but the aggregates have ${some([...types])}.`;
  const commands = asked.map(({ flavor, count }) => setAlias(flavor, right, count)).join('; ');
  // A name that is not alike may be another name of the same GPU.
  const mapped = setting(facts.cloud.name, 'aliases', `{${type}: ${right}}`);
  const fix = near === null ? `${mapped} if that is the same GPU; else ${commands}` : commands;
  return finding('alias_unknown', `${subject} ${some(names)}`, message, fix);
}

function setAlias(flavor: string, alias: string, count: number): string {
  return `openstack flavor set --property ${quoted(`${ALIAS_KEY}=${alias}:${count}`)} ${quoted(flavor)}`;
}

function unused(facts: Facts, flavors: readonly GpuFlavor[]): readonly Finding[] {
  const asked = new Set(flavors.flatMap(({ offer }) => Object.keys(offer.devices)));
  const totals = new Map<string, number>();
  for (const { slots } of gpuHosts(facts)) {
    for (const [type, count] of Object.entries(slots)) totals.set(type, (totals.get(type) ?? 0) + count);
  }
  return [...totals]
    .filter(([type, count]) => count > 0 && !asked.has(type))
    .map(([type, count]) => {
      const message = `The aggregates have ${count} '${type}', and no flavor asks for one.`;
      const fix = `openstack flavor set --property ${ALIAS_KEY}=${quoted(`${type}:1`)} FLAVOR`;
      return finding('gpu_type_unused', `gpu_type '${type}'`, message, fix);
    });
}
