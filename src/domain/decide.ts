/**
 * World and command in, decision out. `decide` leaves the world as it was; `execute` leaves the decision
 * applied and hands out its undo. Both are the same code: the server, the dry-run, the forecast and the
 * benchmarks ask it alike.
 */
import { unreachable } from '../base/assert.ts';
import type { Command } from './command.ts';
import type { Decision } from './decision.ts';
import { Draft } from './draft.ts';
import type { Handled } from './commands/handled.ts';
import type { Change } from './model/entities.ts';
import type { World } from './world.ts';
import {
  clearFinding,
  freeze,
  mode,
  raiseFinding,
  seeProject,
  setClockDoubt,
  setProject,
  takeOver,
  thaw,
  createToken,
  revokeToken,
} from './commands/admin.ts';
import { removeRecords } from './commands/retention.ts';
import { createLeases } from './commands/create.ts';
import { drainHost, undrainHost } from './commands/drain.ts';
import { extendLease } from './commands/extend.ts';
import { closeIntent, openIntent } from './commands/intents.ts';
import { observeInventory } from './commands/inventory.ts';
import { adoptLease, releaseLease, shelveLease, unshelveLease } from './commands/owner.ts';
import {
  leaseCalledHome,
  leaseGone,
  leaseLocated,
  leaseLost,
  leaseProgress,
  leaseReachability,
  leaseReady,
  leaseSetupTold,
  leaseRefs,
  leaseShelved,
  leaseStartFailed,
  leaseUnshelvable,
} from './commands/provider.ts';
import { keepLease, setTicket } from './commands/shelf.ts';
import { tick } from './commands/tick.ts';

export interface Executed {
  readonly decision: Decision;
  /** Takes the decision back; empty after a refusal. */
  readonly undo: readonly Change[];
}

/** `actor`: who gives the command, as it stands in the audit log. */
export function execute(world: World, command: Command, nowMs: number, actor: string): Executed {
  const draft = new Draft(world, nowMs, actor);
  let handled: Handled;
  try {
    handled = handle(draft, command);
  } catch (error) {
    // A bug: whoever asked gets it, and the world is as it was.
    draft.rollbackTo({ changes: 0, events: 0 });
    throw error;
  }
  if (handled.kind === 'refused') {
    draft.rollbackTo({ changes: 0, events: 0 });
    return { decision: handled, undo: [] };
  }
  const { changes, events, ruledOut } = draft;
  return {
    decision: { kind: 'decided', changes, events, reply: handled.reply, ruledOut },
    undo: draft.undo(),
  };
}

export function decide(world: World, command: Command, nowMs: number, actor: string): Decision {
  const { decision, undo } = execute(world, command, nowMs, actor);
  world.apply(undo);
  return decision;
}

function handle(draft: Draft, command: Command): Handled {
  switch (command.type) {
    case 'lease.create':
      return createLeases(draft, command);
    case 'lease.extend':
      return extendLease(draft, command);
    case 'lease.release':
      return releaseLease(draft, command.leaseId);
    case 'lease.shelve':
      return shelveLease(draft, command.leaseId);
    case 'lease.unshelve':
      return unshelveLease(draft, command);
    case 'lease.keep':
      return keepLease(draft, command);
    case 'lease.ticket':
      return setTicket(draft, command);
    case 'lease.adopt':
      return adoptLease(draft, command);
    case 'host.drain':
      return drainHost(draft, command);
    case 'host.undrain':
      return undrainHost(draft, command.hostId);
    case 'service.freeze':
      return freeze(draft, command.reason);
    case 'service.thaw':
      return thaw(draft);
    case 'service.takeOver':
      return takeOver(draft, command.deploymentId);
    case 'project.set':
      return setProject(draft, command);
    case 'token.create':
      return createToken(draft, command.token);
    case 'token.revoke':
      return revokeToken(draft, command.tokenId);
    case 'tick':
      return tick(draft);
    case 'inventory.observed':
      return observeInventory(draft, command);
    case 'intent.open':
      return openIntent(draft, command);
    case 'intent.done':
      return closeIntent(draft, command);
    case 'lease.refs':
      return leaseRefs(draft, command.leaseId, command.refs);
    case 'lease.progress':
      return leaseProgress(draft, command);
    case 'lease.calledHome':
      return leaseCalledHome(draft, command.leaseId);
    case 'lease.setupTold':
      return leaseSetupTold(draft, command);
    case 'lease.ready':
      return leaseReady(draft, command);
    case 'lease.startFailed':
      return leaseStartFailed(draft, command.leaseId, command.failure);
    case 'lease.shelved':
      return leaseShelved(draft, command.leaseId);
    case 'lease.unshelvable':
      return leaseUnshelvable(draft, command.leaseId, command.cause);
    case 'lease.gone':
      return leaseGone(draft, command.leaseId);
    case 'lease.lost':
      return leaseLost(draft, command);
    case 'lease.located':
      return leaseLocated(draft, command);
    case 'lease.reachability':
      return leaseReachability(draft, command);
    case 'project.seen':
      return seeProject(draft, command.projectId, command.name);
    case 'finding.raise':
      return raiseFinding(draft, command.finding);
    case 'finding.clear':
      return clearFinding(draft, command.code, command.subject);
    case 'clock.doubt':
      return setClockDoubt(draft, command.divergenceMs);
    case 'clock.trust':
      return setClockDoubt(draft, null);
    case 'records.remove':
      return removeRecords(draft, command);
    case 'service.mode':
      return mode(draft, command.mode);
    default:
      return unreachable(command);
  }
}
