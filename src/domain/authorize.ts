/**
 * Who may do and see what: the engine's door. Every command and every view passes here, so no route can
 * forget it. What an actor may not see is refused as `not_found`; `forbidden` is said only about things that
 * the actor sees.
 */
import { unreachable } from '../base/assert.ts';
import type { ProjectId, ProviderId } from '../base/ids.ts';
import type { Actor } from './actor.ts';
import type { Command } from './command.ts';
import { refuse, type Refusal } from './decision.ts';
import type { Lease } from './model/lease.ts';
import { ROLES, type Role } from './model/token.ts';
import type { World } from './world.ts';

/**
 * True if the actor's role includes `needed` (admin > manager > member > reader) wherever the actor is. `admin`
 * is that of the whole service: for the admin of one cloud see `isAdminOf`.
 */
export function hasRole(actor: Actor, needed: Role): boolean {
  return actor.kind === 'system' || ROLES.indexOf(roleEverywhere(actor)) >= ROLES.indexOf(needed);
}

/** The role that the actor has wherever it is: the admin of one cloud is a manager elsewhere. */
export function roleEverywhere({ role, adminOf }: Extract<Actor, { readonly kind: 'user' }>): Role {
  return role === 'admin' && adminOf !== undefined ? 'manager' : role;
}

/** True if the actor is an admin of what belongs to the provider. undefined: of something that is not there. */
export function isAdminOf(actor: Actor, providerId: ProviderId | undefined): boolean {
  if (hasRole(actor, 'admin')) return true;
  return actor.kind === 'user' && actor.role === 'admin' && actor.adminOf === providerId;
}

/** True if what belongs to this project exists for the actor. null: belongs to nobody, admins only. */
export function maySee(actor: Actor, projectId: ProjectId | null): boolean {
  if (hasRole(actor, 'admin')) return true;
  return actor.kind === 'user' && projectId !== null && actor.projectId === projectId;
}

/** True if the lease exists for the actor: of the own project, or in a cloud that the actor administers. */
export function maySeeLease(
  actor: Actor,
  { projectId, request }: Pick<Lease, 'projectId' | 'request'>,
): boolean {
  return maySee(actor, projectId) || isAdminOf(actor, request.demand.providerId);
}

/** null: allowed. */
export function authorize(world: World, actor: Actor, command: Command): Refusal | null {
  switch (command.type) {
    case 'lease.create':
      return (
        inProject(actor, command.projectId, 'member') ??
        needs(actor, command.role) ??
        exempting(actor, command.exempt)
      );
    case 'lease.extend':
    case 'lease.unshelve':
      // Nobody gets the longer leases of a role that is not theirs.
      return (
        onLease(world, actor, command.leaseId) ??
        needs(actor, command.role) ??
        exempting(actor, command.exempt ?? null)
      );
    case 'lease.release':
    case 'lease.shelve':
    case 'lease.keep':
    case 'lease.ticket':
      return onLease(world, actor, command.leaseId);
    case 'lease.adopt': {
      const providerId = world.flavors.get(command.flavorId)?.providerId;
      const host = command.running === null ? undefined : world.hosts.get(command.running.hostId)?.host;
      const isOfOne = command.running === null || host?.providerId === providerId;
      return isOfOne ? needsAdminOf(actor, providerId) : needs(actor, 'admin');
    }
    case 'host.drain':
    case 'host.undrain':
      return needsAdminOf(actor, world.hosts.get(command.hostId)?.host.providerId);
    case 'service.freeze':
    case 'service.thaw':
    case 'service.takeOver':
    case 'project.set':
      return needs(actor, 'admin');
    case 'token.create':
      // A manager hands out tokens of the own project, never above the own role.
      return inProject(actor, command.token.projectId, 'manager') ?? needs(actor, command.token.role);
    case 'token.revoke': {
      const token = world.tokens.get(command.tokenId);
      if (token === undefined || !maySee(actor, token.projectId)) return notFound(`token ${command.tokenId}`);
      // Taking a token away is no less than handing it out.
      return needs(actor, 'manager') ?? needs(actor, token.role);
    }
    case 'tick':
    case 'inventory.observed':
    case 'intent.open':
    case 'intent.done':
    case 'lease.refs':
    case 'lease.progress':
    case 'lease.calledHome':
    case 'lease.setupTold':
    case 'lease.ready':
    case 'lease.startFailed':
    case 'lease.shelved':
    case 'lease.unshelvable':
    case 'lease.gone':
    case 'lease.lost':
    case 'lease.located':
    case 'lease.reachability':
    case 'project.seen':
    case 'finding.raise':
    case 'finding.clear':
    case 'clock.doubt':
    case 'clock.trust':
    case 'records.remove':
    case 'service.mode':
      return actor.kind === 'system' ? null : needs(actor, null);
    default:
      return unreachable(command);
  }
}

export function notFound(what: string): Refusal {
  return refuse(
    'not_found',
    `There is no ${what}.`,
    'List what there is, and check the id and the project of your token.',
  ).refusal;
}

function inProject(actor: Actor, projectId: ProjectId, role: Role): Refusal | null {
  if (!maySee(actor, projectId)) return notFound(`project ${projectId}`);
  return needs(actor, role);
}

function onLease(world: World, actor: Actor, leaseId: Parameters<World['leases']['get']>[0]): Refusal | null {
  const lease = world.leases.get(leaseId);
  if (lease === undefined || !maySeeLease(actor, lease)) return notFound(`lease ${leaseId}`);
  const denied = needs(actor, 'member');
  if (denied !== null || hasRole(actor, 'manager')) return denied;
  if (actor.kind === 'user' && actor.userId === lease.ownerId) return null;
  return refuse(
    'forbidden',
    'This lease belongs to another member of your project.',
    'Ask its owner, or a manager of the project.',
  ).refusal;
}

/** Limits are for everybody but those who set them. */
function exempting(actor: Actor, exempt: string | null): Refusal | null {
  return exempt === null ? null : needs(actor, 'admin');
}

function needsAdminOf(actor: Actor, providerId: ProviderId | undefined): Refusal | null {
  return isAdminOf(actor, providerId) ? null : needs(actor, 'admin');
}

function needs(actor: Actor, role: Role | null): Refusal | null {
  if (role !== null && hasRole(actor, role)) return null;
  const isPartly = role === 'admin' && actor.kind === 'user' && actor.role === 'admin';
  const of = isPartly ? ` of the whole service, and yours is that of cloud ${actor.adminOf}` : '';
  const what = role === null ? 'Only Berth itself may do this.' : `This needs the role ${role}${of}.`;
  return refuse('forbidden', what, 'Use a token with that role, or ask an administrator.').refusal;
}
