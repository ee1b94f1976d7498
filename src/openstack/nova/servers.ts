import { z } from 'zod';
import { listAll } from '../paging.ts';
import { nothing, orNull, timeMs } from '../reply.ts';
import type { Call, OpenStackSession } from '../session.ts';
import { NOVA_MICROVERSION } from './microversion.ts';

/** The flavor as it was at boot; Nova never changes it afterwards, except by a resize. */
interface EmbeddedFlavor {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly rootGiB: number;
  readonly ephemeralGiB: number;
  readonly swapMiB: number;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly projectId: string | null;
  readonly userId: string | null;
  /** Nova's word: BUILD, ACTIVE, SHELVED_OFFLOADED, UNKNOWN (its cell is down) … */
  readonly status: string;
  readonly taskState: string | null;
  /** Service host; null: has none (building, offloaded), or we may not see it. */
  readonly host: string | null;
  readonly fault: string | null;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** null in the stub of a server whose cell is down. */
  readonly flavor: EmbeddedFlavor | null;
  readonly locked: boolean;
  readonly createdAtMs: number | null;
  readonly launchedAtMs: number | null;
}

const embeddedFlavorSchema = z
  .object({
    original_name: z.string().default(''),
    vcpus: z.int().nonnegative(),
    ram: z.int().nonnegative(),
    disk: z.int().nonnegative(),
    ephemeral: z.int().nonnegative().default(0),
    // '' for none below 2.75, which some clouds' proxies still answer with.
    swap: z.union([z.int().nonnegative(), z.literal('').transform(() => 0)]).default(0),
    // Left out where the policy hides them.
    extra_specs: z.record(z.string(), z.string()).default({}),
  })
  .transform((flavor): EmbeddedFlavor => ({
    name: flavor.original_name,
    vcpus: flavor.vcpus,
    memoryMiB: flavor.ram,
    rootGiB: flavor.disk,
    ephemeralGiB: flavor.ephemeral,
    swapMiB: flavor.swap,
    extraSpecs: flavor.extra_specs,
  }));

export const serverSchema = z
  .object({
    id: z.string(),
    name: z.string().default(''),
    tenant_id: z.string().nullish(),
    user_id: z.string().nullish(),
    status: z.string(),
    'OS-EXT-STS:task_state': z.string().nullish(),
    'OS-EXT-SRV-ATTR:host': z.string().nullish(),
    fault: z.object({ message: z.string() }).nullish(),
    tags: z.array(z.string()).default([]),
    metadata: z.record(z.string(), z.string()).default({}),
    flavor: embeddedFlavorSchema.nullish(),
    locked: z.boolean().default(false),
    created: z.string().nullish(),
    'OS-SRV-USG:launched_at': z.string().nullish(),
  })
  .transform((server): Server => ({
    id: server.id,
    name: server.name,
    projectId: server.tenant_id ?? null,
    userId: server.user_id ?? null,
    status: server.status,
    taskState: server['OS-EXT-STS:task_state'] ?? null,
    host: server['OS-EXT-SRV-ATTR:host'] || null,
    fault: server.fault?.message ?? null,
    tags: server.tags,
    metadata: server.metadata,
    flavor: server.flavor ?? null,
    locked: server.locked,
    createdAtMs: timeMs(server.created),
    launchedAtMs: timeMs(server['OS-SRV-USG:launched_at']),
  }));

/** What a new server is made of; it is plugged into exactly one port that exists already. */
export interface NewServer {
  readonly name: string;
  readonly flavorId: string;
  readonly imageId: string;
  readonly portId: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** As cloud-init reads it; encoded here. */
  readonly userData: Buffer | null;
  readonly configDrive: boolean;
  /** Service host that has to take it, which needs the admin role; null: Nova picks one. */
  readonly host: string | null;
}

/**
 * `GET /servers/detail[?all_tenants=1]` (2.87), expects 200 a page. Needs the admin role for other projects'
 * servers and for any server's host. Unreadable ones are reported and left out. Source: nova 26.2.2,
 * nova/api/openstack/compute/servers.py `detail`, views/servers.py.
 */
export function listServers(
  session: OpenStackSession,
  onUnreadable: (id: string, reason: string) => void,
  allTenants = true,
): Promise<readonly Server[]> {
  return listAll(session, { ...SERVERS, query: scopeOf(allTenants), onUnreadable });
}

/** `GET /servers/detail?tags=…` (2.87), expects 200: servers that carry the tag, of any project if so asked. */
export function findServersByTag(
  session: OpenStackSession,
  { tag, allTenants }: { readonly tag: string; readonly allTenants: boolean },
): Promise<readonly Server[]> {
  return listAll(session, { ...SERVERS, query: { ...scopeOf(allTenants), tags: tag } });
}

/**
 * `GET /servers/detail?changes-since=…` (2.87), expects 200: servers whose record was written at that time or
 * later, deleted ones included. `sinceMs` in the cloud's time. Unreadable ones are left out: whoever waits for
 * one asks for it by id.
 */
export function listChangedServers(
  session: OpenStackSession,
  { sinceMs, allTenants }: { readonly sinceMs: number; readonly allTenants: boolean },
): Promise<readonly Server[]> {
  const query = { ...scopeOf(allTenants), 'changes-since': new Date(sinceMs).toISOString() };
  return listAll(session, { ...SERVERS, query, onUnreadable: () => {} });
}

/** `GET /servers/{id}` (2.87), expects 200; null: 404, it is gone. */
export async function findServer(session: OpenStackSession, id: string): Promise<Server | null> {
  const reply = z.object({ server: serverSchema });
  const found = await orNull(
    session.send({ ...compute('GET', `/servers/${encodeURIComponent(id)}`), expect: [200], reply }),
  );
  return found?.server ?? null;
}

/**
 * `POST /servers` (2.87), expects 202; gives the id. Accepted does not mean placed: the server is BUILD, then
 * ACTIVE or ERROR. With a port of ours a repetition cannot yield two running servers: the second finds the
 * port taken. Source: nova 26.2.2, nova/api/openstack/compute/servers.py `create`, schemas/servers.py.
 */
export async function createServer(session: OpenStackSession, server: NewServer): Promise<string> {
  const body = {
    server: {
      name: server.name,
      flavorRef: server.flavorId,
      imageRef: server.imageId,
      networks: [{ port: server.portId }],
      tags: server.tags,
      metadata: server.metadata,
      ...(server.userData !== null && { user_data: server.userData.toString('base64') }),
      ...(server.configDrive && { config_drive: true }),
      ...(server.host !== null && { host: server.host }),
    },
  };
  const reply = z.object({ server: z.object({ id: z.string() }) });
  return (await session.send({ ...compute('POST', '/servers'), body, expect: [202], reply })).server.id;
}

/** `DELETE /servers/{id}` (2.87), expects 204, or 404 when it is gone already; 409 when locked. */
export function deleteServer(session: OpenStackSession, id: string): Promise<undefined> {
  return session.send({
    ...compute('DELETE', `/servers/${encodeURIComponent(id)}`),
    expect: [204, 404],
    reply: nothing,
  });
}

/**
 * `POST /servers/{id}/action` (2.87), expects 202; 409 in a state that does not allow it. `shelveOffload`
 * needs the admin role. Source: nova 26.2.2, nova/api/openstack/compute/shelve.py.
 */
export function actOnServer(
  session: OpenStackSession,
  id: string,
  action: 'shelve' | 'shelveOffload' | 'unshelve' | 'unlock',
): Promise<undefined> {
  return session.send({ ...actionOn(id), body: { [action]: null }, expect: [202], reply: nothing });
}

/**
 * `unshelve` to one host (2.91), expects 202; 400 for a host that Nova does not know, 403 without the admin
 * role. Source: nova 26.2.2, nova/api/openstack/compute/schemas/shelve.py.
 */
export function unshelveTo(session: OpenStackSession, id: string, host: string): Promise<undefined> {
  const body = { unshelve: { host } };
  return session.send({ ...actionOn(id), microversion: '2.91', body, expect: [202], reply: nothing });
}

/**
 * `os-resetState` to `active` (2.87), expects 202, needs the admin role: changes what Nova says of the server,
 * and nothing of the server itself. Safe to repeat. Source: nova 26.2.2, compute/admin_actions.py.
 */
export function resetServerState(session: OpenStackSession, id: string): Promise<undefined> {
  const body = { 'os-resetState': { state: 'active' } };
  return session.send({ ...actionOn(id), body, expect: [202], reply: nothing });
}

/** `lock` with a reason (2.87), expects 202. A lock of an admin binds everybody but admins. */
export function lockServer(session: OpenStackSession, id: string, reason: string): Promise<undefined> {
  const body = { lock: { locked_reason: reason } };
  return session.send({ ...actionOn(id), body, expect: [202], reply: nothing });
}

/**
 * `createImage` (2.87), expects 202; gives the image's id. ACTIVE, SHUTOFF, PAUSED and SUSPENDED servers
 * only.
 */
export async function snapshotServer(session: OpenStackSession, id: string, name: string): Promise<string> {
  const body = { createImage: { name, metadata: {} } };
  const reply = z.object({ image_id: z.string() });
  return (await session.send({ ...actionOn(id), body, expect: [202], reply })).image_id;
}

const SERVERS = {
  service: 'compute',
  path: '/servers/detail',
  key: 'servers',
  microversion: NOVA_MICROVERSION,
  item: serverSchema,
} as const;

function scopeOf(allTenants: boolean): Readonly<Record<string, string>> {
  return allTenants ? { all_tenants: '1' } : {};
}

function actionOn(id: string): Pick<Call<unknown>, 'service' | 'method' | 'path' | 'microversion'> {
  return compute('POST', `/servers/${encodeURIComponent(id)}/action`);
}

function compute(
  method: Call<unknown>['method'],
  path: string,
): Pick<Call<unknown>, 'service' | 'method' | 'path' | 'microversion'> {
  return { service: 'compute', method, path, microversion: NOVA_MICROVERSION };
}
