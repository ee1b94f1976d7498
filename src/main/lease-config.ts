/** The section `leases` of the configuration: how long leases last, and what becomes of them. */
import { z } from 'zod';
import { formatDuration } from '../base/units.ts';
import { ROLES } from '../domain/model/token.ts';
import { DEFAULT_SETTINGS, type Settings } from '../domain/settings.ts';
import { duration, durationOrOff } from './config-fields.ts';

const defaults = DEFAULT_SETTINGS;

const atEnd = z.enum(['shelve', 'delete', 'shelve_or_delete']);

const ruleSchema = z.strictObject({
  match: z
    .strictObject({
      project: z.string().min(1).nullable().default(null).describe('id or name; null: any'),
      gpu_class: z.string().min(1).nullable().default(null).describe('such as V100; null: any'),
      role: z.enum(ROLES).nullable().default(null).describe('of who asks; null: any'),
    })
    .prefault({})
    .describe('for whose leases'),
  default_duration: duration.optional().describe('of who does not say how long; left out: not said here'),
  max_duration: duration.optional().describe('longest lease; left out: not said here'),
  at_end: atEnd.optional().describe('of who does not say; left out: not said here'),
  renew: durationOrOff
    .optional()
    .describe('by how much who is not waited for is renewed, or `off`; left out: not said here'),
});

export const leasesSchema = z.strictObject({
  max_duration: duration
    .default(defaults.leaseDurationMsMax)
    .describe('longest lease from the moment it is active, extensions and renewals included'),
  default_duration: duration
    .nullable()
    .default(defaults.leaseDurationMsDefault)
    .describe('of who does not say how long; null: they have to'),
  at_end: atEnd.default(defaults.atEnd).describe('of who does not say what becomes of the machine'),
  renew: durationOrOff
    .default(defaults.renewMs)
    .describe('by how much a lease that nobody waits for is renewed at its end, or `off`'),
  grace: duration
    .nullable()
    .default(null)
    .describe('between the end and what is done then, where others wait; null: none'),
  keep_shelved: duration
    .nullable()
    .default(defaults.keepShelvedMs)
    .describe('how long a disk is kept on the shelf; null: until its owner returns it'),
  keep_warnings: z
    .array(duration)
    .max(8)
    .default([...defaults.keepWarningsMs])
    .describe('before a disk on the shelf is deleted'),
  rules: z
    .array(ruleSchema)
    .max(1000)
    .default([])
    .describe('of each key, the first rule that matches and says it counts, then what stands above'),
  start_timeout: duration.default(defaults.startTimeoutMs).describe('a start that takes longer has failed'),
  start_estimate: duration
    .default(defaults.startEstimateMs)
    .describe('expected time of a start, for forecasts'),
  end_estimate: duration.default(defaults.endEstimateMs).describe('expected time of shelving or deleting'),
  warnings: z
    .array(duration)
    .max(8)
    .default([...defaults.warningsMs])
    .describe('before the end; the first after half of the time at the latest, the others with a tenth left'),
  queue_max: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(defaults.queueMax)
    .describe('most requests that wait at once'),
  placement: z
    .enum(['least_fragmentation', 'best_fit', 'spread'])
    .default(defaults.placement)
    .describe('how a host is chosen among those that fit'),
});

type LeasesConfig = z.output<typeof leasesSchema>;

/** What decisions depend on. */
export function leaseSettings(leases: LeasesConfig): Partial<Settings> {
  return {
    leaseDurationMsMax: leases.max_duration,
    leaseDurationMsDefault: leases.default_duration,
    atEnd: leases.at_end,
    renewMs: leases.renew,
    graceMs: leases.grace ?? 0,
    keepShelvedMs: leases.keep_shelved,
    keepWarningsMs: largestFirst(leases.keep_warnings),
    rules: leases.rules.map(({ match, ...rule }) => ({
      match: { project: match.project, gpuClass: match.gpu_class, role: match.role },
      defaultDurationMs: rule.default_duration ?? null,
      maxDurationMs: rule.max_duration ?? null,
      atEnd: rule.at_end ?? null,
      renewMs: rule.renew ?? null,
    })),
    startTimeoutMs: leases.start_timeout,
    startEstimateMs: leases.start_estimate,
    endEstimateMs: leases.end_estimate,
    warningsMs: largestFirst(leases.warnings),
    queueMax: leases.queue_max,
    placement: leases.placement,
  };
}

/** With durations as texts, as they are written in a file. */
export function printableLeases(leases: LeasesConfig): object {
  return {
    ...leases,
    max_duration: formatDuration(leases.max_duration),
    default_duration: durationText(leases.default_duration),
    renew: renewText(leases.renew),
    grace: durationText(leases.grace),
    keep_shelved: durationText(leases.keep_shelved),
    keep_warnings: leases.keep_warnings.map(formatDuration),
    rules: leases.rules.map(printableRule),
    start_timeout: formatDuration(leases.start_timeout),
    start_estimate: formatDuration(leases.start_estimate),
    end_estimate: formatDuration(leases.end_estimate),
    warnings: leases.warnings.map(formatDuration),
  };
}

function printableRule({ match, ...rule }: LeasesConfig['rules'][number]): object {
  return {
    match,
    ...(rule.default_duration !== undefined && { default_duration: formatDuration(rule.default_duration) }),
    ...(rule.max_duration !== undefined && { max_duration: formatDuration(rule.max_duration) }),
    ...(rule.at_end !== undefined && { at_end: rule.at_end }),
    ...(rule.renew !== undefined && { renew: renewText(rule.renew) }),
  };
}

function largestFirst(durationsMs: readonly number[]): readonly number[] {
  return durationsMs.toSorted((a, b) => b - a);
}

function durationText(durationMs: number | null): string | null {
  return durationMs === null ? null : formatDuration(durationMs);
}

function renewText(renewMs: number): string {
  return renewMs === 0 ? 'off' : formatDuration(renewMs);
}
