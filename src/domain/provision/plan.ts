/**
 * Decides the next outside step of one lease: goal and sighting in, one step (or the verdict) out.
 * Level-triggered: nothing is remembered between calls but the lease itself, so a crash between any two steps
 * costs nothing. It must not count attempts, pick hosts, or look at other leases; time-outs of whole starts
 * are the lease's.
 *
 * Two rules make "exactly one server per lease" hold: the server is created only with a port that was seen
 * before, and never while a call without a reply may still take effect.
 */
import { unreachable } from '../../base/assert.ts';
import { MINUTE_MS } from '../../base/units.ts';
import type { StepFailure } from '../command.ts';
import type { Intent, Lease, StartProgress } from '../model/lease.ts';
import { buildFailure } from './fault.ts';
import { exists, isBeingDeleted, keeperOf, losersOf } from './keeper.ts';
import type { Goal, ServerSeen, Sighting, Step, StepKind } from './sighting.ts';

/**
 * Nova offloads a shelved server by itself, at once by default; where the cloud's `shelved_offload_time` is
 * longer or off, the device would stay held. After so long we ask for it.
 */
export const SHELVE_OFFLOAD_AFTER_MS = MINUTE_MS;

/**
 * A server that goes to ERROR again is not helped by one more. What keeps it there is told, and it holds its
 * card as long as the cloud shows it on a host.
 */
const RESETS_MAX = 2;

/** Nova's words (26.2.2, nova/conductor/manager.py) for a shelf that was emptied. */
const IMAGE_LOST_FAULT = /image .*(cannot|could not) be found/i;

export interface PlanInput {
  readonly providerKind: 'declared' | 'openstack';
  readonly goal: Goal;
  readonly lease: Lease;
  readonly sighting: Sighting;
  readonly nowMs: number;
  readonly wantsFloatingIp: boolean;
  /** A recorded call whose answer nobody has; null: every call was answered. */
  readonly openIntent: Pick<Intent, 'step' | 'openedAtMs' | 'timeoutMs'> | null;
  /** When the present start's unshelve was answered; null: not yet (then the lease's progress tells). */
  readonly unshelveSentAtMs: number | null;
  /** Nova lets us act on servers that we locked (`os_compute_api:os-lock-server:unlock:unlock_override`). */
  readonly overridesLocks: boolean;
  /** Shelving has failed so often that somebody has to look. */
  readonly shelveIsFailing: boolean;
  /** How often the server was taken out of ERROR in this state, to be shelved. */
  readonly resets: number;
}

export type Plan =
  /** Make this one call, after recording its intent. */
  | { readonly kind: 'step'; readonly step: Step; readonly why: string }
  /** Look again later. `progress` is what a starting lease shows meanwhile; null: no news. */
  | { readonly kind: 'wait'; readonly progress: StartProgress | null; readonly why: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly failure: StepFailure }
  /** The server of a lease that was handed out is gone, by another hand. */
  | { readonly kind: 'lost'; readonly cause: string }
  /** Somebody else shelved the server of an active lease: its device is free, its disk is kept. */
  | { readonly kind: 'shelvedOutside'; readonly cause: string };

/** Pure; never throws for anything that a cloud can show. */
export function plan(input: PlanInput): Plan {
  if (input.providerKind === 'declared') return planDeclared(input.goal);
  const next = planServer(input);
  return mayStillTakeEffect(input, next)
    ? wait(null, `the answer to ${input.openIntent?.step} is still out`)
    : next;
}

/** Declared hosts are there already: nothing is built, and nothing of a lease can be kept. */
function planDeclared(goal: Goal): Plan {
  switch (goal) {
    case 'running':
    case 'gone':
      return { kind: 'done' };
    case 'shelved':
      return failed('unsupported', 'this host cannot keep a disk: its leases can only be released', 'final');
    default:
      return unreachable(goal);
  }
}

function planServer(input: PlanInput): Plan {
  switch (input.goal) {
    case 'running':
      return input.lease.state.kind === 'active' ? watchActive(input.sighting) : planRunning(input);
    case 'shelved':
      return planShelved(input);
    case 'gone':
      return planGone(input);
    default:
      return unreachable(input.goal);
  }
}

// ---------------------------------------------------------------- goal: running

function planRunning(input: PlanInput): Plan {
  const { sighting, lease } = input;
  const settle = settleDuplicates(sighting);
  if (settle !== null) return settle;
  const keeper = keeperOf(sighting);
  const comeback = isComeback(lease);
  if (keeper === null) {
    if (comeback) return lost('the shelved server no longer exists');
    return planFreshServer(input);
  }
  if (isBeingDeleted(keeper)) return wait(null, 'the server is being deleted');
  switch (keeper.status) {
    case 'BUILD':
      return wait('building', 'Nova is building the server');
    case 'ACTIVE':
      if (keeper.taskState?.startsWith('shelving') === true)
        return wait(null, 'somebody else is shelving it');
      return planAddress(input, keeper, comeback);
    case 'SHELVED':
    case 'SHELVED_OFFLOADED':
      return comeback ? planUnshelve(input, keeper) : changed(keeper);
    case 'SHUTOFF':
      return comeback
        ? wait(null, 'the server was stopped by somebody else: it can be started by hand')
        : changed(keeper);
    case 'ERROR':
      return comeback ? unshelveFailed(keeper) : { kind: 'failed', failure: buildFailure(keeper.fault) };
    case 'DELETED':
    case 'OTHER':
      return wait(null, 'the server is in a state that only somebody else can end');
    default:
      return unreachable(keeper.status);
  }
}

/** No server yet: the port first, recorded, then the server that is plugged into it. */
function planFreshServer({ sighting, lease }: PlanInput): Plan {
  if (lease.refs.serverId !== null) {
    return failed('server_vanished', 'the server disappeared while it was starting', 'other_host');
  }
  if (sighting.port === null) return step({ kind: 'createPort' }, 'a port comes before its server');
  if (sighting.port.serverId !== null) {
    return wait(
      'network',
      `the port is plugged into server ${sighting.port.serverId}, which does not show yet`,
    );
  }
  return step({ kind: 'createServer' }, 'the port is there and has no server');
}

function planAddress(
  { sighting, wantsFloatingIp, lease }: PlanInput,
  server: ServerSeen,
  comeback: boolean,
): Plan {
  if (comeback && lease.refs.portId !== null && sighting.port?.serverId !== server.id) {
    const why = 'its network port was deleted or given away while it was on the shelf: nobody can reach it';
    return failed('port_lost', why, 'final');
  }
  // Of two creations with one port, Nova gives it to the later one and loses it with that (26.2.2).
  if (!comeback && sighting.port !== null && sighting.port.serverId !== server.id) {
    return failed('port_lost', 'the server runs without its network port', 'other_host');
  }
  if (!wantsFloatingIp) return { kind: 'done' };
  const { port, floatingIp } = sighting;
  if (port === null) {
    // Adopted without its port, it has none of ours to lose.
    if (comeback) return { kind: 'done' };
    return failed('port_vanished', 'the port was deleted while the server was starting', 'other_host');
  }
  if (floatingIp === null)
    return step({ kind: 'createFloatingIp' }, 'the server is active and has no floating IP');
  if (floatingIp.portId !== port.id) {
    // The address is what its borrower knows: whoever has taken it off the port, it goes back there.
    if (comeback && floatingIp.portId === null) {
      const again = { kind: 'associateFloatingIp', id: floatingIp.id, portId: port.id } as const;
      return step(again, 'it comes back with the address that it had');
    }
    return step({ kind: 'deleteFloatingIp', id: floatingIp.id }, 'the floating IP leads nowhere');
  }
  return { kind: 'done' };
}

function planUnshelve({ lease, unshelveSentAtMs }: PlanInput, server: ServerSeen): Plan {
  if (server.taskState !== null) return wait('building', `Nova is at ${server.taskState}`);
  const sent = unshelveSentAtMs !== null || hasProgressed(lease);
  if (!sent && server.locked) return step({ kind: 'unlock', id: server.id }, 'its turn has come');
  if (!sent) return step({ kind: 'unshelve', id: server.id }, 'the disk is kept and a host is claimed');
  // Nova answers 202 and sets task_state before the reply; without a host it silently goes back to null.
  return failed('unshelve_refused', 'the cloud found no host to bring the server back to', 'other_host');
}

/** A lease that was handed out: its server is the borrower's, so nothing is built, started or repaired. */
function watchActive(sighting: Sighting): Plan {
  const settle = settleDuplicates(sighting);
  if (settle !== null) return settle;
  const keeper = keeperOf(sighting);
  if (keeper === null) return lost('the server was deleted by somebody else');
  switch (keeper.status) {
    case 'ACTIVE':
    case 'SHUTOFF':
      return { kind: 'done' };
    case 'SHELVED_OFFLOADED':
      if (keeper.taskState !== null) return wait(null, `Nova is at ${keeper.taskState}`);
      return { kind: 'shelvedOutside', cause: 'the server was shelved by somebody else' };
    case 'ERROR':
      return wait(null, `the server is in ERROR: ${keeper.fault ?? 'Nova gives no reason'}`);
    case 'BUILD':
    case 'SHELVED':
    case 'DELETED':
    case 'OTHER':
      return wait(null, `the server is ${keeper.status}, by another hand`);
    default:
      return unreachable(keeper.status);
  }
}

// ---------------------------------------------------------------- goal: shelved

function planShelved(input: PlanInput): Plan {
  const { sighting, lease, nowMs } = input;
  const settle = settleDuplicates(sighting);
  if (settle !== null) return settle;
  const keeper = keeperOf(sighting);
  if (keeper === null) return lost('the server was deleted by somebody else');
  if (input.shelveIsFailing && input.overridesLocks && !keeper.locked) {
    return step(lockOf(lease, keeper), 'it cannot be shelved, and its time is over');
  }
  if (keeper.status === 'ERROR') return planFailedServer(input, keeper);
  if (keeper.taskState !== null) return wait(null, `Nova is at ${keeper.taskState}`);
  switch (keeper.status) {
    case 'SHELVED_OFFLOADED':
      if (keeper.locked) return { kind: 'done' };
      return step(lockOf(lease, keeper), 'it comes back through the queue, not past it');
    case 'SHELVED':
      if (lease.state.kind === 'shelving' && nowMs - lease.state.sinceMs < SHELVE_OFFLOAD_AFTER_MS) {
        return wait(null, 'shelved, but its host still holds the device');
      }
      return step({ kind: 'shelveOffload', id: keeper.id }, 'shelved for long and still on its host');
    case 'BUILD':
      return wait(null, 'Nova is still building the server');
    case 'ACTIVE':
    case 'SHUTOFF':
    case 'OTHER':
      return step({ kind: 'shelve', id: keeper.id }, 'the disk is to be kept and the device given back');
    case 'DELETED':
      return lost('the server was deleted by somebody else');
    default:
      return unreachable(keeper.status);
  }
}

/**
 * In ERROR nothing can be shelved. On no host, it holds nothing: it is as good as shelved, though it may
 * never come back. On a host it is taken out of ERROR first, where we may.
 */
function planFailedServer({ lease, overridesLocks, resets }: PlanInput, server: ServerSeen): Plan {
  if (overridesLocks && server.hostId === null && server.taskState === null) {
    if (server.locked) return { kind: 'done' };
    return step(lockOf(lease, server), 'it is in ERROR, but on no host');
  }
  if (overridesLocks && resets < RESETS_MAX)
    return step({ kind: 'resetState', id: server.id }, 'a server in ERROR cannot be shelved');
  const why = `a server in ERROR cannot be shelved (${server.fault ?? 'Nova gives no reason'})`;
  return failed('server_error', why, 'final');
}

function lockOf(lease: Lease, { id }: ServerSeen): Step {
  return { kind: 'lock', id, reason: `its lease is over; 'berth lease unshelve ${lease.id}' brings it back` };
}

// ---------------------------------------------------------------- goal: gone

/** From the outside in: deleting a server first would leave a floating IP that nobody finds by its port. */
function planGone({ sighting, overridesLocks }: PlanInput): Plan {
  const { floatingIp, servers, port } = sighting;
  if (floatingIp !== null)
    return step({ kind: 'deleteFloatingIp', id: floatingIp.id }, 'it does not go with the server');
  const left = servers.filter(exists);
  const next = left.find((server) => !isBeingDeleted(server));
  if (next?.locked === true && !overridesLocks)
    return step({ kind: 'unlock', id: next.id }, 'Nova deletes nothing that is locked');
  if (next !== undefined)
    return step({ kind: 'deleteServer', id: next.id }, 'nothing of the lease is to be left');
  if (left.length > 0) return wait(null, 'Nova is deleting the server');
  if (port !== null) return step({ kind: 'deletePort', id: port.id }, 'its server is gone');
  return { kind: 'done' };
}

// ---------------------------------------------------------------- the parts

/** null: there is one server, or none. */
function settleDuplicates(sighting: Sighting): Plan | null {
  const losers = losersOf(sighting);
  switch (losers.kind) {
    case 'none':
      return null;
    case 'unclear':
      return wait(null, 'a server was requested twice: waiting until one of them is left');
    case 'remove':
      return step(
        { kind: 'deleteServer', id: losers.server.id },
        'a repeated request made it, and it has no port',
      );
    default:
      return unreachable(losers);
  }
}

function isComeback(lease: Lease): boolean {
  return (lease.state.kind === 'starting' || lease.state.kind === 'queued') && lease.state.comeback;
}

function hasProgressed(lease: Lease): boolean {
  return lease.state.kind === 'starting' && lease.state.progress !== 'waiting';
}

/**
 * A creation without a reply can take effect until its time-out has passed, whatever the goal is by then:
 * nobody repeats it, and nobody cleans up behind it, before that. A server is not handed out while the
 * deletion of one may still come. Of other steps only the repetition has to wait.
 */
function mayStillTakeEffect({ openIntent, nowMs, sighting }: PlanInput, next: Plan): boolean {
  if (openIntent === null || nowMs >= openIntent.openedAtMs + openIntent.timeoutMs) return false;
  switch (openIntent.step) {
    case 'createPort' satisfies StepKind:
      return sighting.port === null;
    case 'createServer' satisfies StepKind:
      return keeperOf(sighting) === null;
    case 'createFloatingIp' satisfies StepKind:
      return sighting.floatingIp === null;
    case 'deleteServer' satisfies StepKind:
      // Meant for another server, it may have been overtaken: the one that is left could be the one it hits.
      if (next.kind === 'done') return keeperOf(sighting) !== null;
      return repeats(next, openIntent.step);
    default:
      return repeats(next, openIntent.step);
  }
}

function repeats(next: Plan, made: string): boolean {
  return next.kind === 'step' && next.step.kind === made;
}

/** Back to the shelf, from where another host is tried; without its disk nothing will ever help. */
function unshelveFailed({ fault }: ServerSeen): Plan {
  if (fault !== null && IMAGE_LOST_FAULT.test(fault))
    return failed('shelve_image_lost', `the cloud has lost the image with its disk: ${fault}`, 'final');
  const why = `the server went to ERROR while it was brought back: ${fault ?? 'Nova gives no reason'}`;
  return failed('unshelve_failed', why, 'other_host');
}

function changed(server: ServerSeen): Plan {
  const why = `the server became ${server.status} by another hand while it was starting`;
  return failed('server_changed', why, 'other_host');
}

function step(next: Step, why: string): Plan {
  return { kind: 'step', step: next, why };
}

function wait(progress: StartProgress | null, why: string): Plan {
  return { kind: 'wait', progress, why };
}

function lost(cause: string): Plan {
  return { kind: 'lost', cause };
}

function failed(code: string, message: string, next: StepFailure['next']): Plan {
  return { kind: 'failed', failure: { code, message, next } };
}
