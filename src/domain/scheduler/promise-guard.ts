/** The one rule about overtaking: who was promised a start keeps it. Asked by the pass and by `explain` alike. */
import type { Claim } from '../model/claim.ts';
import type { Lease } from '../model/lease.ts';
import type { World } from '../world.ts';
import { fitsWindow } from './calendar.ts';
import type { HostRow } from './host-row.ts';
import { windowFor } from './place.ts';

/**
 * Whether `claim` on `row` leaves the start that was promised to `head` intact. Hosts other than the promised one
 * always do; so does a claim that is over by then, or beside which the head still fits.
 */
export function leavesPromise(world: World, head: Lease, row: HostRow, claim: Claim, nowMs: number): boolean {
  if (head.state.kind !== 'queued' || head.state.promise === null) return true;
  const { hostId, startMs } = head.state.promise;
  if (row.host.id !== hostId || claim.untilMs <= startMs) return true;
  const window = windowFor(head.request.durationMs, Math.max(startMs, nowMs + 1), world.settings);
  return fitsWindow(row, head.request.demand, window, nowMs, [claim]);
}
