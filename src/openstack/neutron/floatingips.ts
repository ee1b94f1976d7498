import { z } from 'zod';
import { listAll } from '../paging.ts';
import { nothing, orNull } from '../reply.ts';
import type { OpenStackSession } from '../session.ts';

export interface FloatingIp {
  readonly id: string;
  readonly address: string;
  readonly description: string;
  readonly portId: string | null;
}

const floatingIpSchema = z
  .object({
    id: z.string(),
    floating_ip_address: z.string(),
    description: z.string().nullish(),
    port_id: z.string().nullish(),
  })
  .transform((ip): FloatingIp => ({
    id: ip.id,
    address: ip.floating_ip_address,
    description: ip.description ?? '',
    portId: ip.port_id || null,
  }));

const replySchema = z.object({ floatingip: floatingIpSchema });

/**
 * `GET /v2.0/floatingips` with a filter (`description`, `port_id`, `project_id`), expects 200. Source:
 * neutron 21.
 */
export function listFloatingIps(
  session: OpenStackSession,
  filter: Readonly<Record<string, string>>,
): Promise<readonly FloatingIp[]> {
  const path = '/floatingips';
  return listAll(session, {
    service: 'network',
    path,
    key: 'floatingips',
    query: filter,
    item: floatingIpSchema,
  });
}

/** `GET /v2.0/floatingips/{id}`, expects 200; null: 404. */
export async function findFloatingIp(session: OpenStackSession, id: string): Promise<FloatingIp | null> {
  const path = `/floatingips/${encodeURIComponent(id)}`;
  const call = { service: 'network', method: 'GET', path, expect: [200], reply: replySchema } as const;
  return (await orNull(session.send(call)))?.floatingip ?? null;
}

/**
 * `POST /v2.0/floatingips`, expects 201; 404 or 400 where the port's network has no router to the external
 * one, 409 over quota or with an exhausted pool. Source: neutron 21 (Zed), neutron/db/l3_db.py.
 */
export async function createFloatingIp(
  session: OpenStackSession,
  ip: { readonly networkId: string; readonly portId: string; readonly description: string },
): Promise<FloatingIp> {
  const body = {
    floatingip: { floating_network_id: ip.networkId, port_id: ip.portId, description: ip.description },
  };
  const reply = await session.send({
    service: 'network',
    method: 'POST',
    path: '/floatingips',
    body,
    expect: [201],
    reply: replySchema,
  });
  return reply.floatingip;
}

/**
 * `PUT /v2.0/floatingips/{id}` with a port, expects 200: leads it there. Safe to repeat. Source: neutron 21,
 * neutron/db/l3_db.py.
 */
export async function associateFloatingIp(
  session: OpenStackSession,
  id: string,
  portId: string,
): Promise<FloatingIp> {
  const reply = await session.send({
    service: 'network',
    method: 'PUT',
    path: `/floatingips/${encodeURIComponent(id)}`,
    body: { floatingip: { port_id: portId } },
    expect: [200],
    reply: replySchema,
  });
  return reply.floatingip;
}

/** `DELETE /v2.0/floatingips/{id}`, expects 204, or 404 when it is gone already. */
export function deleteFloatingIp(session: OpenStackSession, id: string): Promise<undefined> {
  const path = `/floatingips/${encodeURIComponent(id)}`;
  return session.send({ service: 'network', method: 'DELETE', path, expect: [204, 404], reply: nothing });
}
