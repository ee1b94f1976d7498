/** From what a borrower writes to what the scheduler sees: flavor, demand, and the lease as it begins. */
import type { HostId } from '../../base/ids.ts';
import { nearest } from '../../base/nearest.ts';
import type { UserCommand, Wanted } from '../command.ts';
import { refuse } from '../decision.ts';
import type { Draft } from '../draft.ts';
import { flavorsMeant, type Flavor } from '../model/flavor.ts';
import { NO_REFS, type AtEnd, type Demand, type Lease, type LeaseState } from '../model/lease.ts';
import { refuseTooLong, termsFor, type Terms } from '../policy/rules.ts';
import { countsKey, countOf, totalDevices } from '../scheduler/free.ts';
import { longestLease } from '../scheduler/limits.ts';
import type { World } from '../world.ts';

export type CreateCommand = Extract<UserCommand, { readonly type: 'lease.create' }>;

/** A request in which the rules have filled in what was left out. */
export type SettledRequest = CreateCommand & {
  readonly durationMs: number;
  readonly atEnd: AtEnd;
  readonly renew: boolean;
};

/** A lease as it begins. */
export function newLease(
  draft: Draft,
  command: SettledRequest,
  id: Lease['id'],
  parts: { readonly flavor: Flavor; readonly demand: Demand; readonly state: LeaseState },
): Lease {
  return {
    id,
    projectId: command.projectId,
    ownerId: command.ownerId,
    name: nameOf(command, id),
    createdAtMs: draft.nowMs,
    generation: 1,
    request: {
      flavorId: parts.flavor.id,
      flavorName: parts.flavor.name,
      demand: parts.demand,
      durationMs: command.durationMs,
      atEnd: command.atEnd,
      renew: command.renew,
      role: command.role,
      scratchGiB: parts.flavor.scratchGiB,
      image: command.image,
      sshPublicKey: command.sshPublicKey,
      purpose: command.purpose,
      exempt: command.exempt,
      ...(command.setup !== undefined && { setup: command.setup }),
    },
    reservationId: command.window?.reservationId ?? null,
    ticket: command.ticket,
    refs: NO_REFS,
    unreachableSinceMs: null,
    setbacks: [],
    usedDeviceMs: 0,
    claimedAtMs: null,
    state: parts.state,
  };
}

/**
 * What was left out is as the rules for the caller say. A lease that is to be deleted ends when it should,
 * unless its borrower wants it otherwise: who keeps no disk has planned the end.
 */
export function settleRequest(
  world: World,
  command: CreateCommand,
  demand: Demand,
): { readonly kind: 'settled'; readonly request: SettledRequest } | ReturnType<typeof refuse> {
  const terms = termsFor(world, { ...command, demand });
  const durationMs = command.durationMs ?? defaultLength(world, command, terms);
  if (durationMs === null) {
    return refuse(
      'missing_field',
      'How long is missing, and no default length holds for this request.',
      'Say for how long, such as 8h.',
      'duration',
      { limit_s: terms.maxDurationMs / 1000 },
    );
  }
  const tooLong = refuseTooLong(durationMs, terms);
  if (tooLong !== null) return tooLong;
  const atEnd = command.atEnd ?? terms.atEnd;
  const renew = command.renew ?? atEnd !== 'delete';
  return { kind: 'settled', request: { ...command, durationMs, atEnd, renew } };
}

/** The default of the rules, but no longer than the limits of who asks allow. */
function defaultLength(world: World, command: CreateCommand, { defaultDurationMs }: Terms): number | null {
  const longest = command.exempt === null ? longestLease(world, command.projectId, command.ownerId) : null;
  if (defaultDurationMs === null || longest === null) return defaultDurationMs;
  return Math.min(defaultDurationMs, longest.durationMs);
}

/** Several leases of one request are told apart by a number. */
function nameOf({ name, leaseIds }: CreateCommand, id: Lease['id']): string {
  return leaseIds.length === 1 ? name : `${name}-${leaseIds.indexOf(id) + 1}`;
}

/** The demand of a flavor, on any host of its provider or on one. */
export function demandOf(flavor: Flavor, hostId: HostId | null): Demand {
  const { vcpus, memoryMiB, diskGiB } = flavor.resources;
  const key = `${vcpus}/${memoryMiB}/${diskGiB}|${countsKey(flavor.devices)}|${flavor.providerId}|${hostId ?? ''}`;
  return { providerId: flavor.providerId, resources: flavor.resources, devices: flavor.devices, hostId, key };
}

/**
 * The flavor that was named (by its id, its provider's id, or its name), or the smallest that has all that
 * is required.
 */
export function resolveWanted(
  world: World,
  wanted: Wanted,
): { readonly kind: 'flavor'; readonly flavor: Flavor } | ReturnType<typeof refuse> {
  if (wanted.kind === 'flavor') {
    const [flavor, ...others] = flavorsMeant(world.flavors, wanted.flavor);
    if (flavor !== undefined) {
      return others.length === 0
        ? { kind: 'flavor', flavor }
        : ambiguousFlavor(wanted.flavor, [flavor, ...others]);
    }
    if (world.flavors.size === 0) {
      return refuse(
        'flavor_unknown',
        'No flavor is known: no cloud or host has been seen yet.',
        'See `berth status`, and try again in a few seconds.',
        'flavor',
      );
    }
    const names = [...world.flavors.values()].map((known) => known.name);
    const like = nearest(wanted.flavor, names);
    const fix =
      like === null ? 'See `berth flavor list`.' : `Did you mean '${like}'? See \`berth flavor list\`.`;
    return refuse('flavor_unknown', `There is no flavor '${wanted.flavor}'.`, fix, 'flavor', {
      known: names.slice(0, 100),
    });
  }
  let best: Flavor | null = null;
  for (const flavor of world.flavors.values()) {
    if (flavor.disabled || flavor.misconfigured !== null || !hasAll(flavor, wanted)) continue;
    if (best === null || size(flavor) < size(best)) best = flavor;
  }
  if (best !== null) return { kind: 'flavor', flavor: best };
  return refuse(
    'flavor_unknown',
    `No flavor has ${wanted.count} × ${wanted.deviceClass} with ${wanted.vcpus} vCPUs, ${wanted.memoryMiB} MiB and ${wanted.diskGiB} GiB.`,
    'Ask for less, or see `berth flavor list`.',
    'requirements',
  );
}

/** A text that several providers have a flavor for: the ids tell them apart. */
export function ambiguousFlavor(text: string, meant: readonly Flavor[]): ReturnType<typeof refuse> {
  const ids = meant.map(({ id }) => id);
  return refuse(
    'invalid',
    `Several clouds have a flavor '${text}': ${meant.map(({ providerId }) => providerId).join(', ')}.`,
    `Give the id of the one that you mean: ${ids.join(' or ')}.`,
    'flavor',
    { known: ids },
  );
}

function hasAll(flavor: Flavor, wanted: Extract<Wanted, { readonly kind: 'requirements' }>): boolean {
  const { resources } = flavor;
  return (
    countOf(flavor.devices, wanted.deviceClass) >= wanted.count &&
    resources.vcpus >= wanted.vcpus &&
    resources.memoryMiB >= wanted.memoryMiB &&
    resources.diskGiB >= wanted.diskGiB
  );
}

/** Fewest cards first, then fewest vCPUs, then least memory. */
function size(flavor: Flavor): number {
  return totalDevices(flavor.devices) * 1e12 + flavor.resources.vcpus * 1e8 + flavor.resources.memoryMiB;
}
