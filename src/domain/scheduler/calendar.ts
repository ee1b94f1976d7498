/**
 * One host over time: does a window fit? Exact, and cheap because a host has few claims; who calls it has
 * chosen the host by an index first.
 */
import type { Claim } from '../model/claim.ts';
import { fits, type Need } from './free.ts';
import { freeWith, hasCalendar, isOpen, type HostClaim, type HostRow } from './host-row.ts';

/** Half-open: [fromMs, untilMs). */
export interface Window {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** True when the drain of the host touches the window. */
export function drainTouches(row: HostRow, window: Window): boolean {
  const { drain } = row.host;
  if (drain === null) return false;
  return drain.fromMs < window.untilMs && (drain.untilMs === null || drain.untilMs > window.fromMs);
}

/**
 * Whether `need` fits on the host during the whole window. Held claims count until their expected release
 * for a window in the future, and at the present as long as they are held, late or not.
 */
export function fitsWindow(
  row: HostRow,
  need: Need,
  window: Window,
  nowMs: number,
  extra: readonly Claim[] = [],
): boolean {
  if (!isOpen(row.host) || drainTouches(row, window)) return false;
  if (!hasCalendar(row) && extra.length === 0 && window.fromMs <= nowMs) return fits(row.free, need);
  if (row.host.claimKind === 'unit') {
    // The very cards are kept for the whole time, so a card counts only if nobody has it at any moment of it.
    const others = extra.filter((claim) => claim.fromMs < window.untilMs && claim.untilMs > window.fromMs);
    return fits(freeWith(row, presentDuring(window, nowMs), others), need);
  }
  if (!fitsAt(row, need, window.fromMs, nowMs, extra)) return false;
  const begins = (claim: Claim): boolean => claim.fromMs > window.fromMs && claim.fromMs < window.untilMs;
  for (const { claim } of row.claims.values()) {
    if (begins(claim) && !fitsAt(row, need, claim.fromMs, nowMs, extra)) return false;
  }
  for (const claim of extra)
    if (begins(claim) && !fitsAt(row, need, claim.fromMs, nowMs, extra)) return false;
  return true;
}

/** The claims that lie on the host at `atMs`, as far as is known at `nowMs`. */
export function presentAt(atMs: number, nowMs: number): (entry: HostClaim) => boolean {
  if (atMs <= nowMs) return (entry) => entry.held || entry.claim.fromMs <= nowMs;
  return (entry) => entry.claim.fromMs <= atMs && Math.max(entry.claim.untilMs, nowMs) > atMs;
}

/** The claims that lie on the host at any moment of the window. */
export function presentDuring(window: Window, nowMs: number): (entry: HostClaim) => boolean {
  const atStart = presentAt(window.fromMs, nowMs);
  return (entry) =>
    atStart(entry) || (entry.claim.fromMs > window.fromMs && entry.claim.fromMs < window.untilMs);
}

function fitsAt(row: HostRow, need: Need, atMs: number, nowMs: number, extra: readonly Claim[]): boolean {
  const overlapping = extra.filter((claim) => claim.fromMs <= atMs && claim.untilMs > atMs);
  return fits(freeWith(row, presentAt(atMs, nowMs), overlapping), need);
}
