/**
 * People and operators, drawn from a seed: they borrow, extend, return, shelve, book, change their minds,
 * drain, freeze.
 */
import { asId } from '../../src/base/ids.ts';
import type { Prng } from '../../src/base/prng.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/base/units.ts';
import type { Actor } from '../../src/domain/actor.ts';
import type { UserCommand } from '../../src/domain/command.ts';
import type { Lease, LeaseStateKind, ReturnTicket } from '../../src/domain/model/lease.ts';
import { NO_LIMITS, NO_PROJECT_LIMITS } from '../../src/domain/model/limits.ts';
import type { LeaseRule } from '../../src/domain/policy/rules.ts';
import type { World } from '../../src/domain/world.ts';

const AT_ENDS = ['shelve', 'shelve', 'delete', 'shelve_or_delete'] as const;
/** One project has its own rule. */
export const COURSE_RULE: LeaseRule = {
  match: { project: 'course', gpuClass: null, role: null },
  defaultDurationMs: 5 * MINUTE_MS,
  maxDurationMs: 20 * MINUTE_MS,
  atEnd: null,
  renewMs: 0,
};
const PROJECTS = ['demo', 'lab2', 'course'] as const;
const FLAVORS = [
  'gpu_tiny',
  'gpu_tiny',
  'gpu_large',
  'gpu_2xlarge',
  'de.NBI GPU V100 medium',
  'de.NBI 2 GPU V100 large',
] as const;

export interface Act {
  readonly actor: Actor;
  readonly command: UserCommand;
}

/** How long a lease of the simulation may last. */
export function longestMs({ projectId }: Lease): number {
  return projectId === 'course' ? 20 * MINUTE_MS : HOUR_MS;
}

/** One thing that somebody does now; null: nobody finds anything to do. */
export function nextAct(world: World, prng: Prng, nowMs: number): Act | null {
  const roll = prng.below(100);
  if (roll < 29) return borrow(world, prng, nowMs);
  if (roll < 37) return book(prng, nowMs);
  if (roll < 44)
    return onLease(
      world,
      prng,
      ['active', 'active', 'queued', 'queued', 'starting', 'shelved', 'reserved', 'shelving', 'ending'],
      (lease) => ({ type: 'lease.release', leaseId: lease.id }),
    );
  if (roll < 49) return onLease(world, prng, ['active'], (lease) => extension(lease, prng, nowMs));
  if (roll < 59)
    return onLease(world, prng, ['active'], (lease) => ({ type: 'lease.shelve', leaseId: lease.id }));
  if (roll < 75) return onLease(world, prng, ['shelved'], (lease) => unshelve(lease, prng, nowMs));
  if (roll < 80)
    return onLease(world, prng, ['active', 'shelving', 'shelved'], (lease) => ({
      type: 'lease.ticket',
      leaseId: lease.id,
      ticket: prng.chance(0.2) ? null : ticket(prng, nowMs),
    }));
  if (roll < 82)
    return onLease(world, prng, ['shelved'], (lease) => ({
      type: 'lease.keep',
      leaseId: lease.id,
      durationMs: MINUTE_MS + prng.below(2 * MINUTE_MS),
    }));
  if (roll < 84)
    return onLease(world, prng, ['shelved'], (lease) => ({ type: 'lease.release', leaseId: lease.id }));
  if (roll < 88) return drain(world, prng, nowMs);
  if (roll < 90) return admin({ type: 'service.freeze', reason: 'the operator looks at something' });
  if (roll < 96) return admin({ type: 'service.thaw' });
  return limits(prng);
}

function borrow(world: World, prng: Prng, nowMs: number): Act {
  const member = someMember(prng);
  const waits = prng.below(4);
  const hosts = [...world.hosts.keys()];
  return {
    actor: member,
    command: {
      ...request(member, prng, nowMs),
      leaseIds: [asId(prng.uuid())],
      hostId: hosts.length > 0 && prng.chance(0.05) ? prng.pick(hosts) : null,
      waitUntilMs: waits === 0 ? nowMs : waits === 1 ? nowMs + prng.below(30 * MINUTE_MS) : null,
      window: null,
    },
  };
}

function book(prng: Prng, nowMs: number): Act {
  const member = someMember(prng);
  const count = 1 + prng.below(2);
  return {
    actor: member,
    command: {
      ...request(member, prng, nowMs),
      leaseIds: Array.from({ length: count }, () => asId<'lease'>(prng.uuid())),
      hostId: null,
      waitUntilMs: null,
      window: { fromMs: nowMs + MINUTE_MS + prng.below(20 * MINUTE_MS), reservationId: asId(prng.uuid()) },
    },
  };
}

type Create = Extract<UserCommand, { readonly type: 'lease.create' }>;

function request(
  member: Extract<Actor, { readonly kind: 'user' }>,
  prng: Prng,
  nowMs: number,
): Omit<Create, 'leaseIds' | 'hostId' | 'waitUntilMs' | 'window'> {
  const atEnd = prng.pick(AT_ENDS);
  return {
    type: 'lease.create',
    projectId: member.projectId,
    ownerId: member.userId,
    name: 'simulated',
    wanted: { kind: 'flavor', flavor: prng.pick(FLAVORS) },
    durationMs: prng.chance(0.05) ? null : length(prng),
    atEnd,
    image: prng.chance(0.02) ? 'no-such-image' : null,
    sshPublicKey: null,
    role: 'member',
    renew: prng.chance(0.2) ? prng.chance(0.5) : null,
    ticket: atEnd === 'delete' || prng.chance(0.6) ? null : ticket(prng, nowMs),
    purpose: prng.chance(0.3) ? 'ci' : 'interactive',
    exempt: null,
  };
}

/** Half of them are so short that most come to their end. */
function length(prng: Prng): number {
  return prng.chance(0.5) ? 30_000 + prng.below(2 * MINUTE_MS) : 2 * MINUTE_MS + prng.below(30 * MINUTE_MS);
}

function ticket(prng: Prng, nowMs: number): ReturnTicket {
  if (prng.chance(0.7)) return { kind: 'now' };
  return { kind: 'at', atMs: nowMs + MINUTE_MS + prng.below(10 * MINUTE_MS) };
}

function extension(lease: Lease, prng: Prng, nowMs: number): UserCommand {
  const expiresAtMs = prng.chance(0.2) ? null : nowMs + MINUTE_MS + prng.below(HOUR_MS);
  return { type: 'lease.extend', role: 'member', leaseId: lease.id, expiresAtMs };
}

function unshelve(lease: Lease, prng: Prng, nowMs: number): UserCommand {
  const waitUntilMs = prng.chance(0.5) ? nowMs + prng.below(15 * MINUTE_MS) : null;
  return { type: 'lease.unshelve', role: 'member', leaseId: lease.id, durationMs: null, waitUntilMs };
}

function drain(world: World, prng: Prng, nowMs: number): Act | null {
  const hosts = [...world.hosts.values()];
  if (hosts.length === 0) return null;
  const { host } = prng.pick(hosts);
  if (host.drain !== null || prng.chance(0.3)) return admin({ type: 'host.undrain', hostId: host.id });
  const fromMs = nowMs + prng.below(HOUR_MS);
  const untilMs = prng.chance(0.8) ? fromMs + MINUTE_MS + prng.below(HOUR_MS) : null;
  return admin({ type: 'host.drain', hostId: host.id, fromMs, untilMs, reason: 'firmware' });
}

/** Limits of every kind come and go; often there are none, or nobody would get anything done. */
function limits(prng: Prng): Act {
  const id = prng.pick(PROJECTS);
  const some = (chance: number, least: number, range: number): number | null =>
    prng.chance(chance) ? least + prng.below(range) : null;
  const command = { type: 'project.set', projectId: asId<'project'>(id), name: id } as const;
  if (prng.chance(0.5)) return admin({ ...command, ...NO_PROJECT_LIMITS });
  const whole = { gpus: some(0.6, 2, 3), gpusByClass: prng.chance(0.3) ? { V100: 1 + prng.below(3) } : {} };
  const hours = some(0.2, 1, 20);
  const longest = prng.chance(0.2) ? 20 * MINUTE_MS : null;
  return admin({
    ...command,
    limits: { ...NO_LIMITS, ...whole, gpuHoursPerMonth: hours, durationMs: longest, queued: some(0.3, 2, 5) },
    perUser: { ...NO_LIMITS, gpus: some(0.4, 1, 2), queued: some(0.2, 1, 3) },
    users: prng.chance(0.3) ? { 'user-0': { gpus: 3, gpuHoursPerMonth: some(0.5, 1, 5) } } : {},
  });
}

function onLease(
  world: World,
  prng: Prng,
  kinds: readonly LeaseStateKind[],
  command: (lease: Lease) => UserCommand,
): Act | null {
  const wanted = prng.pick(kinds);
  const found = [...world.leases.values()].filter((lease) => lease.state.kind === wanted);
  if (found.length === 0) return null;
  const lease = prng.pick(found);
  const actor: Actor = { kind: 'user', userId: lease.ownerId, projectId: lease.projectId, role: 'member' };
  return { actor, command: command(lease) };
}

function someMember(prng: Prng): Extract<Actor, { readonly kind: 'user' }> {
  return {
    kind: 'user',
    userId: `user-${prng.below(4)}`,
    projectId: asId(prng.pick(PROJECTS)),
    role: 'member',
  };
}

export function admin(command: UserCommand): Act {
  return { actor: { kind: 'user', userId: 'root', projectId: asId('admin'), role: 'admin' }, command };
}
