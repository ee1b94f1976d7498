/** Claiming GPUs in Placement, the way Nova's scheduler does it: candidates, then an allocation. */
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import type { LoadClient, Target } from './load-process.ts';

/** What all hosts have, and what a claim takes beside its GPUs, on both sides of the comparison. */
export const HOST_CAPACITY = { VCPU: 64, MEMORY_MB: 262_144, DISK_GB: 2000 } as const;
export const CLAIM = { VCPU: 8, MEMORY_MB: 32_768, DISK_GB: 100 } as const;
export const GPU_RESOURCE = 'CUSTOM_GPU';
export const GPU_TRAIT = 'CUSTOM_GPU_RTX2080';
/** Nova's own default, `[scheduler] max_placement_results`. */
export const NOVA_LIMIT = 1000;
/** Works from Train on; what Placement answers to a request does not depend on newer ones. */
const MICROVERSION = '1.36';
/** Nova's scheduler tries this often (nova/scheduler/client/report.py, Zed: claim_resources). */
const TRIES_MAX = 4;
/** Candidates of several GPUs on one host take minutes before they take no answer at all. */
export const ANSWER_MS_MAX = 60_000;

export interface CandidatesReply {
  readonly allocation_requests: readonly { readonly allocations: object }[];
  readonly provider_summaries: Readonly<
    Record<string, { readonly resources: Readonly<Record<string, { capacity: number; used: number }>> }>
  >;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** With the API's headers. `auth_strategy = noauth2` takes the token for the name of the user. */
export class PlacementApi {
  readonly #pool: Pool;

  constructor(url: string, connections: number) {
    const timeouts = { headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX };
    this.#pool = new Pool(url, { connections, pipelining: 1, ...timeouts });
  }

  async send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<Reply> {
    const headers: Record<string, string> = {
      'x-auth-token': 'admin',
      'openstack-api-version': `placement ${MICROVERSION}`,
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const sent = body === undefined ? null : JSON.stringify(body);
    const reply = await this.#pool.request({ method, path, headers, body: sent });
    return { status: reply.statusCode, text: await reply.body.text() };
  }

  /** Rejects with what Placement said unless it agreed. */
  async must(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<string> {
    const { status, text } = await this.send(method, path, body);
    if (status >= 300) throw new Error(`Placement: ${method} ${path}: ${status} ${text}`);
    return text;
  }

  async candidates(query: string): Promise<CandidatesReply> {
    return JSON.parse(await this.must('GET', `/allocation_candidates?${query}`)) as CandidatesReply;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

export function openPlacement(
  target: Extract<Target, { kind: 'placement' }>,
  connections: number,
): LoadClient {
  const api = new PlacementApi(target.url, connections);
  const query = `${claimQuery(target.gpus)}&limit=${target.limit}`;
  let conflicts = 0;
  const claim = async (): Promise<() => Promise<void>> => {
    const consumer = `/allocations/${randomUUID()}`;
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      const { allocation_requests: requests } = await api.candidates(query);
      // Any of them: all clients taking the first would only take it from each other.
      const request = requests[Math.floor(Math.random() * requests.length)];
      if (request === undefined) throw new Error('Placement has no candidate');
      const owner = { project_id: 'bench', user_id: 'bench', consumer_generation: null };
      const { status, text } = await api.send('PUT', consumer, {
        ...owner,
        allocations: request.allocations,
      });
      if (status === 204) return async () => void (await api.must('DELETE', consumer));
      if (status !== 409) throw new Error(`Placement: PUT ${consumer}: ${status} ${text}`);
      conflicts += 1;
    }
    throw new Error(`Placement: a claim was refused ${TRIES_MAX} times`);
  };
  return {
    claim,
    look: async () => freeGpus(await api.candidates(claimQuery(1))),
    conflicts: () => conflicts,
    close: () => api.close(),
  };
}

/** Of all hosts that one claim would fit on; what is free for claims of any size follows from it. */
function freeGpus({ provider_summaries: summaries }: CandidatesReply): number {
  let free = 0;
  for (const { resources } of Object.values(summaries)) {
    const { capacity = 0, used = 0 } = resources[GPU_RESOURCE] ?? {};
    free += capacity - used;
  }
  return free;
}

function claimQuery(gpus: number): string {
  const wanted = Object.entries({ ...CLAIM, [GPU_RESOURCE]: gpus });
  return `resources=${wanted.map(([name, amount]) => `${name}:${amount}`).join(',')}&required=${GPU_TRAIT}`;
}
