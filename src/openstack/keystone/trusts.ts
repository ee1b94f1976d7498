import { z } from 'zod';
import { listAll } from '../paging.ts';
import type { OpenStackSession } from '../session.ts';

/** A delegation of roles on one project, from one user (trustor) to another (trustee). */
export interface Trust {
  readonly id: string;
  readonly trustorUserId: string;
  readonly projectId: string | null;
}

const trustSchema = z
  .object({
    id: z.string(),
    trustor_user_id: z.string(),
    project_id: z.string().nullish(),
    deleted_at: z.string().nullish(),
  })
  .transform((trust) => ({
    id: trust.id,
    trustorUserId: trust.trustor_user_id,
    projectId: trust.project_id ?? null,
    isDeleted: (trust.deleted_at ?? null) !== null,
  }));

/**
 * `GET /v3/OS-TRUST/trusts?trustee_user_id=…`, expects 200: what others have delegated to the session's user.
 * Source: keystone 22 (Zed), keystone/api/trusts.py.
 */
export async function listTrustsForMe(session: OpenStackSession): Promise<readonly Trust[]> {
  const { userId } = await session.identity();
  const found = await listAll(session, {
    service: 'identity',
    path: '/OS-TRUST/trusts',
    key: 'trusts',
    query: { trustee_user_id: userId },
    item: trustSchema,
  });
  return found.filter(({ isDeleted }) => !isDeleted);
}

/**
 * `POST /v3/OS-TRUST/trusts` with the trustor's own token, expects 201; gives the id. 403 where the trustor is not the
 * token's user, or has a role not; 403 also with a token of an application credential (unless it is
 * unrestricted) or of another trust. It does not end by itself: a trust cannot be extended, a lease can.
 */
export async function createTrust(
  session: OpenStackSession,
  trust: {
    readonly trustorToken: string;
    readonly trustorUserId: string;
    readonly trusteeUserId: string;
    readonly projectId: string;
    readonly roles: readonly string[];
  },
): Promise<string> {
  const body = {
    trust: {
      trustor_user_id: trust.trustorUserId,
      trustee_user_id: trust.trusteeUserId,
      project_id: trust.projectId,
      impersonation: true,
      roles: trust.roles.map((name) => ({ name })),
    },
  };
  const reply = await session.send({
    service: 'identity',
    method: 'POST',
    path: '/OS-TRUST/trusts',
    body,
    headers: { 'x-auth-token': trust.trustorToken },
    expect: [201],
    reply: z.object({ trust: z.object({ id: z.string() }) }),
  });
  return reply.trust.id;
}
