/** What readers may ask of any store, and how much at once. */
import type { Store } from '../engine/ports.ts';

export type EndedQuery = Parameters<Store['readEndedLeases']>[0];

/** More than any page that the doors ask for; a reader that wants more comes again. */
const ROWS_MAX = 1000;

export function boundedLimit(limit: number): number {
  return Math.max(0, Math.min(ROWS_MAX, Math.trunc(limit)));
}
