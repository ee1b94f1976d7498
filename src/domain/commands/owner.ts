/**
 * What an owner does with a lease: give it back, shelve it, fetch it from the shelf; and adoption by an
 * administrator.
 */
import { asId, type LeaseId } from '../../base/ids.ts';
import { formatDuration, formatTime } from '../../base/units.ts';
import type { UserCommand } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import type { Claim } from '../model/claim.ts';
import type { Flavor } from '../model/flavor.ts';
import type { Connection, Intent, Lease, LeaseState } from '../model/lease.ts';
import { holdingData } from '../model/usage.ts';
import { refuseTooLong, termsFor } from '../policy/rules.ts';
import { fits } from '../scheduler/free.ts';
import { pickDevices, type HostRow } from '../scheduler/host-row.ts';
import { schedule, scheduleNewcomer } from '../scheduler/pass.ts';
import { afterEndMs } from '../settings.ts';
import { demandOf } from './request.ts';
import { DONE, type Handled } from './handled.ts';
import { refuseComeback, refuseLength, refuseWaiting, refuseWish, tellExempt } from './limits.ts';
import { noSuchLease, wrongState } from './refusals.ts';

type AdoptCommand = Extract<UserCommand, { readonly type: 'lease.adopt' }>;

export function releaseLease(draft: Draft, leaseId: LeaseId): Handled {
  const lease = draft.world.leases.get(leaseId);
  if (lease === undefined) return noSuchLease(leaseId);
  // Giving back twice is no error: the first answer may have been lost.
  if (lease.state.kind === 'ending' && lease.state.then.kind === 'end') return DONE;
  draft.lease(leaseId, { type: 'release' }, 'lease.released', null);
  schedule(draft);
  return DONE;
}

export function shelveLease(draft: Draft, leaseId: LeaseId): Handled {
  const lease = draft.world.leases.get(leaseId);
  if (lease === undefined) return noSuchLease(leaseId);
  if (lease.state.kind === 'shelving' || lease.state.kind === 'shelved') return DONE;
  if (lease.state.kind !== 'active') return wrongState(lease, 'shelved', ['active']);
  if (lease.refs.serverId === null) {
    return refuse(
      'invalid_state',
      'This host keeps no disk, so there is nothing to shelve.',
      'Copy what you need and return the lease.',
      null,
      { lease: leaseId },
    );
  }
  draft.lease(leaseId, { type: 'shelve' }, 'lease.shelving', 'asked by its owner');
  return DONE;
}

export function unshelveLease(
  draft: Draft,
  command: Extract<UserCommand, { readonly type: 'lease.unshelve' }>,
): Handled {
  const { world } = draft;
  const lease = world.leases.get(command.leaseId);
  if (lease === undefined) return noSuchLease(command.leaseId);
  if (lease.state.kind === 'queued' && lease.state.comeback) return DONE;
  if (lease.state.kind !== 'shelved') return wrongState(lease, 'unshelved', ['shelved']);
  const durationMs = command.durationMs ?? lease.request.durationMs;
  const { projectId, request } = lease;
  const terms = termsFor(world, { projectId, role: command.role, demand: request.demand });
  const tooLong = refuseTooLong(durationMs, terms);
  if (tooLong !== null) return tooLong;
  const exempt = command.exempt ?? null;
  const over = refuseComeback(draft, lease, durationMs);
  if (over !== null && exempt === null) return over;
  const queueSeq = draft.nextQueueSeq();
  const { waitUntilMs } = command;
  draft.lease(
    lease.id,
    { type: 'unshelve', queueSeq, waitUntilMs, durationMs, exempt },
    'lease.unshelve_requested',
    null,
    {
      duration_s: durationMs / 1000,
    },
  );
  if (exempt !== null) tellExempt(draft, lease.id, exempt, over);
  scheduleNewcomer(draft, lease.id);
  const waits = world.leases.get(lease.id)?.state.kind === 'queued' && exempt === null;
  return (waits ? refuseWaiting(world, lease) : null) ?? DONE;
}

/**
 * Takes a machine that carries a Berth tag, or that somebody started outside, into the books: as an active
 * lease, or as a shelved one.
 */
export function adoptLease(draft: Draft, command: AdoptCommand): Handled {
  const { world, nowMs } = draft;
  const found = whatIsAdopted(draft, command);
  if (found.kind === 'refused') return found;
  const { flavor, place } = found;
  const demand = demandOf(flavor, null);
  const expiresAtMs = nowMs + command.durationMs;
  const untilMs = expiresAtMs + afterEndMs(world.settings);
  const { keepShelvedMs } = world.settings;
  const state: LeaseState =
    place === null
      ? {
          kind: 'shelved',
          sinceMs: nowMs,
          keepUntilMs: keepShelvedMs === null ? null : nowMs + keepShelvedMs,
          warnedMs: null,
        }
      : {
          kind: 'active',
          sinceMs: nowMs,
          claim: observedClaim(place.row, demand, nowMs, untilMs),
          expiresAtMs,
          connection: place.connection,
          warnedMs: null,
          renewedAtMs: null,
          graceUntilMs: null,
        };
  const lease: Lease = {
    id: command.leaseId,
    projectId: command.projectId,
    ownerId: command.ownerId,
    name: command.name,
    createdAtMs: nowMs,
    generation: 1,
    request: {
      flavorId: flavor.id,
      flavorName: flavor.name,
      demand,
      durationMs: command.durationMs,
      atEnd: command.atEnd,
      renew: command.atEnd !== 'delete',
      role: 'member',
      scratchGiB: flavor.scratchGiB,
      image: null,
      sshPublicKey: null,
      purpose: 'interactive',
      exempt: null,
    },
    reservationId: null,
    ticket: null,
    refs: command.refs,
    unreachableSinceMs: null,
    setbacks: [],
    usedDeviceMs: 0,
    claimedAtMs: place === null ? null : nowMs,
    state,
  };
  const passed = place === null ? null : limitsPassed(draft, command, demand, untilMs);
  draft.addLease(lease, 'lease.adopted', {
    ...(place !== null && { host: place.row.host.name, until: formatTime(expiresAtMs) }),
    length: formatDuration(command.durationMs),
    ...holdingData(lease),
  });
  putOnRecord(draft, lease.id);
  if (passed !== null) tellExempt(draft, lease.id, 'the adopted machine was running already', passed);
  return { kind: 'reply', reply: { kind: 'leases', leaseIds: [lease.id] } };
}

/** The limit that would have refused this; null: none. A fact is not refused, but what it passes is told. */
function limitsPassed(
  { world, nowMs }: Draft,
  command: AdoptCommand,
  demand: Lease['request']['demand'],
  untilMs: number,
): ReturnType<typeof refuse> | null {
  const { projectId, ownerId, durationMs } = command;
  const wish = { projectId, ownerId, devices: demand.devices, count: 1, fromMs: nowMs, untilMs };
  return refuseLength(world, command, durationMs) ?? refuseWish(world, wish, true);
}

/**
 * An adoption stands for the intent that the lost records had: without one on record, what carries the mark
 * of this lease and was not named (its port, its floating IP) could not be taken away at its end.
 */
function putOnRecord(draft: Draft, leaseId: LeaseId): void {
  const id = asId<'intent'>(`adopt:${leaseId}`);
  const intent: Intent = { id, leaseId, step: 'adopt', openedAtMs: draft.nowMs, timeoutMs: 0 };
  draft.put({ entity: 'intent', id, after: intent });
  draft.put({ entity: 'intent', id, after: null });
}

interface Adopted {
  readonly kind: 'found';
  readonly flavor: Flavor;
  /** null: on the shelf. */
  readonly place: { readonly row: HostRow; readonly connection: Connection } | null;
}

/** The flavor and the host of a machine that is to be adopted, or why it cannot be. */
function whatIsAdopted(draft: Draft, command: AdoptCommand): Adopted | ReturnType<typeof refuse> {
  const { world } = draft;
  const flavor = world.flavors.get(command.flavorId);
  if (flavor === undefined)
    return refuse(
      'flavor_unknown',
      `There is no flavor '${command.flavorId}'.`,
      'See `berth flavor list`.',
      'flavor_id',
    );
  const holder = [...world.leases.values()].find(
    (lease) => lease.id === command.leaseId || lease.refs.serverId === command.refs.serverId,
  );
  if (holder !== undefined)
    return refuse(
      'already_exists',
      `It belongs to lease ${holder.id} already.`,
      'Nothing to do.',
      'server_id',
      { lease: holder.id },
    );
  const { running } = command;
  if (running === null) return { kind: 'found', flavor, place: null };
  const { hostId, connection } = running;
  const row = world.hosts.get(hostId);
  if (row === undefined)
    return refuse('host_unknown', `There is no host '${hostId}'.`, 'See `berth host list`.', 'host_id');
  if (row.host.claimKind === 'unit' && !fits(row.free, flavor)) {
    return refuse(
      'no_capacity',
      `Host ${row.host.name} has no unused cards for flavor ${flavor.name}: they are not this machine's.`,
      'Check the flavor and the host, or end the lease that has the cards.',
      'host_id',
    );
  }
  return { kind: 'found', flavor, place: { row, connection } };
}

/** The claim of something that is there already: a fact, not a grant. */
function observedClaim(
  row: HostRow,
  demand: Lease['request']['demand'],
  fromMs: number,
  untilMs: number,
): Claim {
  const base = { hostId: row.host.id, resources: demand.resources, devices: demand.devices, fromMs, untilMs };
  if (row.host.claimKind === 'slot') return { kind: 'slot', ...base, provisional: false };
  const present = [...row.claims.values()].map((entry) => entry.claim);
  return { kind: 'unit', ...base, deviceIds: pickDevices(row, demand, present) };
}
