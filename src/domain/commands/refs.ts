import type { LeaseId } from '../../base/ids.ts';
import type { Draft } from '../draft.ts';
import type { ProviderRefs } from '../model/lease.ts';

/**
 * Records what exists outside for a lease. One that comes back from the shelf has its old address, or its
 * owner is told that it has not: in the events, and among what went wrong with the lease.
 */
export function recordRefs(
  draft: Draft,
  leaseId: LeaseId,
  refs: Partial<ProviderRefs>,
  type: string | null,
): boolean {
  const before = draft.world.leases.get(leaseId);
  const recorded = draft.lease(leaseId, { type: 'refs', refs }, type, null, { ...refs });
  const { address } = refs;
  if (!recorded || before?.state.kind !== 'starting' || !before.state.comeback) return recorded;
  const lost = before.refs.address;
  if (lost === null || address === undefined || address === null || address === lost) return true;
  const message = `its address ${lost} is lost: it comes back with ${address}`;
  const setback = { atMs: draft.nowMs, code: 'address_changed', message, hostId: null };
  draft.lease(leaseId, { type: 'setback', setback }, 'lease.address_changed', message, {
    from: lost,
    to: address,
  });
  return true;
}
