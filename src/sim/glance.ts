/**
 * Glance v2: list, show, and delete images. Errors are HTML, as Glance's are. Source: glance 25 (Zed),
 * v2/images.py.
 */
import { isoSeconds, nextLink, pageOf, Refused } from './http.ts';
import type { Call, Reply } from './http.ts';
import type { SimImage } from './model.ts';

const PAGE_MAX = 1000;
const PAGE_DEFAULT = 25;

/** Of a list, that are no properties of images. */
const KEYS: ReadonlySet<string> = new Set([
  'name',
  'status',
  'visibility',
  'owner',
  'limit',
  'marker',
  'sort',
  'sort_key',
  'sort_dir',
]);

export function glanceVersionDocument(origin: string): Reply {
  const versions = [
    { id: 'v2.15', status: 'CURRENT', links: [{ rel: 'self', href: `${origin}/image/v2/` }] },
    { id: 'v2.0', status: 'SUPPORTED', links: [{ rel: 'self', href: `${origin}/image/v2/` }] },
  ];
  return { status: 300, json: { versions } };
}

export function glanceError(status: number, title: string, message: string): Refused {
  const head = `<html>\n <head>\n  <title>${status} ${title}</title>\n </head>\n`;
  const text = `${head} <body>\n  <h1>${status} ${title}</h1>\n  ${message}<br /><br />\n\n\n\n </body>\n</html>`;
  return new Refused({ status, text, headers: { 'content-type': 'text/html; charset=UTF-8' } });
}

export function handleGlance(call: Call): Reply {
  const [first, imageId] = call.segments;
  if (first !== 'images') throw glanceError(404, 'Not Found', 'The resource could not be found.');
  if (imageId === undefined) return listImages(call);
  const image = visibleImage(call, imageId);
  if (image === null) throw glanceError(404, 'Not Found', `No image found with ID ${imageId}`);
  if (call.method === 'GET') return { status: 200, json: showImage(image) };
  if (call.method !== 'DELETE') throw glanceError(405, 'Method Not Allowed', 'The method is not allowed.');
  if (!call.isAdmin && image.projectId !== call.token.projectId) {
    throw glanceError(403, 'Forbidden', `You are not authorized to complete delete_image action.`);
  }
  call.world.images.delete(imageId);
  call.world.revision += 1;
  return { status: 204 };
}

/** The image if it is public, the caller's project's, or the caller is admin. */
export function visibleImage(call: Call, imageId: string): SimImage | null {
  const image = call.world.images.get(imageId);
  return image !== undefined && isVisible(call, image) ? image : null;
}

function isVisible(call: Call, image: SimImage): boolean {
  return call.isAdmin || image.visibility === 'public' || image.projectId === call.token.projectId;
}

function listImages(call: Call): Reply {
  const { query, world } = call;
  const limitText = query.get('limit');
  if (limitText !== null && !/^\d{1,9}$/.test(limitText)) {
    throw glanceError(400, 'Bad Request', 'limit param must be an integer');
  }
  const limit = Math.min(Number(limitText ?? PAGE_DEFAULT), PAGE_MAX);
  const filters = (['name', 'status', 'visibility', 'owner'] as const).flatMap((key) => {
    const value = query.get(key);
    return value === null ? [] : [{ key, value }];
  });
  const read = { name: 'name', status: 'status', visibility: 'visibility', owner: 'projectId' } as const;
  const found = [...world.images.values()]
    .filter((image) => isVisible(call, image))
    .filter((image) => filters.every(({ key, value }) => image[read[key]] === value))
    // Any other key of a query is a property (glance/api/v2/images.py, RequestDeserializer._get_filters).
    .filter((image) => [...query].every(([key, value]) => KEYS.has(key) || image.properties[key] === value))
    .toReversed()
    .toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  const page = pageOf(found, query.get('marker'), limit);
  if (page === null) throw glanceError(404, 'Not Found', 'Invalid marker. Image could not be found.');
  const last = page.items.at(-1);
  const next = page.more && last !== undefined ? { next: nextLink(call, '/v2/images', last.id) } : {};
  const json = {
    images: page.items.map(showImage),
    first: '/v2/images',
    schema: '/v2/schemas/images',
    ...next,
  };
  return { status: 200, json };
}

function showImage(image: SimImage): unknown {
  return {
    ...image.properties,
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    owner: image.projectId,
    min_disk: image.minDisk,
    min_ram: image.minRam,
    size: image.sizeBytes,
    virtual_size: null,
    disk_format: 'qcow2',
    container_format: 'bare',
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    os_hidden: false,
    protected: false,
    tags: [],
    created_at: isoSeconds(image.createdAtMs),
    updated_at: isoSeconds(image.updatedAtMs),
    self: `/v2/images/${image.id}`,
    file: `/v2/images/${image.id}/file`,
    schema: '/v2/schemas/image',
  };
}
