/**
 * The one rule about overtaking: who was promised a start keeps it. Asked by the pass and by `explain`
 * alike.
 */
import type { Claim } from '../model/claim.ts';
import type { Lease } from '../model/lease.ts';
import type { World } from '../world.ts';
import { fitsWindow } from './calendar.ts';
import type { HostRow } from './host-row.ts';
import { claimOn, windowFor } from './place.ts';

/**
 * Whether the start that was promised to `head` is on this host: on all others any claim leaves it intact.
 */
export function isPromisedOn(head: Lease, row: HostRow): boolean {
  return head.state.kind === 'queued' && head.state.promise?.hostId === row.host.id;
}

/**
 * Whether `claim` on `row` leaves every start that was promised to `heads` intact. Hosts other than the
 * promised ones always do; so does a claim that is over by then, or beside which all the heads that were
 * promised this host still fit, together.
 */
export function leavesPromises(
  world: World,
  heads: readonly Lease[],
  row: HostRow,
  claim: Claim,
  nowMs: number,
): boolean {
  const beside: Claim[] = [claim];
  for (const head of heads) {
    if (head.state.kind !== 'queued' || head.state.promise === null) continue;
    const { hostId, startMs } = head.state.promise;
    if (row.host.id !== hostId || claim.untilMs <= startMs) continue;
    const { demand, durationMs } = head.request;
    const window = windowFor(durationMs, Math.max(startMs, nowMs + 1), world.settings);
    if (!fitsWindow(row, demand, window, nowMs, beside)) return false;
    beside.push(claimOn(row, demand, window, nowMs, beside));
  }
  return true;
}
