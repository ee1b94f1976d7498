import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';

const networkSchema = z.object({
  id: z.string(),
  name: z.string().default(''),
  project_id: z.string().default(''),
  'router:external': z.boolean().default(false),
});

/**
 * The id of a network that is named by id or name. A name is looked up in the session's own project first: a
 * service user with the admin role sees everybody's `private`. Rejects with ProviderError `not_found`, or
 * `bad_request` where the name says too little. `GET /v2.0/networks`, expects 200. Source: neutron 21 (Zed).
 */
export async function resolveNetwork(
  session: OpenStackSession,
  wanted: { readonly idOrName: string; readonly external: boolean },
): Promise<string> {
  const external: Record<string, string> = wanted.external ? { 'router:external': 'true' } : {};
  const list = { service: 'network', path: '/networks', key: 'networks', item: networkSchema } as const;
  const named = await listAll(session, { ...list, query: { ...external, name: wanted.idOrName } });
  const byId =
    named.length > 0 ? [] : await listAll(session, { ...list, query: { ...external, id: wanted.idOrName } });
  const candidates = [...named, ...byId];
  const projectId = await session.projectId();
  const own = candidates.filter((network) => network.project_id === projectId);
  const [found, ...others] = own.length > 0 ? own : candidates;
  const kind = wanted.external ? 'external network' : 'network';
  if (found === undefined)
    throw new ProviderError('not_found', 'none', `the cloud has no ${kind} '${wanted.idOrName}'`);
  if (others.length > 0) {
    const text = `several networks are named '${wanted.idOrName}': configure the ${kind} by its id`;
    throw new ProviderError('bad_request', 'none', text);
  }
  return found.id;
}
