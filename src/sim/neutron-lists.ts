/** What Neutron's resources share: visibility, filters by any attribute, tags, `fields`, and pages. */
import { isRecord, isStringList, nextLink, pageOf } from './http.ts';
import type { Call, Reply } from './http.ts';
import { neutronError } from './neutron-errors.ts';

const PAGE_MAX = 1000;
const TAGS_MAX = 50;

export type View = Readonly<Record<string, unknown>> & { readonly id: string };

/** What a list or a `GET` of one shares: filters by any attribute, tags, `fields`, pages. */
export function listOrShow(call: Call, plural: string, singular: string, views: readonly View[]): Reply {
  const id = call.segments[1];
  if (id !== undefined) {
    const found = views.find((view) => view.id === id);
    if (found === undefined) throw notFound(singular, id);
    return { status: 200, json: { [singular]: withFields(call, found) } };
  }
  const { query } = call;
  const found = views.filter((view) => matches(query, view));
  const limitText = query.get('limit');
  const limit = limitText !== null && /^[1-9]\d{0,8}$/.test(limitText) ? Number(limitText) : PAGE_MAX;
  const page = pageOf(found, query.get('marker'), Math.min(limit, PAGE_MAX));
  if (page === null) throw notFound(singular, query.get('marker') ?? '');
  const last = page.items.at(-1);
  const href = `${call.origin}/network/v2.0/${plural.replaceAll('_', '-')}`;
  const links =
    page.more && last !== undefined
      ? { [`${plural}_links`]: [{ rel: 'next', href: nextLink(call, href, last.id) }] }
      : {};
  return { status: 200, json: { [plural]: page.items.map((view) => withFields(call, view)), ...links } };
}

export function isVisible(call: Call, item: { readonly projectId: string }): boolean {
  return call.isAdmin || item.projectId === call.token.projectId;
}

export function notFound(singular: string, id: string): Error {
  const names: Readonly<Record<string, readonly [type: string, title: string]>> = {
    port: ['PortNotFound', 'Port'],
    network: ['NetworkNotFound', 'Network'],
    subnet: ['SubnetNotFound', 'Subnet'],
    floatingip: ['FloatingIPNotFound', 'Floating IP'],
    security_group: ['SecurityGroupNotFound', 'Security group'],
  };
  const [type, title] = names[singular] ?? ['NotFound', singular];
  return neutronError(404, type, `${title} ${id} could not be found.`);
}

/** `/{resource}/{id}/tags[/{tag}]`: returns the new tags and the reply. */
export function changeTags(
  call: Call,
  tags: readonly string[],
): { readonly tags: readonly string[]; readonly reply: Reply } {
  const [, , , tag] = call.segments;
  const { method, body } = call;
  if (method === 'GET') {
    if (tag === undefined) return { tags, reply: { status: 200, json: { tags } } };
    if (!tags.includes(tag)) throw noTag(tag);
    return { tags, reply: { status: 204 } };
  }
  if (tag === undefined) {
    if (method === 'DELETE') return { tags: [], reply: { status: 204 } };
    const wanted = isRecord(body) ? body['tags'] : undefined;
    if (!isStringList(wanted) || wanted.some((item) => item.length === 0 || item.length > 255)) {
      throw neutronError(400, 'HTTPBadRequest', 'Invalid tags body');
    }
    const next = [...new Set(wanted)];
    if (next.length > TAGS_MAX)
      throw neutronError(400, 'HTTPBadRequest', 'The number of tags exceeds the limit');
    return { tags: next, reply: { status: 200, json: { tags: next } } };
  }
  if (method === 'PUT') return { tags: [...new Set([...tags, tag])], reply: { status: 201 } };
  if (!tags.includes(tag)) throw noTag(tag);
  return { tags: tags.filter((other) => other !== tag), reply: { status: 204 } };
}

function noTag(tag: string): Error {
  return neutronError(404, 'TagNotFound', `Tag ${tag} could not be found.`);
}

// --------------------------------------------------------------------------------------------------- filters

const SPECIAL_KEYS = new Set([
  'fields',
  'limit',
  'marker',
  'sort_key',
  'sort_dir',
  'page_reverse',
  'fixed_ips',
]);

function matches(query: URLSearchParams, view: View): boolean {
  const tags = isStringList(view['tags']) ? view['tags'] : [];
  for (const key of new Set(query.keys())) {
    const values = query.getAll(key);
    const wanted = values.flatMap((value) => value.split(','));
    if (key === 'tags' && !wanted.every((tag) => tags.includes(tag))) return false;
    if (key === 'tags-any' && !wanted.some((tag) => tags.includes(tag))) return false;
    if (key === 'not-tags' && wanted.every((tag) => tags.includes(tag))) return false;
    if (key === 'not-tags-any' && wanted.some((tag) => tags.includes(tag))) return false;
    if (SPECIAL_KEYS.has(key) || key.includes('tags')) continue;
    if (!(key in view)) continue;
    if (!values.some((value) => attributeIs(view[key], value))) return false;
  }
  return true;
}

function attributeIs(attribute: unknown, value: string): boolean {
  if (typeof attribute === 'boolean') return attribute === ['true', '1', 'yes'].includes(value.toLowerCase());
  if (typeof attribute === 'number') return String(attribute) === value;
  return (attribute ?? '') === value;
}

function withFields(call: Call, view: View): unknown {
  const fields = call.query.getAll('fields').flatMap((field) => field.split(','));
  if (fields.length === 0) return view;
  return Object.fromEntries(Object.entries(view).filter(([key]) => fields.includes(key)));
}
