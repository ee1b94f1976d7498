import { z } from 'zod';
import { timeOut, timeOutOrNull } from './fields.ts';

export const queueJson = z.object({
  queue: z.array(
    z.object({
      position: z.int(),
      lease_id: z.string().nullable().meta({ description: 'null: of a project that you may not see.' }),
      project_id: z.string().nullable(),
      flavor: z.string().nullable(),
      since: timeOut,
      forecast_at: timeOutOrNull,
    }),
  ),
});

export type QueueJson = z.output<typeof queueJson>;

const reasons = z.array(z.object({ code: z.string(), text: z.string() }));

export const explanationJson = z.object({
  explanation: z
    .object({
      possible: z.boolean().meta({ description: 'Whether the same request would be granted now.' }),
      flavor: z.string(),
      earliest_at: timeOutOrNull,
      reasons: reasons.meta({ description: 'What is about no single host: quota, freeze, queue.' }),
      hosts: z.array(
        z.object({
          host_id: z.string(),
          host: z.string(),
          possible: z.boolean(),
          earliest_at: timeOutOrNull,
          reasons,
        }),
      ),
    })
    .meta({ id: 'Explanation' }),
});

export type ExplanationJson = z.output<typeof explanationJson>;
