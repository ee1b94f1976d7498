import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';

/** A PCI device that Nova hands out, as Placement knows it. */
export interface PciProvider {
  readonly id: string;
  readonly name: string;
  /** Of the host's own provider, which is the hypervisor's id. */
  readonly rootId: string;
}

const replySchema = z.object({
  resource_providers: z.array(
    z
      .object({ uuid: z.string(), name: z.string(), root_provider_uuid: z.string() })
      .transform((provider): PciProvider => ({
        id: provider.uuid,
        name: provider.name,
        rootId: provider.root_provider_uuid,
      })),
  ),
});

/**
 * `GET /resource_providers?required=COMPUTE_MANAGED_PCI_DEVICE` (1.36), expects 200: none where Nova does not
 * report its PCI devices. Needs the admin role. Source: placement 8.0.0, handlers/resource_provider.py; nova
 * 26.2.2, nova/compute/pci_placement_translator.py.
 */
export async function listPciProviders(session: OpenStackSession): Promise<readonly PciProvider[]> {
  const reply = await session.send({
    service: 'placement',
    method: 'GET',
    path: '/resource_providers',
    query: { required: 'COMPUTE_MANAGED_PCI_DEVICE' },
    microversion: '1.36',
    expect: [200],
    reply: replySchema,
  });
  return reply.resource_providers;
}
