import { routes } from '../../api/routes.ts';
import type { HostId } from '../../base/ids.ts';
import type { Session } from '../../engine/views.ts';
import type { Register } from '../dispatch.ts';
import { flavorToJson, hostToJson } from '../present/capacity.ts';
import { found } from '../problem.ts';

export function capacityRoutes(register: Register): void {
  register('listFlavors', routes.listFlavors, ({ session }) => ({
    flavors: session.flavors().map(flavorToJson),
  }));

  register('getFlavor', routes.getFlavor, ({ session, params }) => ({
    flavor: flavorToJson(found(session.flavor(params.id))),
  }));

  register('listHosts', routes.listHosts, ({ session }) => ({ hosts: session.hosts().map(hostToJson) }));

  register('getHost', routes.getHost, ({ session, params }) => ({
    host: hostToJson(found(session.host(params.id))),
  }));

  register('drainHost', routes.drainHost, async ({ session, params, body, nowMs, submit }) => {
    const hostId = hostIdOf(session, params.id);
    const untilMs = body.until ?? null;
    await submit({ type: 'host.drain', hostId, fromMs: body.from ?? nowMs, untilMs, reason: body.reason });
    return { host: hostToJson(found(session.host(hostId))) };
  });

  register('undrainHost', routes.undrainHost, async ({ session, params, submit }) => {
    const hostId = hostIdOf(session, params.id);
    await submit({ type: 'host.undrain', hostId });
    return { host: hostToJson(found(session.host(hostId))) };
  });
}

function hostIdOf(session: Session, idOrName: string): HostId {
  return found(session.host(idOrName)).host.id;
}
