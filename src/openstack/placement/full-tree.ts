import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';
import { PLACEMENT_MICROVERSION, type Amount, type ProviderSummary } from './summaries.ts';

const providersSchema = z.object({ resource_providers: z.array(z.object({ uuid: z.string() })) });

const inventoriesSchema = z.object({
  inventories: z.record(
    z.string(),
    z.object({ total: z.number(), reserved: z.number().default(0), allocation_ratio: z.number().default(1) }),
  ),
});

const traitsSchema = z.object({ traits: z.array(z.string()) });

/**
 * The tree of a host that is full, which Placement's search leaves out: everything on it counts as used,
 * since nothing fits there. One call, and two for each provider of the tree (1.36), each expects 200. Empty:
 * there is no such tree. Source: placement 8.0.0, handlers/{resource_provider,inventory,trait}.py.
 */
export async function readFullTree(
  session: OpenStackSession,
  rootId: string,
): Promise<readonly ProviderSummary[]> {
  const get = <T>(path: string, reply: z.ZodType<T>, query: Readonly<Record<string, string>> = {}) =>
    session.send({
      service: 'placement',
      method: 'GET',
      path: `/resource_providers${path}`,
      query,
      microversion: PLACEMENT_MICROVERSION,
      expect: [200],
      reply,
    });
  const found = await get('', providersSchema, { in_tree: rootId });
  const summaries: ProviderSummary[] = [];
  for (const { uuid: id } of found.resource_providers) {
    const { inventories } = await get(`/${id}/inventories`, inventoriesSchema);
    const { traits } = await get(`/${id}/traits`, traitsSchema);
    const resources = Object.fromEntries(
      Object.entries(inventories).map(([name, { total, reserved, allocation_ratio: ratio }]) => {
        const capacity = Math.floor((total - reserved) * ratio);
        return [name, { capacity, used: capacity } satisfies Amount];
      }),
    );
    summaries.push({ id, rootId, resources, traits: new Set(traits) });
  }
  return summaries;
}
