import type { PortSeen, ServerSeen, Sighting } from './sighting.ts';

/**
 * The server that counts for the lease: the one that the port is plugged into, else one that runs, else the
 * oldest. null: there is none. Where its id differs from the lease's refs (a reply was lost), this one is to
 * be recorded.
 */
export function keeperOf({ servers, port }: Sighting): ServerSeen | null {
  return ranked(servers, port)[0] ?? null;
}

/** Servers that a repeated request made: one to be removed now, or none of which that can be said yet. */
export type Losers =
  | { readonly kind: 'none' }
  | { readonly kind: 'remove'; readonly server: ServerSeen }
  | { readonly kind: 'unclear' };

/**
 * Of several servers for one lease, only one got the port; the others never ran, go to ERROR, and are
 * removed. Until it is clear which one that is, nothing is deleted; and a server that did run is left alone:
 * it has somebody's data.
 */
export function losersOf(sighting: Sighting): Losers {
  const [keeper, ...others] = ranked(sighting.servers, sighting.port);
  if (keeper === undefined) return { kind: 'none' };
  const losers = others.filter(({ status }) => status === 'ERROR' || status === 'BUILD');
  if (losers.length === 0) return { kind: 'none' };
  const settled = sighting.port?.serverId === keeper.id || keeper.status === 'ACTIVE';
  const loser = losers.find((server) => !isBeingDeleted(server) && (settled || server.status === 'ERROR'));
  return loser === undefined ? { kind: 'unclear' } : { kind: 'remove', server: loser };
}

function ranked(servers: readonly ServerSeen[], port: PortSeen | null): readonly ServerSeen[] {
  return servers.filter(exists).toSorted((a, b) => keepRank(a, port) - keepRank(b, port) || byAge(a, b));
}

function keepRank(server: ServerSeen, port: PortSeen | null): number {
  if (isBeingDeleted(server)) return 4;
  if (port?.serverId === server.id) return 0;
  if (server.status === 'ACTIVE') return 1;
  return server.status === 'ERROR' ? 3 : 2;
}

function byAge(a: ServerSeen, b: ServerSeen): number {
  return (a.createdAtMs ?? 0) - (b.createdAtMs ?? 0) || (a.id < b.id ? -1 : 1);
}

export function exists(server: ServerSeen): boolean {
  return server.status !== 'DELETED';
}

export function isBeingDeleted(server: ServerSeen): boolean {
  return server.taskState === 'deleting' || server.taskState === 'soft-deleting';
}
