/** What has been kept for as long as the operator wants goes, and that is put on record. */
import type { SystemCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import { DONE, type Handled } from './handled.ts';

/**
 * A lease that has ended is gone outside, so nobody needs its intents any more: should something of it turn
 * up after all, it has none on record, and is reported instead of deleted.
 */
export function removeRecords(
  draft: Draft,
  { leaseIds, eventFloor }: Extract<SystemCommand, { readonly type: 'records.remove' }>,
): Handled {
  const { world } = draft;
  const live = leaseIds.find((id) => world.leases.has(id));
  if (live !== undefined) return refuse('invalid_state', `Lease ${live} has not ended.`, 'Look again.');
  const knownSeq = world.control.eventFloor?.seq ?? 0;
  const floor = eventFloor !== null && eventFloor.seq > knownSeq ? eventFloor : null;
  if (leaseIds.length === 0 && floor === null) return DONE;
  for (const id of leaseIds) draft.put({ entity: 'lease', id, after: null });
  if (floor !== null) {
    draft.put({ entity: 'control', id: 'control', after: { ...world.control, eventFloor: floor } });
  }
  draft.tell('service.records_removed', 'control', 'control', 'they were kept for as long as configured', {
    leases: leaseIds.length,
    events: floor === null ? 0 : floor.seq - knownSeq,
    ...(floor !== null && { events_through: floor.seq }),
  });
  return DONE;
}
