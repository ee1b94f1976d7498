/**
 * What happens in the cloud without anybody asking through its API: hosts fail, other people act, clocks
 * step.
 */
import { unreachable } from '../base/assert.ts';
import type { Prng } from '../base/prng.ts';
import { drawMs, type WorldFaultKind } from './faults.ts';
import { beginDelete, beginStop, beginUnshelve, setHostUp } from './lifecycle.ts';
import type { SimFloatingIp, SimServer } from './model.ts';
import type { SimWorld } from './world.ts';

/** At most this many servers are looked at for one that fits: the choice must stay cheap in a big cloud. */
const CANDIDATES_MAX = 10_000;

/**
 * Does it to `target` (a server id, or a host name for `hostDown`), or to one drawn at random. Returns
 * whether there was one that it fits; only then it is counted.
 */
export function disturb(world: SimWorld, kind: WorldFaultKind, target: string | null, prng: Prng): boolean {
  const done = apply(world, kind, target, prng);
  if (done) {
    world.faults.count(kind);
    world.revision += 1;
  }
  return done;
}

function apply(world: SimWorld, kind: WorldFaultKind, target: string | null, prng: Prng): boolean {
  switch (kind) {
    case 'hostDown':
      return takeHostDown(world, target, prng);
    case 'serverDeletedElsewhere':
      return onServer(world, target, prng, isIdleOrFailed, (server) =>
        beginDelete(world, server, null, prng),
      );
    case 'serverStoppedElsewhere':
      return onServer(world, target, prng, isRunning, (server) => beginStop(world, server, prng));
    case 'serverTagsRemoved':
      return onServer(world, target, prng, hasTags, (server) => world.setTags(server, []));
    case 'serverUnshelvedElsewhere':
      return onServer(world, target, prng, isOffloaded, (server) => beginUnshelve(world, server, null, prng));
    case 'serverRenamedElsewhere':
      return onServer(world, target, prng, isIdleOrFailed, (server) => {
        server.name = `renamed-${prng.uuid().slice(0, 8)}`;
        world.touch(server);
      });
    case 'shelveImageDeleted':
      return onServer(
        world,
        target,
        prng,
        (server) => isOffloaded(server) && world.images.has(server.shelvedImageId ?? ''),
        ({ shelvedImageId }) => world.images.delete(shelvedImageId ?? ''),
      );
    case 'floatingIpTakenOff':
      return onServer(
        world,
        target,
        prng,
        (server) => isOffloaded(server) && ipsOf(world, server).length > 0,
        (server) => {
          for (const ip of ipsOf(world, server)) world.associate(ip, null);
        },
      );
    case 'dateStep': {
      const step = drawMs(world.faults.policy.dateStepMs, prng);
      world.dateOffsetMs = world.dateOffsetMs === 0 ? (prng.chance(0.5) ? step : -step) : 0;
      return true;
    }
    default:
      return unreachable(kind);
  }
}

function takeHostDown(world: SimWorld, target: string | null, prng: Prng): boolean {
  const up = [...world.hosts.values()].filter((host) => host.up && (target === null || host.name === target));
  if (up.length === 0) return false;
  const host = prng.pick(up);
  setHostUp(world, host.name, false);
  const atMs = world.nowMs + drawMs(world.faults.policy.hostDownMs, prng);
  world.schedule({ atMs, kind: 'hostUp', subject: host.name, task: host.outage });
  return true;
}

function onServer(
  world: SimWorld,
  target: string | null,
  prng: Prng,
  fits: (server: SimServer) => boolean,
  act: (server: SimServer) => void,
): boolean {
  const fitting: SimServer[] = [];
  let seen = 0;
  for (const server of world.servers.values()) {
    if (seen++ >= CANDIDATES_MAX) break;
    if ((target === null || server.id === target) && fits(server)) fitting.push(server);
  }
  if (fitting.length === 0) return false;
  act(prng.pick(fitting));
  return true;
}

function isIdleOrFailed(server: SimServer): boolean {
  return server.taskState === null;
}

function isRunning(server: SimServer): boolean {
  return server.vmState === 'active' && server.taskState === null;
}

function isOffloaded(server: SimServer): boolean {
  return server.vmState === 'shelved_offloaded' && server.taskState === null;
}

function ipsOf(world: SimWorld, server: SimServer): readonly SimFloatingIp[] {
  const ports = [...(world.portsByDevice.get(server.id) ?? [])];
  return ports.map(({ id }) => world.floatingIpByPort.get(id)).filter((ip) => ip !== undefined);
}

function hasTags(server: SimServer): boolean {
  return server.tags.length > 0;
}
