import { z } from 'zod';
import { anyJson } from './any-json.ts';
import { idText, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, queryNumber, timeOut } from './fields.ts';

export const eventJson = z
  .object({
    seq: z.int().meta({ description: 'Number of the event; the position to resume after.' }),
    at: timeOut,
    actor: z.string(),
    type: z.string().meta({ description: '`<entity>.<past participle>`', examples: ['lease.granted'] }),
    entity: z.string(),
    id: z.string().meta({ description: 'Of the entity.' }),
    project_id: z.string().nullable(),
    reason: z.string().nullable(),
    data: z.record(z.string(), anyJson),
    before: z.string().nullable(),
    after: z.string().nullable(),
  })
  .meta({ id: 'Event' });

export type EventJson = z.output<typeof eventJson>;

/** What the retention took: without it a list that begins late would look complete. */
export const removedEvents = z
  .object({
    through: z.int().meta({ description: 'Number of the last event that was removed.' }),
    at: timeOut.meta({ description: 'When that one had happened.' }),
  })
  .meta({ id: 'RemovedEvents' });

export type RemovedEventsJson = z.output<typeof removedEvents>;

export const eventPage = z.object({
  events: z.array(eventJson),
  removed: removedEvents
    .nullable()
    .meta({ description: 'Events after `after` that are kept no longer; null: all are there.' }),
  next: z.int().nullable().meta({ description: '`after` of the next page; null: this is the last for now.' }),
});

export const listEventsQuery = z.strictObject({
  after: queryNumber(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: 'Events after this number. A stream without it starts with the next event.' }),
  limit: queryNumber(1, PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
  lease: idText.optional().meta({ description: 'Only those of this lease.' }),
  type: idText.optional().meta({ description: 'Only those of this type.' }),
  order: z.enum(['oldest', 'newest']).default('oldest').meta({ description: 'Pages only.' }),
});

/** Name of the last message of a stream that the server ends; its data is `streamEndJson`. */
export const STREAM_END = 'berth.end';

/** Name of the first message of a stream that is to begin before what is left; its data is `removedEvents`. */
export const STREAM_REMOVED = 'berth.removed';

/** How often an idle stream carries a comment, so that proxies and clients see that it lives. */
export const STREAM_HEARTBEAT_MS = 15_000;

export const streamEndJson = z.object({
  reason: z.enum(['slow', 'stopping', 'unauthenticated', 'failed']),
  detail: z.string(),
  after: z.int().meta({ description: 'Resume after this event.' }),
});

export type StreamEndJson = z.output<typeof streamEndJson>;
