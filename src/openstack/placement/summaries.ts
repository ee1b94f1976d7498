import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';

/** What a resource provider has of one resource class. */
export interface Amount {
  /** ⌊(total − reserved) × allocation ratio⌋. */
  readonly capacity: number;
  readonly used: number;
}

/** A resource provider as Placement's own search sees it. */
export interface ProviderSummary {
  readonly id: string;
  /** The compute node's provider, whose id is the hypervisor's. */
  readonly rootId: string;
  /** By resource class. */
  readonly resources: Readonly<Partial<Record<string, Amount>>>;
  readonly traits: ReadonlySet<string>;
}

const amountSchema = z.object({ capacity: z.number(), used: z.number() });

const replySchema = z.object({
  provider_summaries: z.record(
    z.string(),
    z.object({
      resources: z.record(z.string(), amountSchema).default({}),
      traits: z.array(z.string()).default([]),
      root_provider_uuid: z.string(),
    }),
  ),
});

/** The microversion of all Placement calls: trees, traits and granular groups; Train and later have it. */
export const PLACEMENT_MICROVERSION = '1.36';

/**
 * `GET /allocation_candidates?resources=MEMORY_MB:1` (1.36), expects 200: every provider of every tree that
 * has memory left, with what is used of it, in one call whatever their number. Needs the admin role. Source:
 * placement 8.0.0, handlers/allocation_candidate.py (from 1.27 on all resource classes, from 1.29 on whole
 * trees).
 */
export async function listSummaries(session: OpenStackSession): Promise<readonly ProviderSummary[]> {
  const reply = await session.send({
    service: 'placement',
    method: 'GET',
    path: '/allocation_candidates',
    query: { resources: 'MEMORY_MB:1' },
    microversion: PLACEMENT_MICROVERSION,
    expect: [200],
    reply: replySchema,
  });
  return Object.entries(reply.provider_summaries).map(([id, summary]) => ({
    id,
    rootId: summary.root_provider_uuid,
    resources: summary.resources,
    traits: new Set(summary.traits),
  }));
}
