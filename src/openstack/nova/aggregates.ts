import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';
import { NOVA_MICROVERSION } from './microversion.ts';

export interface Aggregate {
  readonly id: number;
  readonly name: string;
  /** Service hosts. */
  readonly hosts: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export const aggregatesReplySchema = z.object({
  aggregates: z.array(
    z.object({
      id: z.int(),
      name: z.string(),
      hosts: z.array(z.string()),
      metadata: z.record(z.string(), z.string()).default({}),
    }),
  ),
});

/**
 * `GET /os-aggregates` (2.87), expects 200; Nova does not page it. Needs the admin role.
 * Source: nova 26.2.2, nova/api/openstack/compute/aggregates.py.
 */
export async function listAggregates(session: OpenStackSession): Promise<readonly Aggregate[]> {
  const reply = await session.send({
    service: 'compute',
    method: 'GET',
    path: '/os-aggregates',
    microversion: NOVA_MICROVERSION,
    expect: [200],
    reply: aggregatesReplySchema,
  });
  return reply.aggregates;
}
