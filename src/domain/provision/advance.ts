/**
 * What a sighting shows after a call of ours was answered: the reply is as good as another look, so that a
 * start costs the calls that make something and no more. Only for calls whose answer is known; after any
 * other, look.
 */
import { unreachable } from '../../base/assert.ts';
import type { Lease, ProviderRefs } from '../model/lease.ts';
import type { BerthMark, ServerSeen, Sighting, Step } from './sighting.ts';

/** Pure. `made`: what the answer told. null: it says too little, look. */
export function advance(
  sighting: Sighting,
  {
    step,
    made,
    lease,
    mark,
  }: {
    readonly step: Step;
    readonly made: Partial<ProviderRefs>;
    readonly lease: Lease;
    readonly mark: NonNullable<BerthMark>;
  },
): Sighting | null {
  switch (step.kind) {
    case 'createPort':
      if (made.portId === undefined || made.portId === null) return null;
      return {
        ...sighting,
        port: { id: made.portId, serverId: null, address: made.address ?? null, berth: mark },
      };
    case 'createServer': {
      if (made.serverId === undefined || made.serverId === null || sighting.port === null) return null;
      const server = newServer(made.serverId, lease, mark);
      return { ...sighting, servers: [server], port: { ...sighting.port, serverId: server.id } };
    }
    case 'createFloatingIp': {
      const { floatingIpId: id, address } = made;
      if (id === undefined || id === null || address === undefined || address === null) return null;
      return { ...sighting, floatingIp: { id, address, portId: sighting.port?.id ?? null, berth: mark } };
    }
    case 'associateFloatingIp': {
      const { floatingIp } = sighting;
      if (floatingIp?.id !== step.id) return null;
      return { ...sighting, floatingIp: { ...floatingIp, portId: step.portId } };
    }
    case 'deleteFloatingIp':
      return { ...sighting, floatingIp: null };
    case 'deletePort':
      return { ...sighting, port: null };
    case 'deleteServer':
      return changed(sighting, step.id, { taskState: 'deleting' });
    case 'lock':
      return changed(sighting, step.id, { locked: true });
    case 'unlock':
      return changed(sighting, step.id, { locked: false });
    // Nova sets the task before it answers (nova/compute/api.py, 26.2.2); its end shows in the next look.
    case 'shelve':
      return changed(sighting, step.id, { taskState: 'shelving' });
    case 'shelveOffload':
      return changed(sighting, step.id, { taskState: 'shelving_offloading' });
    case 'unshelve':
      return changed(sighting, step.id, { taskState: 'unshelving' });
    case 'resetState':
      return changed(sighting, step.id, { status: 'ACTIVE', taskState: null });
    case 'snapshot':
      return changed(sighting, step.id, { taskState: 'image_snapshot' });
    default:
      return unreachable(step);
  }
}

function changed(sighting: Sighting, id: string, change: Partial<ServerSeen>): Sighting {
  const servers = sighting.servers.map((server) => (server.id === id ? { ...server, ...change } : server));
  return { ...sighting, servers };
}

function newServer(id: string, lease: Lease, mark: NonNullable<BerthMark>): ServerSeen {
  return {
    id,
    name: lease.name,
    projectId: null,
    userId: null,
    status: 'BUILD',
    taskState: null,
    hostId: null,
    fault: null,
    berth: mark,
    flavorName: lease.request.flavorName,
    terms: { durationMs: null, atEnd: null },
    launchedAtMs: null,
    locked: false,
    createdAtMs: null,
  };
}
