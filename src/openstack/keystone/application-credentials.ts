import { z } from 'zod';
import { timeMs } from '../reply.ts';
import type { OpenStackSession } from '../session.ts';

export interface ApplicationCredential {
  readonly id: string;
  readonly name: string;
  /** null: never. */
  readonly expiresAtMs: number | null;
}

const replySchema = z.object({
  application_credential: z
    .object({ id: z.string(), name: z.string(), expires_at: z.string().nullish() })
    .transform(({ id, name, expires_at: expiresAt }): ApplicationCredential => ({
      id,
      name,
      expiresAtMs: timeMs(expiresAt),
    })),
});

/**
 * `GET /v3/users/{user}/application_credentials/{id}`, expects 200; the owner may read it. Source: keystone
 * 22 (Zed), keystone/api/users.py.
 */
export async function readApplicationCredential(
  session: OpenStackSession,
  userId: string,
  id: string,
): Promise<ApplicationCredential> {
  const path = `/users/${encodeURIComponent(userId)}/application_credentials/${encodeURIComponent(id)}`;
  const call = { service: 'identity', method: 'GET', path, expect: [200], reply: replySchema } as const;
  return (await session.send(call)).application_credential;
}
