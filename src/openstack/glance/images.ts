import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import { orNull } from '../reply.ts';
import type { OpenStackSession } from '../session.ts';

const imageSchema = z.object({ id: z.string(), name: z.string().nullish(), status: z.string() });
const listSchema = z.object({ images: z.array(imageSchema) });

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The id of an image that is named by id or name: by id if there is one, else the newest active one of that
 * name (names are not unique). Rejects with ProviderError `not_found`. `GET /v2/images/{id}` and `GET
 * /v2/images?name=`, expect 200. Source: glance 25 (Zed), glance/api/v2/images.py.
 */
export async function resolveImage(session: OpenStackSession, idOrName: string): Promise<string> {
  if (UUID.test(idOrName)) {
    const path = `/images/${encodeURIComponent(idOrName)}`;
    const call = { service: 'image', method: 'GET', path, expect: [200], reply: imageSchema } as const;
    const found = await orNull(session.send(call));
    if (found !== null) return found.id;
  }
  const named = await session.send({
    service: 'image',
    method: 'GET',
    path: '/images',
    query: { name: idOrName, status: 'active', sort: 'created_at:desc', limit: '1' },
    expect: [200],
    reply: listSchema,
  });
  const newest = named.images[0];
  if (newest === undefined)
    throw new ProviderError('not_found', 'none', `the cloud has no active image '${idOrName}'`);
  return newest.id;
}
