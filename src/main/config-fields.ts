import { z } from 'zod';
import { parseDuration } from '../base/units.ts';

/** `8h` → milliseconds. */
export const duration = z.string().transform((text, context) => {
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: 'custom', message: parsed.error });
  return z.NEVER;
});

export const durationOrZero = z.union([z.literal(['0', '0s']).transform(() => 0), duration]);
