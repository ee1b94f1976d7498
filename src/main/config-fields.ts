import { z } from 'zod';
import { parseDuration } from '../base/units.ts';

/** `8h` → milliseconds. */
export const duration = z.string().transform((text, context) => {
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: 'custom', message: parsed.error });
  return z.NEVER;
});
