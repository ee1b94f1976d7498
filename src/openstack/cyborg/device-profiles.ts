import { z } from 'zod';
import type { DeviceGroup } from '../gpu-flavor-needs.ts';
import type { OpenStackSession } from '../session.ts';

export interface DeviceProfile {
  readonly name: string;
  readonly groups: readonly DeviceGroup[];
}

const replySchema = z.object({
  device_profiles: z.array(
    z.object({
      name: z.string(),
      // Some services answer with the numbers as they were written.
      groups: z.array(z.record(z.string(), z.union([z.string(), z.number().transform(String)]))),
    }),
  ),
});

/**
 * `GET /device_profiles?name=a,b` (no microversion, as Nova calls it), expects 200: those that there are.
 * Source: cyborg 9 (Zed), cyborg/api/controllers/v2/device_profiles.py; nova 26.2.2,
 * nova/accelerator/cyborg.py.
 */
export async function listDeviceProfiles(
  session: OpenStackSession,
  names: readonly string[],
): Promise<readonly DeviceProfile[]> {
  const reply = await session.send({
    service: 'accelerator',
    method: 'GET',
    path: '/device_profiles',
    query: { name: names.join(',') },
    expect: [200],
    reply: replySchema,
  });
  return reply.device_profiles;
}
