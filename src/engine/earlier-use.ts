import type { EarlierUse } from '../domain/accounts.ts';
import { Months } from '../domain/months.ts';
import type { Store } from './ports.ts';

/** Users of all projects who used something in one month: more than any cloud has. */
const USERS_MAX = 1_000_000;

/**
 * What was given back in this month and the one before, for limits by the month. The one before is for a
 * clock that is found to be fast, and put back over the beginning of a month.
 */
export async function readEarlierUse(
  store: Pick<Store, 'sumUsage'>,
  timeZone: string,
  nowMs: number,
): Promise<readonly EarlierUse[]> {
  const months = new Months(timeZone);
  const uses: EarlierUse[] = [];
  for (const month of [months.at(nowMs) - 1, months.at(nowMs)]) {
    const atMs = months.startMs(month);
    const sums = await store.sumUsage({
      fromMs: atMs,
      untilMs: months.startMs(month + 1),
      projectId: null,
      ownerId: null,
      by: ['project', 'user'],
      withRunning: false,
      limit: USERS_MAX,
    });
    for (const { projectId, ownerId, deviceMs } of sums)
      if (projectId !== null && ownerId !== null) uses.push({ projectId, ownerId, atMs, deviceMs });
  }
  return uses;
}
