/** Profiles of the configuration: the same as Berth's, written in YAML. */
import { z } from 'zod';
import type { Json } from '../base/json.ts';
import { ok } from '../base/result.ts';
import { parseDuration } from '../base/units.ts';
import { RESERVED_KEYS } from './merge.ts';
import { VALUE_LENGTH_MAX } from './parameters.ts';
import type { Parameter, Profile, ProfileStep, Values } from './profile.ts';

const NAME = /^[a-z][a-z0-9-]{0,39}$/;
const STEPS_MAX = 16;
/** A set-up that takes longer belongs into an image. */
const STEP_EXPECTED_MS_MAX = 3_600_000;

const name = z.string().regex(NAME, 'small letters, digits and dashes');
const line = z
  .string()
  .min(1)
  .max(VALUE_LENGTH_MAX)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'one line');

const expected = z.string().transform((text, context) => {
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value <= STEP_EXPECTED_MS_MAX) return parsed.value;
  context.addIssue({ code: 'custom', message: parsed.ok ? 'at most 1h' : parsed.error });
  return z.NEVER;
});

const pattern = z
  .string()
  .max(200)
  .superRefine((source, context) => {
    try {
      RegExp(source, 'u');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      context.addIssue({ code: 'custom', message: `is no regular expression: ${why}` });
    }
  });

const parameterSchema = z.strictObject({
  help: line.describe('what it is for'),
  default: line.or(z.literal('')).nullable().default(null).describe('null: it has to be given'),
  choices: z.array(line).min(1).max(64).optional().describe('the only values allowed'),
  pattern: pattern.optional().describe('regular expression that the whole value has to match'),
});

const stepSchema = z.strictObject({
  title: line.describe('shown while it runs; `{parameter}` stands for the value'),
  script: z
    .string()
    .min(1)
    .max(16_384)
    .describe('POSIX shell, run by root under set -eu; parameters are $P_NAME'),
  expected: expected
    .default(60_000)
    .describe('how long it usually takes; it is stopped after four times that'),
});

const json: z.ZodType<Json> = z.json();

export const ownProfileSchema = z
  .strictObject({
    name: name.describe("how it is asked for; one of Berth's names replaces that profile"),
    summary: line.describe('for lists'),
    parameters: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'small letters, digits and underscores'),
        parameterSchema,
      )
      .default({})
      .describe('what may be given with it'),
    requires: z.array(name).max(16).default([]).describe('profiles that come before it'),
    conflicts: z.array(name).max(16).default([]).describe('profiles that cannot be beside it'),
    network: z.array(line).max(32).default([]).describe('hosts that the machine must reach'),
    disk_gib: z.int().min(0).max(1024).default(0).describe('free space that it needs'),
    cloud_config: z
      .record(z.string(), json)
      .default({})
      .superRefine(refuseReserved)
      .describe('keys of cloud-config, handled before the steps'),
    steps: z
      .array(stepSchema)
      .max(STEPS_MAX)
      .default([])
      .describe('run in this order after those of `requires`'),
  })
  .superRefine(checkParameters);

export type OwnProfile = z.output<typeof ownProfileSchema>;

export function ownProfile(own: OwnProfile): Profile {
  const { cloud_config: cloudConfig } = own;
  return {
    name: own.name,
    summary: own.summary,
    parameters: Object.fromEntries(
      Object.entries(own.parameters).map(([key, parameter]) => [key, parameterOf(parameter)]),
    ),
    requires: own.requires.map((profile) => ({ profile, params: () => ({}) })),
    conflicts: own.conflicts,
    needs: { network: own.network, diskGiB: own.disk_gib },
    cloudConfig: () => cloudConfig,
    settle: (values) => ok(values),
    isOwn: true,
    steps: own.steps.map((step): ProfileStep => ({
      title: (values) => filled(step.title, values),
      script: step.script,
      expectedMs: () => step.expected,
    })),
  };
}

function parameterOf({
  help,
  default: fallback,
  choices,
  pattern: source,
}: z.output<typeof parameterSchema>): Parameter {
  const told = choices === undefined ? help : `${help} One of ${choices.join(', ')}.`;
  const isAllowed = (value: string): boolean =>
    (choices?.includes(value) ?? true) &&
    (source === undefined || new RegExp(`^(?:${source})$`, 'u').test(value));
  const message =
    choices === undefined ? `must match ${source ?? ''}` : `must be one of ${choices.join(', ')}`;
  return { help: told, fallback, schema: z.string().refine(isAllowed, message) };
}

function filled(title: string, values: Values): string {
  return title.replaceAll(/\{([a-z][a-z0-9_]*)\}/g, (whole, key: string) =>
    // A title may name what every object has, such as `{constructor}`.
    Object.hasOwn(values, key) ? (values[key] ?? whole) : whole,
  );
}

/** Where a check tells what is wrong. */
interface IssueSink {
  addIssue(issue: { code: 'custom'; path?: PropertyKey[]; message: string }): void;
}

function refuseReserved(config: Readonly<Record<string, Json>>, context: IssueSink): void {
  for (const key of Object.keys(config)) {
    if (!RESERVED_KEYS.has(key)) continue;
    const message = key === 'runcmd' ? 'use `steps`, which are shown and checked' : 'is set by Berth itself';
    context.addIssue({ code: 'custom', path: [key], message });
  }
}

function checkParameters(
  { parameters }: { readonly parameters: Readonly<Record<string, z.output<typeof parameterSchema>>> },
  context: IssueSink,
): void {
  for (const [key, parameter] of Object.entries(parameters)) {
    const { default: fallback } = parameter;
    if (fallback === null || parameterOf(parameter).schema.safeParse(fallback).success) continue;
    const message = 'does not pass its own check';
    context.addIssue({ code: 'custom', path: ['parameters', key, 'default'], message });
  }
}
