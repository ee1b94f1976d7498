import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import { orNull } from '../reply.ts';
import type { OpenStackSession } from '../session.ts';

const imageSchema = z.object({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  /** `snapshot` where Nova made it of a server, such as at each shelving. */
  image_type: z.string().nullish(),
});
const listSchema = z.object({ images: z.array(imageSchema) });

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The id of an image that is named by id or name, or described (`family:`, `property:`): by id if there is one, else the newest active one of that
 * name (names are not unique); null: the only active image that the session sees. Rejects with ProviderError
 * `not_found` or `bad_request`, which name what there is. `GET /v2/images/{id}` and `GET /v2/images?name=`,
 * expect 200. Source: glance 25 (Zed), glance/api/v2/images.py.
 */
export async function resolveImage(session: OpenStackSession, idOrName: string | null): Promise<string> {
  if (idOrName === null) return onlyImage(session);
  const described = describedImage(idOrName);
  if (described !== null) return newestLike(session, idOrName, described);
  if (UUID.test(idOrName)) {
    const path = `/images/${encodeURIComponent(idOrName)}`;
    const call = { service: 'image', method: 'GET', path, expect: [200], reply: imageSchema } as const;
    const found = await orNull(session.send(call));
    if (found?.status === 'active') return found.id;
  }
  const [newest] = await activeImages(session, { name: idOrName, limit: '1' });
  if (newest !== undefined) return newest.id;
  const others = await bootImages(session);
  throw new ProviderError(
    'not_found',
    'none',
    `the cloud has no active image '${idOrName}'; it has ${namesOf(others)}`,
  );
}

/** What images are asked for by, each a set of properties of which the first that is met counts. */
type Description = readonly Readonly<Record<string, string>>[];

/**
 * `family:NAME`: images with the property `berth_family`, else of a distribution and version such as
 * `ubuntu-22.04`. `property:KEY=VALUE,…`: images with these properties. null: it is an id or a name.
 */
function describedImage(text: string): Description | null {
  const [, kind, rest = ''] = /^(family|property):(.+)$/.exec(text) ?? [];
  if (kind === 'family') {
    const [, distro, version] = /^([a-z][a-z0-9]*)-(\d[\w.]*)$/.exec(rest) ?? [];
    const byDistro = { os_distro: distro ?? '', os_version: version ?? '' };
    return [{ berth_family: rest }, ...(distro === undefined ? [] : [byDistro])];
  }
  if (kind !== 'property') return null;
  const pairs = rest.split(',').map((pair) => /^([A-Za-z0-9_:.-]+)=(.*)$/.exec(pair));
  if (pairs.every((pair) => pair !== null))
    return [Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value]))];
  throw new ProviderError('bad_request', 'none', `'${text}' is not property:KEY=VALUE`);
}

/** The newest that fits. What Nova saves of servers has the properties of their image, and is none of them. */
async function newestLike(
  session: OpenStackSession,
  text: string,
  description: Description,
): Promise<string> {
  for (const properties of description) {
    const found = await activeImages(session, { ...properties, limit: String(LOOKED_THROUGH) });
    const newest = found.find((image) => image.image_type !== 'snapshot');
    if (newest !== undefined) return newest.id;
  }
  const others = await bootImages(session);
  const message = `the cloud has no active image for '${text}'; it has ${namesOf(others)}`;
  throw new ProviderError('not_found', 'none', message);
}

/** Enough names to recognise the right one. */
const NAMES_TOLD = 8;

async function onlyImage(session: OpenStackSession): Promise<string> {
  const images = await bootImages(session);
  const [first, ...others] = images;
  if (first !== undefined && others.length === 0) return first.id;
  const text =
    first === undefined
      ? 'the cloud has no active image to start from'
      : `the cloud has several images, and none is configured as default: name one, such as ${namesOf(images)}`;
  throw new ProviderError(first === undefined ? 'not_found' : 'bad_request', 'none', text);
}

/** Images looked through for the only one: a cloud with more has no only one. */
const LOOKED_THROUGH = 200;

/** What servers are meant to start from: not what Nova saves of shelved ones. */
async function bootImages(session: OpenStackSession): Promise<readonly z.output<typeof imageSchema>[]> {
  const images = await activeImages(session, { limit: String(LOOKED_THROUGH) });
  return images.filter((image) => image.image_type !== 'snapshot');
}

async function activeImages(
  session: OpenStackSession,
  query: Readonly<Record<string, string>>,
): Promise<readonly z.output<typeof imageSchema>[]> {
  const found = await session.send({
    service: 'image',
    method: 'GET',
    path: '/images',
    query: { status: 'active', sort: 'created_at:desc', ...query },
    expect: [200],
    reply: listSchema,
  });
  return found.images;
}

function namesOf(images: readonly z.output<typeof imageSchema>[]): string {
  const named = images.slice(0, NAMES_TOLD).map(({ id, name }) => name ?? id);
  return named.length === 0 ? 'none' : named.join(', ');
}
