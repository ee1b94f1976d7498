import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';
import { NOVA_MICROVERSION } from './microversion.ts';

/** A server's way from one service host to another. */
export interface Migration {
  readonly source: string | null;
  readonly destination: string | null;
}

const replySchema = z.object({
  migrations: z.array(
    z
      .object({ source_compute: z.string().nullish(), dest_compute: z.string().nullish() })
      .transform((migration): Migration => ({
        source: migration.source_compute ?? null,
        destination: migration.dest_compute ?? null,
      })),
  ),
});

/**
 * `GET /os-migrations?instance_uuid=…&limit=1` (2.87), expects 200: the newest migration of a server, which
 * a resize is, too; null: it never moved. Needs the admin role. Source: nova 26.2.2,
 * nova/api/openstack/compute/migrations.py.
 */
export async function newestMigration(
  session: OpenStackSession,
  serverId: string,
): Promise<Migration | null> {
  const reply = await session.send({
    service: 'compute',
    method: 'GET',
    path: '/os-migrations',
    query: { instance_uuid: serverId, limit: '1' },
    microversion: NOVA_MICROVERSION,
    expect: [200],
    reply: replySchema,
  });
  return reply.migrations[0] ?? null;
}
