/** Which profiles, with which parameters, in which order: what is asked for becomes a plan of steps. */
import { err, ok, type Result } from '../base/result.ts';
import { SECOND_MS } from '../base/units.ts';
import { findProfile, type Catalogue } from './catalogue.ts';
import { mergeCloudConfig, type CloudConfig } from './merge.ts';
import { readParams } from './parameters.ts';
import {
  STEP_TIME_FACTOR,
  type Profile,
  type ProfileFault,
  type ProfileRef,
  type Values,
} from './profile.ts';

/** More than anybody puts on one machine; bounds what is rendered. */
export const PROFILES_MAX = 16;

export interface ChosenProfile {
  readonly profile: Profile;
  readonly values: Values;
  /** Nobody asked for it: another one requires it. */
  readonly isImplied: boolean;
}

export interface PlannedStep {
  readonly profile: string;
  readonly title: string;
  readonly script: string;
  readonly secondsMax: number;
}

export interface Composition {
  /** In the order of the work. */
  readonly chosen: readonly ChosenProfile[];
  readonly steps: readonly PlannedStep[];
  /** What cloud-init does by itself before the first step. */
  readonly cloudConfig: CloudConfig;
  /** How long all of it usually takes. */
  readonly expectedMs: number;
  readonly diskGiB: number;
}

/**
 * What each requires comes before it, with parameters that suit it where nobody gave any; otherwise the order
 * is the given one. The same request gives the same result. `gpus`: models of the machine, as far as known.
 */
export function compose(
  catalogue: Catalogue,
  refs: readonly ProfileRef[],
  gpus: readonly string[],
): Result<Composition, ProfileFault> {
  const ordered = inOrder(catalogue, refs);
  if (!ordered.ok) return ordered;
  const settled = settleAll(ordered.value, gpus);
  if (!settled.ok) return settled;
  const chosen = settled.value;
  let cloudConfig: CloudConfig = {};
  for (const { profile, values } of chosen) {
    const merged = mergeCloudConfig(cloudConfig, profile.cloudConfig(values));
    if (!merged.ok) {
      const message = `Profile ${profile.name} and one before it say different things in cloud-config: ${merged.error}.`;
      return err({ message, fix: 'Leave one of them out.' });
    }
    cloudConfig = merged.value;
  }
  const work = chosen.flatMap(({ profile, values }) =>
    profile.steps.map((step) => ({
      profile: profile.name,
      title: step.title(values),
      script: step.script,
      expectedMs: step.expectedMs(values),
    })),
  );
  return ok({
    chosen,
    steps: work.map(({ profile, title, script, expectedMs }) => ({
      profile,
      title,
      script,
      secondsMax: Math.ceil((expectedMs * STEP_TIME_FACTOR) / SECOND_MS),
    })),
    cloudConfig,
    expectedMs: work.reduce((sumMs, { expectedMs }) => sumMs + expectedMs, 0),
    diskGiB: chosen.reduce((sum, { profile }) => sum + profile.needs.diskGiB, 0),
  });
}

function inOrder(
  catalogue: Catalogue,
  refs: readonly ProfileRef[],
): Result<readonly ChosenProfile[], ProfileFault> {
  const asked = new Map(refs.map((ref) => [ref.name, ref]));
  if (asked.size < refs.length) {
    const twice = refs.find((ref, index) => refs.findIndex(({ name }) => name === ref.name) < index);
    const fix = `Give all its parameters at once: ${twice?.name ?? ''}:KEY=VALUE,KEY=VALUE.`;
    return err({ message: `Profile ${twice?.name ?? ''} is named twice.`, fix });
  }
  const chosen = new Map<string, ChosenProfile>();
  const visit = (ref: ProfileRef, isImplied: boolean, path: readonly string[]): ProfileFault | null => {
    if (chosen.has(ref.name)) return null;
    if (path.includes(ref.name)) {
      const circle = [...path.slice(path.indexOf(ref.name)), ref.name].join(' → ');
      return { message: `Profiles require each other: ${circle}.`, fix: 'Mend `requires` of one of them.' };
    }
    const found = findProfile(catalogue, ref.name);
    if (!found.ok) return found.error;
    const profile = found.value;
    const values = readParams(profile, ref.params);
    if (!values.ok) return values.error;
    for (const required of profile.requires) {
      const name = required.profile;
      const isAsked = asked.has(name);
      const next = asked.get(name) ?? { name, params: required.params(values.value) };
      const fault = visit(next, !isAsked, [...path, ref.name]);
      if (fault !== null) return fault;
    }
    chosen.set(profile.name, { profile, values: values.value, isImplied });
    return null;
  };
  for (const ref of refs) {
    const fault = visit(ref, false, []);
    if (fault !== null) return err(fault);
  }
  return chosen.size <= PROFILES_MAX
    ? ok([...chosen.values()])
    : err({ message: `${chosen.size} profiles are too many.`, fix: `Use ${PROFILES_MAX} at most.` });
}

function settleAll(
  ordered: readonly ChosenProfile[],
  gpus: readonly string[],
): Result<readonly ChosenProfile[], ProfileFault> {
  const names = new Set(ordered.map(({ profile }) => profile.name));
  const settled: ChosenProfile[] = [];
  for (const one of ordered) {
    const { profile } = one;
    const rival = profile.conflicts.find((name) => names.has(name));
    if (rival !== undefined) {
      const message = `Profiles ${profile.name} and ${rival} cannot be on the same machine.`;
      return err({ message, fix: 'Leave one of them out.' });
    }
    // Of those before it what they were settled to; those behind it are still as they were asked for.
    const valuesOf = (name: string): Values | null =>
      [...settled, ...ordered].find((other) => other.profile.name === name)?.values ?? null;
    const values = profile.settle(one.values, { gpus, valuesOf });
    if (!values.ok) return values;
    settled.push({ ...one, values: values.value });
  }
  return ok(settled);
}

/** `nvidia-driver:version=550,kernel=open`, as it is written on the command line. */
export function refText({ name, params }: ProfileRef): string {
  const given = Object.entries(params).map(([key, value]) => `${key}=${value}`);
  return given.length === 0 ? name : `${name}:${given.join(',')}`;
}
