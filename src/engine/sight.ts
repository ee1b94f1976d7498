/** What an actor sees beside what `authorize` says of commands: events and findings. */
import type { LeaseId, ProviderId } from '../base/ids.ts';
import type { Actor } from '../domain/actor.ts';
import { hasRole, isAdminOf, maySee } from '../domain/authorize.ts';
import type { Change } from '../domain/model/entities.ts';
import type { World } from '../domain/world.ts';
import type { StoredEvent } from './ports.ts';

/** Events of hosts, flavors and the service itself are for everybody; the others for their project. */
export function maySeeEvent(actor: Actor, event: StoredEvent): boolean {
  if (event.projectId !== null) return maySee(actor, event.projectId);
  return (
    hasRole(actor, 'admin') ||
    event.entity === 'host' ||
    event.entity === 'flavor' ||
    event.entity === 'control'
  );
}

/** An event of a lease in the cloud of which the actor is an admin; the commit that told it has the lease. */
export function isOfAdministered(actor: Actor, event: StoredEvent, changes: readonly Change[]): boolean {
  if (actor.kind !== 'user' || actor.adminOf === undefined || event.entity !== 'lease') return false;
  return changes.some(
    ({ entity, id, after }) =>
      entity === 'lease' &&
      id === event.id &&
      after !== null &&
      isAdminOf(actor, after.request.demand.providerId),
  );
}

/**
 * To whose provider the subject of a finding belongs, `lease/ID` or `server/PROVIDER:ID`; undefined: to the
 * whole service.
 */
export function providerOf(subject: string, world: World): ProviderId | undefined {
  const [kind = '', rest = ''] = subject.split(/\/(.*)/s);
  if (kind === 'lease') return world.leases.get(rest as LeaseId)?.request.demand.providerId;
  const colon = rest.indexOf(':');
  return colon < 0 ? undefined : (rest.slice(0, colon) as ProviderId);
}
