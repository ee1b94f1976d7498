/**
 * What Placement knows of the hosts: each compute node with what it has and what is used, and the device
 * providers below it. Owns how this is read in few calls (one, as long as no host is full), and what is kept
 * of it for the time when Placement does not answer. It counts nothing.
 */
import type { Clock } from '../../base/clock.ts';
import { formatTime, MINUTE_MS } from '../../base/units.ts';
import { ProviderError } from '../../engine/ports.ts';
import type { OpenStackSession } from '../session.ts';
import { readFullTree } from './full-tree.ts';
import { listSummaries, type ProviderSummary } from './summaries.ts';

/** A compute node and everything below it. */
export interface Tree {
  readonly root: ProviderSummary;
  /** With the root, which may have devices itself. */
  readonly providers: readonly ProviderSummary[];
}

/** By hypervisor id. */
export type Trees = ReadonlyMap<string, Tree>;

/** A host that was full when it was first seen costs some 20 calls; so many are read in a poll. */
const FULL_TREES_MAX = 2;
/** A hypervisor that Placement does not know is asked for again after this. */
const ABSENT_MS = 5 * MINUTE_MS;

export class PlacementTrees {
  readonly #session: OpenStackSession;
  readonly #clock: Clock;
  #trees: ReadonlyMap<string, Tree> = new Map();
  #readAtMs: number | null = null;
  readonly #absentUntilMs = new Map<string, number>();

  constructor(session: OpenStackSession, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
  }

  /**
   * The trees of the hypervisors; null: Placement cannot be read by this account, or there is none. While it
   * does not answer, the trees as they were. Rejects with ProviderError where nothing was read before.
   */
  async read(hypervisorIds: readonly string[], warnings: string[]): Promise<Trees | null> {
    try {
      const found = treesOf(await listSummaries(this.#session));
      this.#trees = new Map([...found, ...(await this.#fullTrees(hypervisorIds, found))]);
      this.#readAtMs = this.#clock.wallMs();
      return this.#trees;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      if (CLOSED.has(error.code)) {
        warnings.push(
          `Placement cannot be read (${error.message}): capacities are those of the hypervisors, with ` +
            'vcpu_ratio, and accelerators that Placement counts are not offered',
        );
        return null;
      }
      if (this.#readAtMs === null) throw error;
      warnings.push(
        `Placement does not answer (${error.message}): its numbers are of ${formatTime(this.#readAtMs)}`,
      );
      return this.#trees;
    }
  }

  /** Those that the search has left out, because no memory is left on them. */
  async #fullTrees(
    hypervisorIds: readonly string[],
    found: Trees,
  ): Promise<readonly (readonly [string, Tree])[]> {
    const nowMs = this.#clock.monotonicMs();
    const full: (readonly [string, Tree])[] = [];
    let reads = 0;
    for (const id of hypervisorIds) {
      if (found.has(id)) continue;
      const known = this.#trees.get(id);
      if (known !== undefined) full.push([id, asFull(known)]);
      if (known !== undefined || nowMs < (this.#absentUntilMs.get(id) ?? 0) || reads === FULL_TREES_MAX)
        continue;
      reads += 1;
      const tree = treesOf(await readFullTree(this.#session, id)).get(id);
      if (tree === undefined) this.#absentUntilMs.set(id, nowMs + ABSENT_MS);
      else full.push([id, tree]);
    }
    return full;
  }
}

/** What an account gets that may not read, or a cloud without Placement. */
const CLOSED: ReadonlySet<ProviderError['code']> = new Set(['forbidden', 'unsupported', 'not_found']);

export function treesOf(summaries: readonly ProviderSummary[]): Trees {
  const byRoot = Map.groupBy(summaries, ({ rootId }) => rootId);
  const trees = new Map<string, Tree>();
  for (const [rootId, providers] of byRoot) {
    const root = providers.find(({ id }) => id === rootId);
    if (root !== undefined) trees.set(rootId, { root, providers });
  }
  return trees;
}

/** Its memory is used up; the rest is as it was when last seen. */
function asFull({ root, providers }: Tree): Tree {
  const capacity = root.resources['MEMORY_MB']?.capacity ?? 0;
  const full = { ...root, resources: { ...root.resources, MEMORY_MB: { capacity, used: capacity } } };
  return { root: full, providers: providers.map((provider) => (provider === root ? full : provider)) };
}
