/** What a provider shows: hosts and flavors come, change and go. */
import { deepEqual } from '../../base/json.ts';
import type { ObservedHost, SystemCommand } from '../command.ts';
import type { Draft } from '../draft.ts';
import type { Host } from '../model/host.ts';
import { schedule } from '../scheduler/pass.ts';
import { DONE, type Handled } from './handled.ts';

export function observeInventory(
  draft: Draft,
  command: Extract<SystemCommand, { readonly type: 'inventory.observed' }>,
): Handled {
  const { world, nowMs } = draft;
  const seenFlavors = new Set<string>();
  for (const flavor of command.flavors) {
    seenFlavors.add(flavor.id);
    const known = world.flavors.get(flavor.id);
    if (known !== undefined && deepEqual(known, flavor)) continue;
    draft.put({ entity: 'flavor', id: flavor.id, after: flavor });
    draft.tell(known === undefined ? 'flavor.appeared' : 'flavor.changed', 'flavor', flavor.id, null, {
      name: flavor.name,
    });
  }
  for (const flavor of world.flavors.values()) {
    if (flavor.providerId !== command.providerId || seenFlavors.has(flavor.id)) continue;
    draft.put({ entity: 'flavor', id: flavor.id, after: null });
    draft.tell('flavor.vanished', 'flavor', flavor.id, null, { name: flavor.name });
  }
  const seenHosts = new Set<string>();
  for (const observed of command.hosts) {
    seenHosts.add(observed.id);
    observeHost(draft, observed);
  }
  for (const row of world.pools.get(command.providerId)?.rows.slice() ?? []) {
    if (row === null || seenHosts.has(row.host.id)) continue;
    if (row.claims.size === 0) {
      draft.put({ entity: 'host', id: row.host.id, after: null });
      draft.tell('host.vanished', 'host', row.host.id, null, { name: row.host.name });
    } else if (row.host.status.kind !== 'missing') {
      // Leases lie on it: it stays in the books, closed, until they are gone.
      draft.put({
        entity: 'host',
        id: row.host.id,
        after: { ...row.host, status: { kind: 'missing', sinceMs: nowMs } },
      });
      draft.tell('host.missing', 'host', row.host.id, 'its provider lists it no longer', {
        leases: row.claims.size,
      });
    }
  }
  if (draft.changes.length > 0) schedule(draft);
  return DONE;
}

function observeHost(draft: Draft, observed: ObservedHost): void {
  const known = draft.world.hosts.get(observed.id)?.host;
  // The time since which it is down is when it was first seen so.
  const status =
    known?.status.kind === 'down' && observed.status.kind === 'down' ? known.status : observed.status;
  const after: Host = { ...observed, status, drain: known?.drain ?? null };
  if (known !== undefined && deepEqual(known, after)) return;
  draft.put({ entity: 'host', id: after.id, after });
  if (known === undefined) {
    draft.tell('host.appeared', 'host', after.id, null, { name: after.name });
  } else if (known.status.kind !== after.status.kind) {
    const reason = 'reason' in after.status ? after.status.reason : null;
    draft.tell(`host.${after.status.kind}`, 'host', after.id, reason, { name: after.name });
  } else {
    draft.tell('host.changed', 'host', after.id, null, { name: after.name });
  }
}
