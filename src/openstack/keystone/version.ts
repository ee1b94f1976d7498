import { z } from 'zod';
import { failureOf } from '../failure.ts';
import type { Http, HttpRequest } from '../http.ts';
import { ProviderError } from '../../engine/ports.ts';
import { identityUrl } from './tokens.ts';

const replySchema = z.object({ version: z.object({ id: z.string().startsWith('v3') }) });

/**
 * `GET /v3`, expects 200; needs no token. Gives Keystone's own clock, ms; null: it does not tell. Rejects with
 * ProviderError, `unsupported` where something else than Keystone answers. Source: keystone 22 (Zed),
 * keystone/api/discovery.py.
 */
export async function readIdentityVersion(http: Http, authUrl: string): Promise<number | null> {
  const url = identityUrl(authUrl);
  const request: HttpRequest = {
    method: 'GET',
    url: `${url}/`,
    headers: { accept: 'application/json' },
    body: null,
    safe: true,
    name: `identity GET ${url}/`,
  };
  const reply = await http.exchange(request);
  if (reply.status >= 500) throw failureOf(request, reply);
  if (reply.status === 200 && replySchema.safeParse(parseJson(reply.text)).success) return reply.dateMs;
  throw new ProviderError('unsupported', 'none', `${url} answers ${reply.status}, and not as Keystone v3`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
