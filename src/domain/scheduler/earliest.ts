/**
 * For a demand that waits: on which host does it fit first? A tournament tree over the hosts of a pool
 * holds, per demand, the earliest time at which each host has room; a changed host costs O(claims + log
 * hosts) when next asked, the answer O(1). Times do not depend on now: room at present is 0, an overdue
 * claim keeps its (past) time.
 */
import type { Claim } from '../model/claim.ts';
import { earliestOn, firstReleaseOfUnits } from './earliest-on.ts';
import { addCounts, addResources, fits, type Need } from './free.ts';
import { hasCalendar, isOpen, type HostRow } from './host-row.ts';

interface Tree {
  readonly need: Need;
  /** Inner nodes 1..size-1, leaves size..2*size-1; a parent holds the smaller of its two children. */
  times: Float64Array;
  size: number;
  readonly dirty: Set<HostRow>;
}

export interface Earliest {
  readonly row: HostRow;
  readonly startMs: number;
}

/** As which moment, and with which imagined claims, the hosts are looked at. */
interface View {
  readonly nowMs: number;
  readonly extra: ReadonlyMap<HostRow, readonly Claim[]>;
}

/** Trees kept: only demands that wait at the head of the queue or are forecast need one. */
const TREES_MAX = 32;

export class EarliestIndex {
  readonly #trees = new Map<string, Tree>();
  readonly #rows: readonly (HostRow | null)[];

  /** `rows` is the pool's own list by row index; it may grow. */
  constructor(rows: readonly (HostRow | null)[]) {
    this.#rows = rows;
  }

  /** To be called for each change of a host, and of the claims that are imagined on it. */
  touch(row: HostRow): void {
    for (const tree of this.#trees.values()) tree.dirty.add(row);
  }

  /**
   * The best host and time for `need` held for `durationMs`, given `extra` claims that are only imagined
   * (by host; `touch` says when they come and go). Looks at no more hosts than have an earlier lower bound
   * than the answer, and at most `visitsMax`.
   */
  find(
    key: string,
    need: Need,
    durationMs: number,
    nowMs: number,
    extra: ReadonlyMap<HostRow, readonly Claim[]> = new Map(),
    visitsMax = 4096,
  ): Earliest | null {
    const tree = this.#tree(key, need, { nowMs, extra });
    let best: Earliest | null = null;
    let visits = 0;
    const open: number[] = [1];
    // Best first through the tree: the open list is short (one path and its siblings), so a scan beats a
    // heap.
    while (open.length > 0 && visits < visitsMax) {
      let at = 0;
      // Of equal ones the last, which is the deepest: many leases may end at the same time.
      for (let i = 1; i < open.length; i++)
        if (this.#time(tree, open[i]) <= this.#time(tree, open[at])) at = i;
      const node = open[at] ?? 1;
      open[at] = open[open.length - 1] ?? 1;
      open.pop();
      const bound = this.#time(tree, node);
      if (bound === Number.POSITIVE_INFINITY) break;
      if (best !== null && atEarliest(bound, nowMs) >= best.startMs) break;
      if (node < tree.size) {
        open.push(2 * node + 1, 2 * node);
        continue;
      }
      const row = this.#rows[node - tree.size];
      if (row === null || row === undefined) continue;
      visits += 1;
      const imagined = extra.get(row);
      const exact = hasCalendar(row) || imagined !== undefined;
      const startMs = exact ? earliestOn(row, need, durationMs, nowMs, imagined) : atEarliest(bound, nowMs);
      if (best === null || startMs < best.startMs) best = { row, startMs };
    }
    return best === null || best.startMs === Number.POSITIVE_INFINITY ? null : best;
  }

  /**
   * Whether fewer than `limit` other hosts surely have room for `need`, however long, before this one has.
   */
  isAmongFirst(key: string, need: Need, row: HostRow, limit: number): boolean {
    const tree = this.#tree(key, need, { nowMs: 0, extra: new Map() });
    const ownMs = this.#time(tree, tree.size + row.index);
    let earlier = 0;
    const open: number[] = [1];
    for (let node = open.pop(); node !== undefined && earlier < limit; node = open.pop()) {
      if (this.#time(tree, node) >= ownMs) continue;
      if (node < tree.size) {
        open.push(2 * node + 1, 2 * node);
        continue;
      }
      const other = this.#rows[node - tree.size];
      if (other !== null && other !== undefined && !hasCalendar(other)) earlier += 1;
    }
    return earlier < limit;
  }

  #time(tree: Tree, node: number | undefined): number {
    return tree.times[node ?? 1] ?? Number.POSITIVE_INFINITY;
  }

  #tree(key: string, need: Need, view: View): Tree {
    let tree = this.#trees.get(key);
    if (tree === undefined) {
      if (this.#trees.size >= TREES_MAX) {
        const oldest = this.#trees.keys().next().value;
        if (oldest !== undefined) this.#trees.delete(oldest);
      }
      tree = { need, times: new Float64Array(0), size: 0, dirty: new Set() };
    } else {
      // Most recently used last, so that the oldest goes first.
      this.#trees.delete(key);
    }
    this.#trees.set(key, tree);
    if (tree.size < this.#rows.length || tree.size === 0) this.#build(tree, view);
    else this.#repair(tree, view);
    return tree;
  }

  #build(tree: Tree, view: View): void {
    let size = 1;
    while (size < this.#rows.length) size *= 2;
    tree.size = size;
    tree.times = new Float64Array(2 * size).fill(Number.POSITIVE_INFINITY);
    tree.dirty.clear();
    this.#rows.forEach((row, index) => {
      if (row !== null) tree.times[size + index] = lowerBound(row, tree.need, view);
    });
    for (let node = size - 1; node >= 1; node--) this.#pull(tree, node);
  }

  #repair(tree: Tree, view: View): void {
    for (const row of tree.dirty) {
      const leaf = tree.size + row.index;
      tree.times[leaf] =
        this.#rows[row.index] === row ? lowerBound(row, tree.need, view) : Number.POSITIVE_INFINITY;
      for (let node = leaf >> 1; node >= 1; node >>= 1) this.#pull(tree, node);
    }
    tree.dirty.clear();
  }

  #pull(tree: Tree, node: number): void {
    tree.times[node] = Math.min(this.#time(tree, 2 * node), this.#time(tree, 2 * node + 1));
  }
}

/**
 * A tree's time as a start: room now, or an end that is still to come; an overdue one is expected any
 * moment.
 */
function atEarliest(boundMs: number, nowMs: number): number {
  return boundMs === 0 ? nowMs : Math.max(boundMs, nowMs + 1);
}

/**
 * 0: room now. Otherwise the expected release that first makes room, planned windows and drains left aside.
 */
function lowerBound(row: HostRow, need: Need, { nowMs, extra }: View): number {
  if (!isOpen(row.host) || !fits(row.empty, need)) return Number.POSITIVE_INFINITY;
  const imagined = extra.get(row);
  if (imagined !== undefined) {
    // A moment is the shortest use: who needs longer finds no earlier time.
    const startMs = earliestOn(row, need, 1, nowMs, imagined);
    return startMs === nowMs ? 0 : startMs;
  }
  if (fits(row.free, need)) return 0;
  const held: Claim[] = [];
  for (const entry of row.claims.values()) if (entry.held) held.push(entry.claim);
  held.sort((a, b) => a.untilMs - b.untilMs);
  if (row.host.claimKind === 'unit') return firstReleaseOfUnits(row, need, held);
  let { free } = row;
  for (const claim of held) {
    const resources = addResources(free.resources, claim.resources);
    free = { resources, singles: addCounts(free.singles, claim.devices), groups: [] };
    if (fits(free, need)) return claim.untilMs;
  }
  return Number.POSITIVE_INFINITY;
}
