/** Whether a server process and its simulated cloud agree, as anybody can see it from outside. */
import { z } from 'zod';
import type { EventJson } from '../../src/api/events.ts';
import type { LeaseJson } from '../../src/api/leases.ts';
import type { ServerProcess } from './process.ts';

/** Servers are marked by a tag, ports and floating IPs by their description. */
const marked = z.object({ id: z.string(), description: z.string() });
const cloudSchema = z.object({
  hosts: z.array(z.object({ devices: z.array(z.object({ serverId: z.string().nullable() })) })),
  servers: z.array(z.object({ id: z.string(), tags: z.array(z.string()), status: z.string() })),
  ports: z.array(marked.extend({ deviceId: z.string().nullable() })),
  floatingIps: z.array(marked.extend({ portId: z.string().nullable() })),
});

export type CloudState = z.output<typeof cloudSchema>;

/** More pages than any of these tests fills. */
const PAGES_MAX = 100;

export async function cloudOf(server: ServerProcess): Promise<CloudState> {
  const response = await fetch(`${server.cloudUrl}/_sim/state`);
  return cloudSchema.parse(await response.json());
}

/** Everything in the cloud that Berth has made. */
export function madeIn(cloud: CloudState): readonly string[] {
  const objects = [...cloud.servers, ...cloud.ports, ...cloud.floatingIps];
  return objects.filter((one) => leaseOf(one) !== null).map(({ id }) => id);
}

/** Live leases, all pages. */
export async function liveLeases({ client }: ServerProcess): Promise<readonly LeaseJson[]> {
  const leases: LeaseJson[] = [];
  let marker: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const reply: Awaited<ReturnType<typeof client.listLeases>> = await client.listLeases({
      state: 'live',
      ...(marker !== null && { marker }),
    });
    leases.push(...reply.leases);
    marker = reply.next;
    if (marker === null) return leases;
  }
  throw new Error(`more than ${PAGES_MAX} pages of leases`);
}

export async function allEvents({ client }: ServerProcess): Promise<readonly EventJson[]> {
  const events: EventJson[] = [];
  let after: number | null = 0;
  for (let page = 0; page < PAGES_MAX; page++) {
    const reply: Awaited<ReturnType<typeof client.listEvents>> = await client.listEvents({
      after,
      limit: 1000,
    });
    events.push(...reply.events);
    after = reply.next;
    if (after === null) return events;
  }
  throw new Error(`more than ${PAGES_MAX} pages of events`);
}

/**
 * What differs between leases and cloud once all is quiet: an active lease has one running server with one
 * port and one floating IP, a shelved one a server on the shelf, a queued one nothing; and nothing is there
 * for anybody else.
 */
export function differences(leases: readonly LeaseJson[], cloud: CloudState): readonly string[] {
  const wrong: string[] = [];
  const live = new Map(leases.map((lease) => [lease.id, lease]));
  for (const object of [...cloud.servers, ...cloud.ports, ...cloud.floatingIps]) {
    const leaseId = leaseOf(object);
    if (leaseId !== null && !live.has(leaseId))
      wrong.push(`${object.id} is of ${leaseId}, which is not live`);
  }
  for (const lease of leases) wrong.push(...differencesOf(lease, cloud));
  return wrong;
}

function differencesOf(lease: LeaseJson, cloud: CloudState): readonly string[] {
  const expected = EXPECTED[lease.state];
  if (expected === undefined) return [`${lease.id} is still ${lease.state}`];
  const servers = cloud.servers.filter((server) => leaseOf(server) === lease.id);
  const ports = cloud.ports.filter((port) => leaseOf(port) === lease.id);
  const statuses = servers.map(({ status }) => status).join();
  const wrong: string[] = [];
  if (statuses !== expected) {
    wrong.push(`${lease.id} (${lease.state}) has servers '${statuses}' instead of '${expected}'`);
  }
  if (ports.length !== servers.length) wrong.push(`${lease.id} has ${ports.length} ports`);
  if (lease.state !== 'active') return wrong;
  const cards = cloud.hosts.flatMap(({ devices }) => devices);
  const held = cards.filter(({ serverId }) => serverId === servers[0]?.id).length;
  const wanted = Object.values(lease.gpus).reduce((sum, count) => sum + count, 0);
  if (held !== wanted) wrong.push(`${lease.id} holds ${held} cards instead of ${wanted}`);
  const addresses = cloud.floatingIps.filter(({ portId }) => portId === ports[0]?.id);
  if (addresses.length !== 1) wrong.push(`${lease.id} has ${addresses.length} floating IPs`);
  return wrong;
}

/** Nova's status of the servers of a lease that rests in a state; other states pass. */
const EXPECTED: Readonly<Partial<Record<LeaseJson['state'], string>>> = {
  queued: '',
  active: 'ACTIVE',
  shelved: 'SHELVED_OFFLOADED',
};

/** The lease that something is marked for; null: not Berth's. */
function leaseOf(
  one: { readonly tags: readonly string[] } | { readonly description: string },
): string | null {
  for (const text of 'tags' in one ? one.tags : [one.description]) {
    const lease = /^berth:[^:]+:(.+)$/.exec(text)?.[1];
    if (lease !== undefined) return lease;
  }
  return null;
}

/**
 * What is wrong with the event log: numbers without a gap, and for each lease a chain that begins with its
 * creation, in which each event starts from the state where the one before ended, and that ends in the state
 * that it has.
 */
export function logFaults(events: readonly EventJson[], leases: readonly LeaseJson[]): readonly string[] {
  const wrong: string[] = [];
  for (const [index, { seq }] of events.entries()) {
    if (seq !== index + 1) return [`event ${index + 1} has number ${seq}`];
  }
  const last = new Map<string, string | null>();
  for (const { entity, id, seq, type, before, after } of events) {
    if (entity !== 'lease') continue;
    const from = last.get(id) ?? null;
    if (before !== from)
      wrong.push(`event ${seq} (${type}) of ${id} starts from ${before}, not from ${from}`);
    last.set(id, after);
  }
  for (const lease of leases) {
    const state = last.get(lease.id);
    if (state !== lease.state) wrong.push(`the log leaves ${lease.id} ${state}; it is ${lease.state}`);
  }
  return wrong;
}
