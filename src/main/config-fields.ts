import { z } from 'zod';
import { parseDuration } from '../base/units.ts';

/** `8h` → milliseconds. */
export const duration = z.string().transform(readDuration);

export const durationOrZero = z.union([z.literal(['0', '0s']).transform(() => 0), duration]);

/** A duration, or `off`: 0. */
export const durationOrOff = z
  .string()
  .transform((text, context) => (text === 'off' || text === '0' ? 0 : readDuration(text, context)));

function readDuration(text: string, context: z.RefinementCtx): number {
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: 'custom', message: parsed.error });
  return z.NEVER;
}
