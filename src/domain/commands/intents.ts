/** The record before and after each outside call. */
import type { SystemCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import { DONE, type Handled } from './handled.ts';
import { noSuchLease } from './refusals.ts';
import { recordRefs } from './refs.ts';

/** Refused when the lease has moved on since the step was planned, or another call is under way. */
export function openIntent(
  draft: Draft,
  command: Extract<SystemCommand, { readonly type: 'intent.open' }>,
): Handled {
  const { world } = draft;
  const { intent } = command;
  const lease = world.leases.get(intent.leaseId);
  if (lease === undefined) return noSuchLease(intent.leaseId);
  if (lease.generation !== command.generation) return stale(`the lease is at generation ${lease.generation}`);
  if (world.openIntents.has(intent.leaseId)) return stale('another call for this lease is under way');
  draft.put({ entity: 'intent', id: intent.id, after: intent });
  return DONE;
}

/**
 * Records what the call made, or why it failed; also after the lease has changed meanwhile: facts are never
 * stale.
 */
export function closeIntent(
  draft: Draft,
  command: Extract<SystemCommand, { readonly type: 'intent.done' }>,
): Handled {
  const { world, nowMs } = draft;
  if (!world.intents.has(command.intentId)) return stale('the intent is closed already');
  draft.put({ entity: 'intent', id: command.intentId, after: null });
  if (command.refs !== null) recordRefs(draft, command.leaseId, command.refs, null);
  const { failure } = command;
  if (failure !== null) {
    const setback = { atMs: nowMs, code: failure.code, message: failure.message, hostId: null };
    draft.lease(command.leaseId, { type: 'setback', setback }, 'lease.call_failed', failure.message, {
      code: failure.code,
    });
  }
  return DONE;
}

function stale(why: string): Handled {
  return refuse('stale', `The plan is stale: ${why}.`, 'Look again and plan anew.');
}
