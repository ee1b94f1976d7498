/** Refusals that several commands share. */
import { formatTime } from '../../base/units.ts';
import { refuse } from '../decision.ts';
import type { Lease, LeaseStateKind } from '../model/lease.ts';

export function noSuchLease(id: string): ReturnType<typeof refuse> {
  return refuse(
    'not_found',
    `There is no lease ${id}.`,
    'See `berth lease list`; ended leases are listed with --ended.',
  );
}

export function wrongState(
  lease: Lease,
  done: string,
  needed: readonly LeaseStateKind[],
): ReturnType<typeof refuse> {
  return refuse(
    'invalid_state',
    `Lease ${lease.id} is ${lease.state.kind}; only one that is ${needed.join(' or ')} can be ${done}.`,
    `See \`berth lease show ${lease.id}\` for what it is doing.`,
    null,
    { state: lease.state.kind, needed },
  );
}

export function timeInPast(
  field: string,
  timeMs: number,
  nowMs: number,
  fix: string,
): ReturnType<typeof refuse> {
  const message = `'${field}' is ${formatTime(timeMs)}, which is not after now (${formatTime(nowMs)}).`;
  return refuse('time_in_past', message, fix, field);
}
