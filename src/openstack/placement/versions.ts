import { z } from 'zod';
import type { VersionRange } from '../nova/versions.ts';
import type { OpenStackSession } from '../session.ts';

const replySchema = z.object({
  versions: z.array(z.object({ min_version: z.string(), max_version: z.string() })).min(1),
});

/** `GET /`, expects 200. Source: placement 8.0.0, placement/handlers/root.py. */
export async function placementVersions(session: OpenStackSession): Promise<VersionRange> {
  const call = { service: 'placement', method: 'GET', path: '/', expect: [200], reply: replySchema } as const;
  const [version] = (await session.send(call)).versions;
  return { min: version?.min_version ?? '', max: version?.max_version ?? '' };
}
