import { z } from 'zod';
import type { Rights } from '../engine/cloud-account.ts';
import { ProviderError } from '../engine/ports.ts';
import { NOVA_MICROVERSION } from './nova/microversion.ts';
import type { Call, OpenStackSession } from './session.ts';

export interface SeenRights {
  readonly rights: Rights;
  /** What may not be read, e.g. `hypervisors`; with full rights that is nothing, or `placement`. */
  readonly missing: readonly string[];
}

/** Placement's `name` filter of resource providers came with 1.0; nothing newer is needed for a look. */
const PLACEMENT_MICROVERSION = '1.36';

/**
 * What the account may see, by one cheap call each: hypervisors, aggregates, the servers of all projects
 * (Nova), resource providers (Placement). All four are admin-only by default (nova 26.2.2, policies/; Zed's
 * placement, policies/). A service that the catalog lacks counts as not to be seen. Rejects with
 * ProviderError where the cloud does not answer: that is no statement about rights.
 */
export async function probeRights(session: OpenStackSession): Promise<SeenRights> {
  const answers = await Promise.all(PROBES.map(([, call]) => isAllowed(session, call)));
  const missing = PROBES.flatMap(([name], index) => (answers[index] === true ? [] : [name]));
  // Without Placement, Nova's own numbers do: what is lost is overcommit as it is set, and accelerators that
  // only Placement counts.
  const isFull = missing.every((what) => what === PLACEMENT);
  return { rights: isFull ? 'full' : 'member', missing };
}

const PLACEMENT = 'placement';

const read = { method: 'GET', expect: [200], reply: z.unknown() } as const;
const nova = { ...read, service: 'compute', microversion: NOVA_MICROVERSION } as const;

const PROBES: readonly (readonly [name: string, call: Call<unknown>])[] = [
  ['hypervisors', { ...nova, path: '/os-hypervisors', query: { limit: '1' } }],
  ['aggregates', { ...nova, path: '/os-aggregates' }],
  ['servers of all projects', { ...nova, path: '/servers', query: { all_tenants: '1', limit: '1' } }],
  [
    PLACEMENT,
    {
      ...read,
      service: 'placement',
      path: '/resource_providers',
      query: { name: 'berth-looks-for-its-rights' },
      microversion: PLACEMENT_MICROVERSION,
    },
  ],
];

async function isAllowed(session: OpenStackSession, call: Call<unknown>): Promise<boolean> {
  try {
    await session.send(call);
    return true;
  } catch (error) {
    const isRefused = error instanceof ProviderError && REFUSALS.has(error.code);
    if (isRefused) return false;
    throw error;
  }
}

const REFUSALS: ReadonlySet<ProviderError['code']> = new Set(['forbidden', 'unsupported', 'not_found']);
