import { z } from 'zod';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';
import { NOVA_MICROVERSION } from './microversion.ts';

export interface NovaFlavor {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly rootGiB: number;
  readonly ephemeralGiB: number;
  readonly swapMiB: number;
  readonly disabled: boolean;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

export const flavorSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullish(),
    vcpus: z.int().nonnegative(),
    ram: z.int().nonnegative(),
    disk: z.int().nonnegative(),
    'OS-FLV-EXT-DATA:ephemeral': z.int().nonnegative().default(0),
    // '' for none below 2.75, which some clouds' proxies still answer with.
    swap: z.union([z.int().nonnegative(), z.literal('').transform(() => 0)]).default(0),
    'OS-FLV-DISABLED:disabled': z
      .union([z.boolean(), z.string().transform((text) => text.toLowerCase() === 'true')])
      .default(false),
    extra_specs: z.record(z.string(), z.string()).default({}),
  })
  .transform((flavor): NovaFlavor => ({
    id: flavor.id,
    name: flavor.name,
    description: flavor.description ?? null,
    vcpus: flavor.vcpus,
    memoryMiB: flavor.ram,
    rootGiB: flavor.disk,
    ephemeralGiB: flavor['OS-FLV-EXT-DATA:ephemeral'],
    swapMiB: flavor.swap,
    disabled: flavor['OS-FLV-DISABLED:disabled'],
    extraSpecs: flavor.extra_specs,
  }));

/**
 * `GET /flavors/detail?is_public=None` (2.87), expects 200 a page: public and private ones with their extra
 * specs. Needs the admin role for private ones. Source: nova 26.2.2, nova/api/openstack/compute/flavors.py.
 */
export function listFlavors(
  session: OpenStackSession,
  onUnreadable: (id: string, reason: string) => void,
): Promise<readonly NovaFlavor[]> {
  return listAll(session, {
    service: 'compute',
    path: '/flavors/detail',
    query: { is_public: 'None' },
    key: 'flavors',
    microversion: NOVA_MICROVERSION,
    item: flavorSchema,
    onUnreadable,
  });
}
