/**
 * Servers in the middle of a resize: until it is confirmed they hold devices on two hosts, of which Nova's
 * server record names one. Owns finding the other one.
 */
import type { Result } from '../base/result.ts';
import type { Migration } from './nova/migrations.ts';
import type { Server } from './nova/servers.ts';

/** Resizes wait for their owner for days; so many of them are asked for in a poll. */
const RESIZES_MAX = 20;

const RESIZING: ReadonlySet<string> = new Set(['RESIZE', 'VERIFY_RESIZE', 'REVERT_RESIZE']);

/** Service hosts by server id, on which it holds devices beside those that its record tells of. */
export type ResizeHosts = ReadonlyMap<string, readonly string[]>;

export function isResizing({ status }: Server): boolean {
  return RESIZING.has(status);
}

/** `migrationOf` says null where the server never moved. */
export async function findResizeHosts(
  servers: readonly Server[],
  migrationOf: (serverId: string) => Promise<Result<Migration | null, string>>,
  warnings: string[],
): Promise<ResizeHosts> {
  const found = new Map<string, readonly string[]>();
  for (const server of servers.slice(0, RESIZES_MAX)) {
    const migration = await migrationOf(server.id);
    if (!migration.ok) {
      warnings.push(
        `server ${server.id} is being resized, and its other host is fuller than it shows: ${migration.error}`,
      );
      continue;
    }
    found.set(server.id, migration.value === null ? [] : otherEnd(migration.value, server.host));
  }
  if (servers.length > RESIZES_MAX) {
    warnings.push(
      `${servers.length - RESIZES_MAX} more servers are being resized: their other hosts are fuller than they show`,
    );
  }
  return found;
}

/** A resize on one host takes its devices twice there. */
function otherEnd({ source, destination }: Migration, host: string | null): readonly string[] {
  const ends = [source, destination].filter((end) => end !== null);
  return source === destination ? ends.slice(1) : ends.filter((end) => end !== host);
}
