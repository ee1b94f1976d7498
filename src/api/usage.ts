import { z } from 'zod';
import { PURPOSES } from './leases.ts';
import { idText, momentText, timeOut, zoneText } from './fields.ts';

const GROUPS = ['project', 'user', 'class', 'flavor', 'purpose', 'day', 'month'] as const;

export const usageQuery = z.strictObject({
  from: momentText.optional().meta({ description: 'Default: the beginning of this month.' }),
  to: momentText
    .optional()
    .meta({ description: 'Itself not part of it. Default: when the month of `from` is over.' }),
  group_by: z
    .string()
    .default('project')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(GROUPS)).max(GROUPS.length))
    .meta({
      description: `What to tell apart, with commas: ${GROUPS.join(', ')}. Not \`day\` with \`month\`.`,
      examples: ['user,class,month'],
    }),
  project: idText.optional().meta({ description: 'Only this project (id or name).' }),
  user: idText.optional().meta({ description: 'Only this user, by id.' }),
  zone: zoneText.optional().meta({ description: 'For days, months and dates. Default: `time_zone`.' }),
});

const gpuSeconds = z.int().meta({ description: 'Seconds × GPUs, rounded from milliseconds.' });
const gpuHours = z.number().meta({ description: 'The same in hours, rounded to a ten-thousandth.' });

/** Names that are null are not told apart. */
const usageRow = z.object({
  period: z
    .string()
    .nullable()
    .meta({ description: 'The day or month.', examples: ['2026-11'] }),
  project_id: z.string().nullable(),
  project_name: z.string().nullable(),
  owner_id: z.string().nullable().meta({ description: 'Whose leases.' }),
  class: z
    .string()
    .nullable()
    .meta({ description: 'Class of the GPUs.', examples: ['V100'] }),
  flavor: z.string().nullable().meta({ description: 'Name of the flavor.' }),
  flavor_id: z.string().nullable(),
  purpose: z.enum(PURPOSES).nullable(),
  gpu_seconds: gpuSeconds,
  gpu_hours: gpuHours,
});

export type UsageRowJson = z.output<typeof usageRow>;

export const usageJson = z
  .object({
    from: timeOut,
    to: timeOut,
    zone: z.string(),
    as_of: timeOut.meta({ description: 'Up to when what is held still was counted.' }),
    rows: z.array(usageRow).meta({ description: 'In the order of their groups; at most 10000.' }),
    total: z.object({ gpu_seconds: gpuSeconds, gpu_hours: gpuHours }),
  })
  .meta({ id: 'Usage' });

export type UsageJson = z.output<typeof usageJson>;

export const oneUsage = z.object({ usage: usageJson });
