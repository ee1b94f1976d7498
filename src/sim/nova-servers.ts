/**
 * Nova's servers: lists, one server, tags, metadata. Source: nova 26 (Zed), compute/servers.py,
 * server_tags.py.
 */
import { nextLink, pageOf, recordAt, stringAt } from './http.ts';
import type { Call, Reply } from './http.ts';
import { beginDelete } from './lifecycle.ts';
import type { SimServer } from './model.ts';
import { serverAction } from './nova-actions.ts';
import { checkTags, createServer, readMetadata } from './nova-create.ts';
import { limitOf, novaError, policyRefusal } from './nova-errors.ts';
import { showServer, showServerShort, statusOf } from './nova-views.ts';

/** From 2.75 on, other query parameters are refused. */
const LIST_KEYS = new Set([
  'all_tenants',
  'limit',
  'marker',
  'sort_key',
  'sort_dir',
  'tags',
  'tags-any',
  'not-tags',
  'not-tags-any',
  'changes-since',
  'changes-before',
  'host',
  'status',
  'name',
  'flavor',
  'image',
  'project_id',
  'tenant_id',
  'user_id',
  'uuid',
  'locked',
  'deleted',
  'vm_state',
]);

export function handleServers(call: Call): Reply {
  const { method, segments } = call;
  const [, serverId, kind, item] = segments;
  if (serverId === undefined) {
    return method === 'POST' ? createServer(call) : listServers(call, showServerShort, 'servers');
  }
  if (serverId === 'detail') return listServers(call, showServer, 'detail');
  const server = findServer(call, serverId);
  if (kind === undefined) return oneServer(call, server);
  if (kind === 'action' && method === 'POST') return serverAction(call, server);
  if (kind === 'tags' && call.minor >= 26) return tags(call, server, item);
  if (kind === 'metadata') return metadata(call, server, item);
  throw novaError(404, 'The resource could not be found.');
}

/** 404 for servers that the caller may not see, as for those that do not exist. */
function findServer(call: Call, id: string): SimServer {
  const server = call.world.servers.get(id);
  if (server === undefined || (!call.isAdmin && server.projectId !== call.token.projectId)) {
    throw novaError(404, `Instance ${id} could not be found.`);
  }
  return server;
}

function oneServer(call: Call, server: SimServer): Reply {
  const { world, prng, method } = call;
  if (method === 'GET') return { status: 200, json: { server: showServer(call, server) } };
  if (method === 'PUT') {
    const body = recordAt(call.body, 'server');
    server.name = stringAt(body, 'name') ?? server.name;
    server.description = stringAt(body, 'description') ?? server.description;
    world.touch(server);
    return { status: 200, json: { server: showServer(call, server) } };
  }
  if (method !== 'DELETE') throw novaError(405, 'The method specified is not allowed for this resource.');
  if (server.locked && !call.isAdmin) throw novaError(409, `Instance ${server.id} is locked`);
  if (server.taskState !== 'deleting') {
    beginDelete(world, server, world.faults.drawTask(method, call.path, prng, ['deleteStalls']), prng);
  }
  return { status: 204 };
}

// ----------------------------------------------------------------------------------------------------- lists

function listServers(
  call: Call,
  show: (call: Call, server: SimServer) => unknown,
  kind: 'servers' | 'detail',
): Reply {
  const { query } = call;
  if (call.minor >= 75) {
    const unknownKey = [...query.keys()].find((key) => !LIST_KEYS.has(key));
    if (unknownKey !== undefined) {
      throw novaError(400, `Additional properties are not allowed ('${unknownKey}' was unexpected)`);
    }
  }
  const limit = limitOf(call);
  const marker = query.get('marker');
  const page = pageOf(candidates(call).filter(matcher(call)), marker, limit);
  if (page === null) throw novaError(400, `marker [${marker}] not found`);
  const last = page.items.at(-1);
  const path = kind === 'detail' ? 'servers/detail' : 'servers';
  const links =
    page.more && last !== undefined
      ? {
          servers_links: [
            { rel: 'next', href: nextLink(call, `${call.origin}/compute/v2.1/${path}`, last.id) },
          ],
        }
      : {};
  return { status: 200, json: { servers: page.items.map((server) => show(call, server)), ...links } };
}

/** What the caller may see, newest first. With `changes-since` Nova also lists what is deleted. */
function candidates(call: Call): SimServer[] {
  const { world, query } = call;
  const flag = query.get('all_tenants');
  const wantsAll = flag !== null && !['0', 'false', 'False', 'no'].includes(flag);
  if (wantsAll && !call.isAdmin) throw policyRefusal('os_compute_api:servers:detail:get_all_tenants');
  const withDeleted = query.has('changes-since') || (call.isAdmin && query.get('deleted') === 'True');
  const projectId = call.token.projectId ?? '';
  const tagged = call.minor >= 26 ? rarestTag(call) : null;
  const live = tagged ?? (wantsAll ? world.servers.values() : (world.serversByProject.get(projectId) ?? []));
  const found = withDeleted ? [...world.deletedServers.values(), ...live] : [...live];
  const visible = wantsAll ? found : found.filter((server) => server.projectId === projectId);
  if (withDeleted || tagged !== null) return visible.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  return visible.toReversed();
}

/** The servers with one of the wanted tags, when the list asks for servers that have all of them. */
function rarestTag(call: Call): Iterable<SimServer> | null {
  const tag = call.query.get('tags')?.split(',')[0];
  return tag === undefined ? null : (call.world.serversByTag.get(tag) ?? []);
}

function matcher(call: Call): (server: SimServer) => boolean {
  const { query } = call;
  const tests: ((server: SimServer) => boolean)[] = [];
  const given = (key: string, test: (server: SimServer, value: string) => boolean): void => {
    const value = query.get(key);
    if (value !== null) tests.push((server) => test(server, value));
  };
  if (call.minor >= 26) {
    given('tags', (server, value) => value.split(',').every((tag) => server.tags.includes(tag)));
    given('tags-any', (server, value) => value.split(',').some((tag) => server.tags.includes(tag)));
    given('not-tags', (server, value) => !value.split(',').every((tag) => server.tags.includes(tag)));
    given('not-tags-any', (server, value) => !value.split(',').some((tag) => server.tags.includes(tag)));
  }
  const statuses = query.getAll('status').map((status) => status.toUpperCase());
  if (statuses.length > 0) tests.push((server) => statuses.includes(statusOf(server)));
  given('name', (server, value) => nameMatches(server.name, value));
  given('flavor', (server, value) => server.flavor.id === value);
  given('image', (server, value) => server.imageId === value);
  const since = query.get('changes-since');
  if (since !== null) {
    const sinceMs = Date.parse(since);
    if (Number.isNaN(sinceMs))
      throw novaError(400, `Invalid input for query parameters changes-since. Value: ${since}`);
    tests.push((server) => server.updatedAtMs >= sinceMs);
  }
  // Nova ignores these without a word when a member asks.
  if (call.isAdmin) {
    given('host', (server, value) => server.host === value);
    given('project_id', (server, value) => server.projectId === value);
    given('tenant_id', (server, value) => server.projectId === value);
    given('user_id', (server, value) => server.userId === value);
    given('uuid', (server, value) => server.id === value);
  }
  return (server) => tests.every((test) => test(server));
}

/** Nova takes a regular expression; anchors and plain text are all that is asked here. */
function nameMatches(name: string, pattern: string): boolean {
  const atStart = pattern.startsWith('^');
  const atEnd = pattern.endsWith('$');
  const text = pattern.slice(atStart ? 1 : 0, atEnd ? -1 : undefined);
  if (atStart && atEnd) return name === text;
  if (atStart) return name.startsWith(text);
  return atEnd ? name.endsWith(text) : name.includes(text);
}

// -------------------------------------------------------------------------------------------- tags, metadata

function tags(call: Call, server: SimServer, tag: string | undefined): Reply {
  const { world, method } = call;
  if (method === 'GET') {
    if (tag === undefined) return { status: 200, json: { tags: server.tags } };
    if (!server.tags.includes(tag)) throw noTag(server, tag);
    return { status: 204 };
  }
  requireSteady(server, 'update tags');
  if (tag === undefined) {
    const wanted = method === 'DELETE' ? [] : checkTags(recordTags(call.body));
    world.setTags(server, wanted);
    return method === 'DELETE' ? { status: 204 } : { status: 200, json: { tags: server.tags } };
  }
  const held = server.tags.includes(tag);
  if (method === 'DELETE') {
    if (!held) throw noTag(server, tag);
    world.setTags(
      server,
      server.tags.filter((other) => other !== tag),
    );
    return { status: 204 };
  }
  if (held) return { status: 204 };
  world.setTags(server, checkTags([...server.tags, tag]));
  return {
    status: 201,
    headers: { location: `${call.origin}/compute/v2.1/servers/${server.id}/tags/${tag}` },
  };
}

function noTag(server: SimServer, tag: string): Error {
  return novaError(404, `Server ${server.id} has no tag '${tag}'`);
}

function recordTags(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'tags' in body ? body.tags : null;
}

function metadata(call: Call, server: SimServer, key: string | undefined): Reply {
  const { world, method } = call;
  if (method === 'GET') return { status: 200, json: { metadata: server.metadata } };
  requireSteady(server, 'update metadata');
  if (method === 'DELETE') {
    if (key === undefined || server.metadata[key] === undefined)
      throw novaError(404, 'Metadata item was not found');
    server.metadata = Object.fromEntries(Object.entries(server.metadata).filter(([name]) => name !== key));
    world.touch(server);
    return { status: 204 };
  }
  const given = readMetadata(recordAt(call.body, 'metadata') ?? recordAt(call.body, 'meta') ?? null);
  server.metadata = method === 'PUT' && key === undefined ? given : { ...server.metadata, ...given };
  world.touch(server);
  return { status: 200, json: { metadata: server.metadata } };
}

/** Tags and metadata can only be written in these states. */
function requireSteady(server: SimServer, action: string): void {
  if (server.vmState === 'active' || server.vmState === 'stopped') return;
  throw novaError(409, `Cannot '${action}' instance ${server.id} while it is in vm_state ${server.vmState}`);
}
