/** Borrowing from Berth by its API, with a member's token and a key against repetition. */
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import type { LoadClient, Target } from './load-process.ts';

interface LeaseReply {
  readonly lease: { readonly id: string; readonly state: string };
}

interface FlavorsReply {
  readonly flavors: readonly { readonly available: number }[];
}

export function openBerth(target: Extract<Target, { kind: 'berth' }>, connections: number): LoadClient {
  const pool = new Pool(target.url, { connections, pipelining: 1 });
  const body = JSON.stringify({ flavor: target.flavor, duration: '1h', at_end: 'delete' });
  const send = async (method: 'GET' | 'POST' | 'DELETE', path: string): Promise<string> => {
    const headers: Record<string, string> = { authorization: `Bearer ${target.token}` };
    if (method !== 'GET') headers['idempotency-key'] = randomUUID();
    if (method === 'POST') headers['content-type'] = 'application/json';
    const reply = await pool.request({ method, path, headers, body: method === 'POST' ? body : null });
    const text = await reply.body.text();
    if (reply.statusCode >= 300) throw new Error(`Berth: ${method} ${path}: ${reply.statusCode} ${text}`);
    return text;
  };
  return {
    async claim() {
      const { lease } = JSON.parse(await send('POST', '/v1/leases')) as LeaseReply;
      if (lease.state === 'queued') throw new Error('Berth has queued what should have been granted');
      return async () => void (await send('DELETE', `/v1/leases/${lease.id}`));
    },
    async look() {
      const { flavors } = JSON.parse(await send('GET', '/gpus/flavors')) as FlavorsReply;
      return flavors[0]?.available ?? 0;
    },
    conflicts: () => 0,
    close: () => pool.close(),
  };
}
