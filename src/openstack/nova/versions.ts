import { z } from 'zod';
import type { OpenStackSession } from '../session.ts';

/** The range of microversions that a service speaks; '' where it has none. */
export interface VersionRange {
  readonly min: string;
  readonly max: string;
}

const replySchema = z.object({
  version: z.object({ min_version: z.string().default(''), version: z.string().default('') }),
});

/** `GET /v2.1/`, expects 200. Source: nova 26.2.2, nova/api/openstack/compute/versions.py. */
export async function computeVersions(session: OpenStackSession): Promise<VersionRange> {
  const call = { service: 'compute', method: 'GET', path: '/', expect: [200], reply: replySchema } as const;
  const { version } = await session.send(call);
  return { min: version.min_version, max: version.version };
}
