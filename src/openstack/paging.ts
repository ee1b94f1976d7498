import { z } from 'zod';
import { ProviderError } from '../engine/ports.ts';
import type { Call, OpenStackSession } from './session.ts';

/** Nova's own upper limit of a page (`[api] max_limit`); the others take it as it is. */
const PAGE_ITEMS = 1000;
/** 100,000 objects: ten times the largest cloud that we plan for. A walk that does not end is a fault. */
const PAGES_MAX = 100;

export interface ListCall<T> extends Pick<Call<unknown>, 'service' | 'path' | 'query' | 'microversion'> {
  /**
   * Where the list is in the reply, e.g. `servers`; its `<key>_links` (or Glance's `next`) tells if there is
   * more.
   */
  readonly key: string;
  readonly item: z.ZodType<T>;
  /**
   * Called for each object that cannot be read, which is then left out. Without it, such an object fails the
   * call.
   */
  readonly onUnreadable?: (id: string, reason: string) => void;
}

const pageSchema = z.record(z.string(), z.unknown());
const itemsSchema = z.array(z.looseObject({ id: z.union([z.string(), z.number()]) }));
const linksSchema = z.array(z.looseObject({ rel: z.string() }));

/** Walks all pages with `limit` and `marker`, expects 200 each. Rejects with ProviderError. */
export async function listAll<T>(session: OpenStackSession, list: ListCall<T>): Promise<readonly T[]> {
  const found: T[] = [];
  let marker: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const query: Record<string, string> = {
      ...list.query,
      limit: String(PAGE_ITEMS),
      ...(marker !== null && { marker }),
    };
    const { service, path, microversion } = list;
    const version = microversion === undefined ? {} : { microversion };
    const reply = await session.send({
      service,
      method: 'GET',
      path,
      query,
      ...version,
      expect: [200],
      reply: pageSchema,
    });
    const items = itemsSchema.safeParse(reply[list.key]);
    if (!items.success) throw notUnderstood(list, items.error);
    for (const item of items.data) readItem(list, item, found);
    const last = items.data.at(-1);
    if (last === undefined || !hasMore(list, reply)) return found;
    marker = String(last.id);
  }
  throw new ProviderError(
    'unsupported',
    'none',
    `${list.service} ${list.path}: more than ${PAGES_MAX} pages`,
  );
}

function readItem<T>(list: ListCall<T>, item: { readonly id: string | number }, found: T[]): void {
  const parsed = list.item.safeParse(item);
  if (parsed.success) found.push(parsed.data);
  else if (list.onUnreadable === undefined) throw notUnderstood(list, parsed.error);
  else list.onUnreadable(String(item.id), z.prettifyError(parsed.error).split('\n').slice(0, 3).join(' '));
}

function hasMore(list: ListCall<unknown>, reply: Readonly<Record<string, unknown>>): boolean {
  if (typeof reply['next'] === 'string') return true;
  const links = linksSchema.safeParse(reply[`${list.key}_links`]);
  return links.success && links.data.some(({ rel }) => rel === 'next');
}

function notUnderstood(list: ListCall<unknown>, cause: Error): ProviderError {
  const text = `${list.service} GET ${list.path}: the reply is not understood`;
  return new ProviderError('unavailable', 'none', text, { cause });
}
