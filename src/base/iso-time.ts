import { err, ok, type Result } from './result.ts';

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Parses an ISO 8601 time with its zone (`2026-11-21T14:32:00Z`, `2026-11-21T15:32+01:00`). Returns
 * milliseconds since the Unix epoch, or a sentence that says what is expected. A time without a zone is
 * refused: client and server would read it differently.
 */
export function parseTime(text: string): Result<number, string> {
  const shown = text.slice(0, 40);
  if (!ISO_TIME.test(text)) {
    return err(`'${shown}' is not a time: expected ISO 8601 with a zone, such as 2026-11-21T14:32:00Z`);
  }
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? err(`'${shown}' is no date that exists`) : ok(timeMs);
}
