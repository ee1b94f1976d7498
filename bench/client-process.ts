/**
 * The client of the HTTP benchmarks, the same for all servers: loops over kept connections for a given
 * time.
 */
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { answer } from './child.ts';
import { FLAVOR } from './service.ts';

export interface ClientQuestion {
  readonly url: string;
  readonly token: string;
  readonly forMs: number;
  /** Each loop has one request under way. */
  readonly loops: readonly { readonly kind: LoopKind; readonly count: number }[];
}

export type LoopKind =
  /** POST a lease, DELETE it: two requests. */
  | 'borrow'
  /** POST the same body, nothing more. */
  | 'post'
  /** GET the flavor report. */
  | 'flavors'
  /** GET one live lease. */
  | 'lease';

export interface ClientAnswer {
  /** By kind of loop: how long each request took, ms. */
  readonly tookMs: Readonly<Partial<Record<LoopKind, readonly number[]>>>;
  readonly seconds: number;
}

answer(async ({ url, token, forMs, loops }: ClientQuestion) => {
  const connections = loops.reduce((sum, loop) => sum + loop.count, 0);
  const client = new Client(url, token, connections);
  const leaseId = loops.some((loop) => loop.kind === 'lease') ? await client.borrow() : '';
  const tookMs: Partial<Record<LoopKind, number[]>> = {};
  const startMs = performance.now();
  const endMs = startMs + forMs;
  const run = async (kind: LoopKind, taken: number[]): Promise<void> => {
    while (performance.now() < endMs) await client.turn(kind, leaseId, taken);
  };
  await Promise.all(
    loops.flatMap(({ kind, count }) => {
      const taken = (tookMs[kind] ??= []);
      return Array.from({ length: count }, () => run(kind, taken));
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  if (leaseId !== '') await client.giveBack(leaseId);
  await client.close();
  return { tookMs, seconds } satisfies ClientAnswer;
});

class Client {
  readonly #pool: Pool;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #body = JSON.stringify({ flavor: FLAVOR, duration: '1h', at_end: 'delete' });

  constructor(url: string, token: string, connections: number) {
    this.#pool = new Pool(url, { connections, pipelining: 1 });
    this.#headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  }

  async turn(kind: LoopKind, leaseId: string, taken: number[]): Promise<void> {
    const timed = async <T>(request: Promise<T>): Promise<T> => {
      const startMs = performance.now();
      const result = await request;
      taken.push(performance.now() - startMs);
      return result;
    };
    switch (kind) {
      case 'borrow': {
        const id = await timed(this.borrow());
        await timed(this.giveBack(id));
        return;
      }
      case 'post':
        await timed(this.#send('POST', '/v1/leases', this.#body));
        return;
      case 'flavors':
        await timed(this.#send('GET', '/gpus/flavors', null));
        return;
      case 'lease':
        await timed(this.#send('GET', `/v1/leases/${leaseId}`, null));
    }
  }

  async borrow(): Promise<string> {
    const text = await this.#send('POST', '/v1/leases', this.#body);
    const reply = JSON.parse(text) as { readonly lease: { readonly id: string } };
    return reply.lease.id;
  }

  async giveBack(id: string): Promise<void> {
    await this.#send('DELETE', `/v1/leases/${id}`, null);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', path: string, body: string | null): Promise<string> {
    const headers: Record<string, string> = { ...this.#headers };
    if (method !== 'GET') headers['idempotency-key'] = randomUUID();
    if (body !== null) headers['content-type'] = 'application/json';
    const reply = await this.#pool.request({ method, path, headers, body });
    const text = await reply.body.text();
    if (reply.statusCode >= 300) throw new Error(`${method} ${path}: ${reply.statusCode} ${text}`);
    return text;
  }
}
