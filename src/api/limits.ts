import { z } from 'zod';
import { DURATION_MS_MAX, SECOND_MS } from '../base/units.ts';

/** As many as nobody has; what is over it is a typing error. */
export const LIMIT_MAX = 1_000_000;

const count = z.int().min(0).max(LIMIT_MAX);
const seconds = z
  .int()
  .min(1)
  .max(DURATION_MS_MAX / SECOND_MS);
const byClass = z
  .record(z.string().min(1).max(64), count)
  .refine((classes) => Object.keys(classes).length <= 64, 'at most 64 classes')
  .meta({ examples: [{ V100: 4 }] });

/** What each limit is, said once for replies and requests. */
const MEANING = {
  gpus: 'GPUs held at once, windows included.',
  gpus_by_class: 'The same of single classes; one that is left out has no limit.',
  leases: 'Leases that hold something at once, windows included.',
  gpu_hours_per_month: 'GPU-hours in one month of the calendar (`time_zone`).',
  max_duration_seconds: 'Longest lease, extensions included.',
  queued: 'Requests that wait at once.',
} as const;

export const limitsJson = z
  .object({
    gpus: z.int().nullable().meta({ description: MEANING.gpus }),
    gpus_by_class: z.record(z.string(), z.int()).meta({ description: MEANING.gpus_by_class }),
    leases: z.int().nullable().meta({ description: MEANING.leases }),
    gpu_hours_per_month: z.int().nullable().meta({ description: MEANING.gpu_hours_per_month }),
    max_duration_seconds: z.int().nullable().meta({ description: MEANING.max_duration_seconds }),
    queued: z.int().nullable().meta({ description: MEANING.queued }),
  })
  .meta({ id: 'Limits' });

export type LimitsJson = z.output<typeof limitsJson>;

const limitFields = {
  gpus: count.nullish().meta({ description: MEANING.gpus }),
  gpus_by_class: byClass.optional().meta({ description: MEANING.gpus_by_class }),
  leases: count.nullish().meta({ description: MEANING.leases }),
  gpu_hours_per_month: count.nullish().meta({ description: MEANING.gpu_hours_per_month }),
  max_duration_seconds: seconds.nullish().meta({ description: MEANING.max_duration_seconds }),
  queued: count.nullish().meta({ description: MEANING.queued }),
};

/** Limits in a request. */
export const limitsBody = z
  .strictObject(limitFields)
  .meta({ id: 'SetLimits', description: 'Left out or null: no limit.' });

export type LimitsBody = z.output<typeof limitsBody>;

/** Single limits of a user that differ from those of the others; what is left out does not. */
export const someLimitsJson = limitsJson.partial().meta({ id: 'UserLimits' });

/** More single users than a project has are a script that went wrong. */
const USERS_MAX = 1000;

export const usersBody = z
  .record(z.string().min(1).max(255), z.strictObject(limitFields).meta({ id: 'SetUserLimits' }))
  .refine((users) => Object.keys(users).length <= USERS_MAX, `at most ${USERS_MAX} users`)
  .meta({
    description: 'By user id, what differs for single users: left out as for the others, null no limit.',
  });

/** What is held and used, to compare with limits. */
const useJson = z.object({
  gpus: z.int(),
  gpus_by_class: z.record(z.string(), z.int()),
  leases: z.int(),
  queued: z.int(),
  gpu_hours_used: z.number().meta({ description: 'In this month, of what was given back.' }),
  gpu_hours_claimed: z
    .number()
    .meta({ description: 'In this month, of leases and windows until their devices are expected back.' }),
});

export type UseJson = z.output<typeof useJson>;

export const projectUseJson = z
  .object({
    month_from: z.string().meta({ format: 'date-time' }),
    month_until: z.string().meta({ format: 'date-time' }),
    project: useJson,
    user: useJson.meta({ description: 'Of the caller in the project.' }),
  })
  .meta({ id: 'ProjectUse' });

export type ProjectUseJson = z.output<typeof projectUseJson>;
