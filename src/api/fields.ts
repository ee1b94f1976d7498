/**
 * The fields from which the schemas are built. What is accepted from callers is parsed here once: texts
 * become milliseconds, and whatever is wrong carries its code and its remedy (`issueParams`).
 */
import { z } from 'zod';
import { parseTime } from '../base/iso-time.ts';
import { isTimeZone, parseDate, type LocalDate } from '../base/time-zone.ts';
import { DURATION_MS_MAX, parseDuration, SECOND_MS } from '../base/units.ts';
import type { ReturnTicket } from '../domain/model/lease.ts';
import type { ErrorCode } from './errors.ts';
import { parsePublicKey, PUBLIC_KEY_LENGTH_MAX } from './ssh-key.ts';

/** What a custom issue carries in `params`, for the problem that is made of it. */
export const issueParams = z.object({ code: z.string(), fix: z.string() });

const DURATION_SECONDS_MAX = DURATION_MS_MAX / SECOND_MS;

/** Adds an issue with its own error code and remedy. */
export function addIssue(
  context: z.core.$RefinementCtx,
  code: ErrorCode,
  message: string,
  fix: string,
  path: readonly string[] = [],
): void {
  context.addIssue({ code: 'custom', message, path: [...path], params: { code, fix } });
}

/**
 * Visible text of one line: control characters and broken surrogates would damage logs, terminals, and
 * stores.
 */
export function lineOfText(lengthMax: number): z.ZodString {
  return z
    .string()
    .min(1)
    .max(lengthMax)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must be one line without control characters');
}

/** Ids and names as they are looked up; what none can have is refused before anybody asks a store for it. */
export const idText = lineOfText(255);

/** Names that are made here: projects. */
export const newIdText = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores')
  .meta({ description: 'Letters, digits, dots, dashes, underscores; at most 64.' });

/** `8h` → milliseconds. */
export const durationText = z
  .string()
  .meta({ description: 'A duration: 90s, 30m, 8h, 2d, 1w, 1h30m; at most 366 days.', examples: ['8h'] })
  .transform((text, context) => {
    const parsed = parseDuration(text);
    if (parsed.ok) return parsed.value;
    addIssue(context, 'malformed_duration', parsed.error, 'Write the duration like 30m, 8h or 2d.');
    return z.NEVER;
  });

/** Whole seconds, at most 366 days. */
export const durationSeconds = z
  .int()
  .min(1)
  .max(DURATION_SECONDS_MAX)
  .meta({ description: 'The same as a number of seconds.', examples: [28_800] });

/** An ISO 8601 time with zone → milliseconds since the epoch. */
export const timeText = z
  .string()
  .meta({ description: 'ISO 8601 with a zone.', format: 'date-time', examples: ['2026-11-21T14:32:00Z'] })
  .transform((text, context) => {
    const parsed = parseTime(text);
    if (parsed.ok) return parsed.value;
    addIssue(context, 'malformed_time', parsed.error, 'Write the time like 2026-11-21T14:32:00Z.');
    return z.NEVER;
  });

/** A time, or a date for its beginning in the zone of the request → ms since the epoch, or the date. */
export const momentText = z
  .string()
  .meta({
    description: 'ISO 8601 with a zone, or a date: where its day begins in `zone`.',
    examples: ['2026-11-01', '2026-11-21T14:32:00Z'],
  })
  .transform((text, context): number | LocalDate => {
    const date = parseDate(text);
    if (date !== null) return date;
    const parsed = parseTime(text);
    if (parsed.ok) return parsed.value;
    const fix = 'Write a date like 2026-11-01, or a time like 2026-11-21T14:32:00Z.';
    addIssue(context, 'malformed_time', parsed.error, fix);
    return z.NEVER;
  });

/** A zone of the IANA database. */
export const zoneText = z
  .string()
  .max(64)
  .refine(isTimeZone, 'must be a time zone such as UTC or Europe/Berlin')
  .meta({ description: 'A time zone of the IANA database.', examples: ['Europe/Berlin'] });

/** `no` (now or never) or how long to wait at most, as a duration → milliseconds; 0 for `no`. */
export const waitText = z
  .string()
  .meta({
    description: '`no`: now or never. A duration: the longest wait. Left out: no limit.',
    examples: ['30m'],
  })
  .transform((text, context) => {
    if (text === 'no') return 0;
    const parsed = parseDuration(text);
    if (parsed.ok) return parsed.value;
    addIssue(context, 'malformed_duration', parsed.error, "Write 'no' or a duration like 30m.");
    return z.NEVER;
  });

/** `now`, or a time → a return ticket. */
export const ticketText = z
  .string()
  .meta({
    description:
      'Return ticket: `now` queues the lease by itself as soon as its time is over; a time queues it then.',
    examples: ['now', '2026-11-23T08:00:00Z'],
  })
  .transform((text, context): ReturnTicket => {
    if (text === 'now') return { kind: 'now' };
    const parsed = parseTime(text);
    if (parsed.ok) return { kind: 'at', atMs: parsed.value };
    addIssue(context, 'malformed_time', parsed.error, "Write 'now', or a time like 2026-11-21T14:32:00Z.");
    return z.NEVER;
  });

/** An OpenSSH public key. What is wrong with it is said without repeating it. */
export const publicKeyText = z
  .string()
  .meta({ description: `An OpenSSH public key, one line, at most ${PUBLIC_KEY_LENGTH_MAX} characters.` })
  .transform((text, context) => {
    const parsed = parsePublicKey(text);
    if (parsed.ok) return parsed.value;
    const { code, message } = parsed.error;
    addIssue(
      context,
      code,
      message,
      'Send the content of the file that ends in .pub, such as ~/.ssh/id_ed25519.pub.',
    );
    return z.NEVER;
  });

interface Durations {
  readonly duration?: unknown;
  readonly duration_seconds?: unknown;
}

const ONE_DURATION = "Give either 'duration' (such as 8h) or 'duration_seconds'.";

/** Checks that a request says exactly once how long: `duration` or `duration_seconds`. */
export function requireOneDuration(body: Durations, context: z.core.$RefinementCtx): void {
  const { duration = null, duration_seconds: seconds = null } = body;
  if (duration === null && seconds === null) {
    addIssue(context, 'missing_field', 'how long is missing', ONE_DURATION, ['duration']);
  }
  allowOneDuration(body, context);
}

/** Checks that a request does not say twice how long. */
export function allowOneDuration(body: Durations, context: z.core.$RefinementCtx): void {
  const { duration = null, duration_seconds: seconds = null } = body;
  if (duration === null || seconds === null) return;
  addIssue(context, 'invalid', 'how long is said twice', ONE_DURATION, ['duration']);
}

/** A time in a reply: ISO 8601 UTC. */
export const timeOut = z.string().meta({ format: 'date-time', examples: ['2026-11-21T14:32:00Z'] });
export const timeOutOrNull = timeOut.nullable();

/** Devices by class in a reply, e.g. `{"V100": 2}`. */
export const gpuCounts = z.record(z.string(), z.int()).meta({ examples: [{ V100: 2 }] });

/** Page sizes: a page of 1000 leases is about 1 MB. */
export const PAGE_LIMIT_MAX = 1000;
export const PAGE_LIMIT_DEFAULT = 100;

/** A number in a query, which arrives as text. */
export function queryNumber(min: number, max: number): z.ZodType<number, string | number> {
  return z
    .union([z.string().regex(/^\d{1,16}$/, 'must be a whole number'), z.int()])
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .meta({ type: 'integer', minimum: min, maximum: max });
}
