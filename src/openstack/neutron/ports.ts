import { z } from 'zod';
import { listAll } from '../paging.ts';
import { nothing, orNull } from '../reply.ts';
import type { OpenStackSession } from '../session.ts';

export interface Port {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** The server that it is plugged into; null: none. */
  readonly deviceId: string | null;
  readonly address: string | null;
}

const portSchema = z
  .object({
    id: z.string(),
    name: z.string().default(''),
    description: z.string().nullish(),
    device_id: z.string().nullish(),
    fixed_ips: z.array(z.object({ ip_address: z.string() })).default([]),
  })
  .transform((port): Port => ({
    id: port.id,
    name: port.name,
    description: port.description ?? '',
    deviceId: port.device_id || null,
    address: port.fixed_ips[0]?.ip_address ?? null,
  }));

const replySchema = z.object({ port: portSchema });

/**
 * `GET /v2.0/ports` with a filter (`name`, `device_id`, `project_id`), expects 200. Source: neutron 21 (Zed).
 */
export function listPorts(
  session: OpenStackSession,
  filter: Readonly<Record<string, string>>,
): Promise<readonly Port[]> {
  return listAll(session, {
    service: 'network',
    path: '/ports',
    key: 'ports',
    query: filter,
    item: portSchema,
  });
}

/** `GET /v2.0/ports/{id}`, expects 200; null: 404. */
export async function findPort(session: OpenStackSession, id: string): Promise<Port | null> {
  const path = `/ports/${encodeURIComponent(id)}`;
  const call = { service: 'network', method: 'GET', path, expect: [200], reply: replySchema } as const;
  return (await orNull(session.send(call)))?.port ?? null;
}

/**
 * `POST /v2.0/ports`, expects 201; 409 over quota or with no address left. The description is part of the
 * creation, so that not even a lost reply leaves a port without our mark. Source: neutron 21 (Zed),
 * neutron/db/db_base_plugin_v2.py.
 */
export async function createPort(
  session: OpenStackSession,
  port: {
    readonly networkId: string;
    readonly name: string;
    readonly description: string;
    /** Left out or null: the project's group `default`, as Neutron does it. */
    readonly securityGroupIds?: readonly string[] | null;
  },
): Promise<Port> {
  const { networkId, name, description, securityGroupIds } = port;
  const groups =
    securityGroupIds === undefined || securityGroupIds === null ? {} : { security_groups: securityGroupIds };
  const body = { port: { network_id: networkId, name, description, ...groups } };
  const reply = await session.send({
    service: 'network',
    method: 'POST',
    path: '/ports',
    body,
    expect: [201],
    reply: replySchema,
  });
  return reply.port;
}

/** `DELETE /v2.0/ports/{id}`, expects 204, or 404 when it is gone already. */
export function deletePort(session: OpenStackSession, id: string): Promise<undefined> {
  const path = `/ports/${encodeURIComponent(id)}`;
  return session.send({ service: 'network', method: 'DELETE', path, expect: [204, 404], reply: nothing });
}
