/**
 * The index that makes placement cheap: hosts grouped by what is free on them. Hosts of one *shape* are
 * interchangeable, and a cloud has few shapes whatever its size, so a decision looks at shapes instead of
 * hosts: for each demand a heap holds the non-empty shapes that fit, best first. Cost per decision O(log
 * shapes); per change of a host O(demands · log shapes) only when its shape becomes empty or was empty.
 */
import { Heap } from '../../base/heap.ts';
import { assert } from '../../base/assert.ts';
import type { Settings } from '../settings.ts';
import {
  countOf,
  fits,
  freeKey,
  instances,
  take,
  totalDevices,
  devicesFree,
  type Free,
  type Need,
} from './free.ts';
import type { HostRow } from './host-row.ts';

export interface Shape {
  readonly key: string;
  readonly free: Free;
  readonly rows: HostRow[];
}

interface Ranked {
  readonly shape: Shape;
  readonly score: number;
}

interface DemandIndex {
  readonly need: Need;
  readonly heap: Heap<Ranked>;
  /** Shapes now in the heap (possibly empty ones, dropped when they come up). */
  readonly inHeap: Set<Shape>;
  /** Scores computed once: a shape never changes. null: does not fit. */
  readonly scores: Map<Shape, number | null>;
}

/**
 * Demands with an index of their own; more than any catalogue of flavors, and a bound for hand-made
 * requirements.
 */
const DEMANDS_MAX = 256;
/** Empty shapes are remembered (with their scores) up to this number. */
const SHAPES_MAX = 4096;

export class ShapeIndex {
  readonly #shapes = new Map<string, Shape>();
  readonly #where = new Map<HostRow, { shape: Shape; position: number }>();
  readonly #demands = new Map<string, DemandIndex>();
  #tasks: readonly Need[] = [];
  readonly #placement: Settings['placement'];

  constructor(placement: Settings['placement']) {
    this.#placement = placement;
  }

  /**
   * The mix of requests against which fragmentation is measured: the catalogue's GPU flavors, each with
   * equal weight.
   */
  setTasks(tasks: readonly Need[]): void {
    this.#tasks = tasks;
    this.#demands.clear();
  }

  /** All shapes that have hosts: for counting what is available. */
  *shapes(): Iterable<Shape> {
    for (const shape of this.#shapes.values()) if (shape.rows.length > 0) yield shape;
  }

  /** Puts a host where its `free` says. */
  place(row: HostRow): void {
    const key = freeKey(row.free);
    const old = this.#where.get(row);
    if (old !== undefined) {
      if (old.shape.key === key) return;
      this.#takeOut(old);
    }
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      this.#forgetSome();
      shape = { key, free: row.free, rows: [] };
      this.#shapes.set(key, shape);
    }
    const position = shape.rows.push(row) - 1;
    if (old === undefined) this.#where.set(row, { shape, position });
    else {
      old.shape = shape;
      old.position = position;
    }
    if (shape.rows.length === 1) for (const demand of this.#demands.values()) this.#enter(demand, shape);
  }

  remove(row: HostRow): void {
    const old = this.#where.get(row);
    if (old === undefined) return;
    this.#takeOut(old);
    this.#where.delete(row);
  }

  /** True if some host has room for the demand at this moment. */
  anyFits(key: string, need: Need): boolean {
    return this.#best(this.#demand(key, need)) !== undefined;
  }

  /**
   * Visits hosts that fit, best shape first, until `visit` returns true or `limit` hosts were visited.
   * Returns whether a visit was successful.
   */
  visit(key: string, need: Need, limit: number, visit: (row: HostRow) => boolean): boolean {
    const demand = this.#demand(key, need);
    const setAside: Ranked[] = [];
    let left = limit;
    let found = false;
    for (let best = this.#best(demand); best !== undefined && left > 0 && !found; best = this.#best(demand)) {
      const { rows } = best.shape;
      for (let i = rows.length - 1; i >= 0 && left > 0 && !found; i--, left--) {
        const row = rows[i];
        if (row !== undefined) found = visit(row);
      }
      if (!found) {
        demand.heap.pop();
        setAside.push(best);
      }
    }
    for (const ranked of setAside) demand.heap.push(ranked);
    return found;
  }

  #best(demand: DemandIndex): Ranked | undefined {
    for (;;) {
      const top = demand.heap.peek();
      if (top === undefined || top.shape.rows.length > 0) return top;
      demand.heap.pop();
      demand.inHeap.delete(top.shape);
    }
  }

  #demand(key: string, need: Need): DemandIndex {
    const known = this.#demands.get(key);
    if (known !== undefined) return known;
    if (this.#demands.size >= DEMANDS_MAX) {
      const oldest = this.#demands.keys().next().value;
      if (oldest !== undefined) this.#demands.delete(oldest);
    }
    const demand: DemandIndex = {
      need,
      heap: new Heap((a, b) => a.score < b.score || (a.score === b.score && a.shape.key < b.shape.key)),
      inHeap: new Set(),
      scores: new Map(),
    };
    this.#demands.set(key, demand);
    for (const shape of this.#shapes.values()) if (shape.rows.length > 0) this.#enter(demand, shape);
    return demand;
  }

  #enter(demand: DemandIndex, shape: Shape): void {
    if (demand.inHeap.has(shape)) return;
    let score = demand.scores.get(shape);
    if (score === undefined) {
      score = fits(shape.free, demand.need) ? this.#score(shape.free, demand.need) : null;
      demand.scores.set(shape, score);
    }
    if (score === null) return;
    demand.inHeap.add(shape);
    demand.heap.push({ shape, score });
  }

  /** Lower is better. */
  #score(free: Free, need: Need): number {
    const left = totalFree(free);
    switch (this.#placement) {
      case 'best_fit':
        return left;
      case 'spread':
        return -left;
      case 'least_fragmentation':
        // Ties (nothing stranded either way) go to the fuller host.
        return (this.#stranded(take(free, need).free) - this.#stranded(free)) * 1024 + left;
    }
  }

  /**
   * Cards on a host that the catalogue's flavors cannot use, averaged over the flavors. After Weng et al.,
   * "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX
   * ATC 2023, with whole cards: what is left over when a flavor is packed as often as it fits counts as
   * stranded for that flavor.
   */
  #stranded(free: Free): number {
    if (this.#tasks.length === 0) return 0;
    let sum = 0;
    for (const task of this.#tasks) {
      const count = instances(free, task);
      for (const deviceClass in task.devices) {
        sum += devicesFree(free, deviceClass) - count * countOf(task.devices, deviceClass);
      }
    }
    return sum / this.#tasks.length;
  }

  #takeOut(entry: { shape: Shape; position: number }): void {
    const { shape, position } = entry;
    const last = shape.rows.pop();
    assert(last !== undefined, 'a shape that a host is in is not empty');
    if (position === shape.rows.length) return;
    shape.rows[position] = last;
    const moved = this.#where.get(last);
    assert(moved !== undefined, 'each host in a shape knows its place');
    moved.position = position;
  }

  #forgetSome(): void {
    if (this.#shapes.size < SHAPES_MAX) return;
    for (const [key, shape] of this.#shapes) {
      if (shape.rows.length > 0) continue;
      this.#shapes.delete(key);
      // A heap may still hold it; it is empty, so it is dropped there when it comes up.
      for (const demand of this.#demands.values()) demand.scores.delete(shape);
    }
  }
}

function totalFree(free: Free): number {
  let total = totalDevices(free.singles);
  for (const group of free.groups) total += totalDevices(group);
  return total;
}
