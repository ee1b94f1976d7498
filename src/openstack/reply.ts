import { z } from 'zod';
import { ProviderError } from '../engine/ports.ts';

/** For calls whose reply has nothing that we need. */
export const nothing = z.unknown().transform(() => undefined);

/** null instead of "not found"; every other failure stays one. */
export async function orNull<T>(reply: Promise<T>): Promise<T | null> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'not_found') return null;
    throw error;
  }
}

/**
 * Time as OpenStack writes it, to ms; null where it is missing or no time. Some fields lack their zone
 * (Nova's `launched_at`): all are UTC.
 */
export function timeMs(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null;
  const parsed = Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(parsed) ? null : parsed;
}
