import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly isExternal: boolean;
  readonly isShared: boolean;
  /** Its administrative state. */
  readonly isUp: boolean;
}

const networkSchema = z
  .object({
    id: z.string(),
    name: z.string().default(''),
    project_id: z.string().default(''),
    'router:external': z.boolean().default(false),
    shared: z.boolean().default(false),
    admin_state_up: z.boolean().default(true),
  })
  .transform((network): Network => ({
    id: network.id,
    name: network.name,
    projectId: network.project_id,
    isExternal: network['router:external'],
    isShared: network.shared,
    isUp: network.admin_state_up,
  }));

/** `GET /v2.0/networks` with a filter, expects 200: what the session may see. Source: neutron 21 (Zed). */
export function listNetworks(
  session: OpenStackSession,
  filter: Readonly<Record<string, string>>,
): Promise<readonly Network[]> {
  return listAll(session, {
    service: 'network',
    path: '/networks',
    key: 'networks',
    query: filter,
    item: networkSchema,
  });
}

/**
 * The id of the network that servers of the session's project are plugged into: named by id or name, or null
 * for the only one there is. The project's own come first, then shared ones: a user with the admin role sees
 * everybody's `private`. Rejects with ProviderError `not_found` or `bad_request`, which name the choice.
 */
export async function tenantNetwork(session: OpenStackSession, idOrName: string | null): Promise<string> {
  const projectId = await session.projectId();
  const candidates = await named(session, idOrName, { 'router:external': 'false' });
  const own = candidates.filter((network) => network.projectId === projectId);
  const shared = candidates.filter((network) => network.isShared);
  // One that is named by its id may belong to anybody who lets us use it.
  const [usable] = [own, shared, idOrName === null ? [] : candidates].filter((list) => list.length > 0);
  return only(usable ?? [], idOrName, 'network', `project ${projectId ?? 'of no scope'}`);
}

/**
 * The id of the network that floating IPs come from: named by id or name, or null for the only external one;
 * null: the cloud has none. Rejects with ProviderError where a name is not found, or there are several.
 */
export async function externalNetwork(
  session: OpenStackSession,
  idOrName: string | null,
): Promise<string | null> {
  const candidates = await named(session, idOrName, { 'router:external': 'true' });
  if (idOrName === null && candidates.length === 0) return null;
  return only(candidates, idOrName, 'external network', 'the cloud');
}

async function named(
  session: OpenStackSession,
  idOrName: string | null,
  kind: Readonly<Record<string, string>>,
): Promise<readonly Network[]> {
  if (idOrName === null) return listNetworks(session, kind);
  const byName = await listNetworks(session, { ...kind, name: idOrName });
  return byName.length > 0 ? byName : listNetworks(session, { ...kind, id: idOrName });
}

/** Enough names to recognise the right one. */
const NAMES_TOLD = 5;

function only(found: readonly Network[], idOrName: string | null, kind: string, where: string): string {
  const [first, ...others] = found;
  if (first === undefined) {
    const what = idOrName === null ? kind : `${kind} '${idOrName}'`;
    throw new ProviderError('not_found', 'none', `${where} has no ${what}`);
  }
  if (others.length === 0) return first.id;
  const names = found.slice(0, NAMES_TOLD).map(({ id, name }) => `${name} (${id})`);
  const text = `${where} has ${found.length} ${kind}s to choose from, ${names.join(', ')}: configure one by its id`;
  throw new ProviderError('bad_request', 'none', text);
}
