import { z } from 'zod';
import { ProviderError } from '../../engine/ports.ts';
import { authBody, type Credentials } from '../credentials.ts';
import { catalogSchema, type Catalog } from '../catalog.ts';
import type { Http, HttpRequest } from '../http.ts';
import { refusalOf } from './refusals.ts';

/** Whom a token belongs to, and for what. */
export interface TokenIdentity {
  readonly userId: string;
  readonly userName: string;
  /** null: not scoped to a project. */
  readonly projectId: string | null;
  readonly projectName: string | null;
  /** Names, as Keystone has them. */
  readonly roles: readonly string[];
}

export interface IssuedToken extends TokenIdentity {
  readonly secret: string;
  readonly catalog: Catalog;
  /** How long it is valid from now on, ms, by Keystone's own clock where it tells. */
  readonly validForMs: number;
  readonly dateMs: number | null;
}

const replySchema = z.object({
  token: z.object({
    expires_at: z.string(),
    issued_at: z.string().optional(),
    user: z.object({ id: z.string(), name: z.string().optional() }),
    project: z.object({ id: z.string(), name: z.string().optional() }).optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    catalog: catalogSchema.default([]),
  }),
});

/**
 * `POST /v3/auth/tokens`, expects 201. `/v3` is appended where the URL lacks it. Rejects with ProviderError,
 * always with effect `none`: a token that nobody uses changes nothing. Source: keystone 22 (Zed),
 * keystone/api/auth.py.
 */
export async function issueToken(
  http: Http,
  authUrl: string,
  credentials: Credentials,
): Promise<IssuedToken> {
  const request: HttpRequest = {
    method: 'POST',
    url: `${identityUrl(authUrl)}/auth/tokens`,
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(authBody(credentials)),
    safe: true,
    name: 'identity POST /auth/tokens',
  };
  const reply = await http.exchange(request);
  if (reply.status !== 201) throw refusalOf(request, reply, credentials);
  const secret = reply.headers.get('x-subject-token');
  const parsed = replySchema.safeParse(parseJson(reply.text));
  if (secret === null || !parsed.success) {
    const text = `${request.name}: the reply is not a token: does ${authUrl} lead to a Keystone?`;
    throw new ProviderError('unavailable', 'none', text, {
      cause: parsed.error,
    });
  }
  const { token } = parsed.data;
  const nowMs = reply.dateMs ?? Date.parse(token.issued_at ?? '');
  return {
    secret,
    catalog: token.catalog,
    userId: token.user.id,
    userName: token.user.name ?? token.user.id,
    projectId: token.project?.id ?? null,
    projectName: token.project?.name ?? null,
    roles: token.roles.map(({ name }) => name),
    validForMs: Math.max(0, Date.parse(token.expires_at) - nowMs) || 0,
    dateMs: reply.dateMs,
  };
}

export function identityUrl(authUrl: string): string {
  const base = authUrl.replace(/\/+$/, '');
  return base.endsWith('/v3') ? base : `${base}/v3`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
