import { formatDuration, MINUTE_MS } from '../../base/units.ts';
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

/** The server itself doubts a clock from here on. */
const WARNING_MS = MINUTE_MS;
/** Leases of minutes would end at the wrong time. */
const ERROR_MS = 5 * MINUTE_MS;

/** Whether the clocks here and at Keystone agree. */
export function checkClock(facts: Facts): readonly Finding[] {
  if (facts.clock === null) return [];
  const { aheadMs, uncertaintyMs } = facts.clock;
  const leastMs = Math.abs(aheadMs) - uncertaintyMs;
  if (leastMs <= WARNING_MS) return [];
  const by = formatDuration(Math.abs(aheadMs));
  const message = `Keystone's clock is ${by} ${aheadMs > 0 ? 'ahead of' : 'behind'} the one here.`;
  const fix = 'chronyc tracking on both machines, and chronyc makestep on the one that is wrong';
  return [finding('clock_differs', 'clock', message, fix, leastMs > ERROR_MS ? 'error' : 'warning')];
}
