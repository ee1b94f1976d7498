/**
 * Which units each wanted machine gets. Exact: units that differ in nothing that counts are one class, and
 * the best rest of each (machine, what is left of each class) is computed once.
 */

/** What counts of a unit. */
export interface Piece {
  readonly key: string;
  /** GPUs in it, 1 or more. */
  readonly size: number;
  readonly model: string;
  readonly numaNodes: readonly number[];
}

/** Keys of the pieces that a wanted machine gets. */
export interface Share {
  readonly wanted: number;
  readonly keys: readonly string[];
}

/** Of one machine. In this order, smaller is better. */
export type Cost = readonly [inexact: number, pieces: number, crosses: number, stranded: number];

export type Solution =
  | { readonly kind: 'shares'; readonly shares: readonly Share[]; readonly stranded: number }
  | { readonly kind: 'none' }
  /** Too many different groups to try everything within the steps. */
  | { readonly kind: 'too_many' };

/** Ways looked at, some of them in part; about a second. */
const STEPS_MAX = 300_000;

interface PieceClass {
  readonly size: number;
  readonly model: string;
  readonly numaNodes: readonly number[];
  readonly keys: readonly string[];
}

interface Best {
  /** Of this machine and those after it. */
  readonly costs: readonly Cost[];
  /** Of each class, for this machine; those left out at the end are 0. */
  readonly taken: readonly number[];
}

class TooManySteps extends Error {
  override readonly name = 'TooManySteps';
}

/**
 * A share covers what is wanted: by one piece of the exact size first, then by fewest pieces, then on one
 * NUMA node, then with fewest GPUs that nobody can use. The largest machine chooses first, but nothing by
 * which a later one would get none. No piece is in two shares. Shares are in the order of `wants`.
 */
export function solve(
  pieces: readonly Piece[],
  wants: readonly number[],
  stepsMax: number = STEPS_MAX,
): Solution {
  const classes = classesOf(pieces);
  const order = wants.map((_, at) => at).toSorted((a, b) => (wants[b] ?? 0) - (wants[a] ?? 0));
  const sorted = order.map((at) => wants[at] ?? 0);
  const best = searchFor(classes, sorted, stepsMax);
  try {
    const first = best(0, countsOf(classes));
    if (first === null) return { kind: 'none' };
    const stranded = first.costs.reduce((sum, cost) => sum + cost[3], 0);
    return { kind: 'shares', shares: sharesOf(classes, order, sorted, best), stranded };
  } catch (error) {
    if (error instanceof TooManySteps) return { kind: 'too_many' };
    throw error;
  }
}

type Search = (at: number, left: readonly number[]) => Best | null;

/** The best rest for the machines from `at` on, with so many left of each class; null: there is none. */
function searchFor(classes: readonly PieceClass[], sorted: readonly number[], stepsMax: number): Search {
  const known = new Map<string, Best | null>();
  let steps = 0;
  const step = (): void => {
    steps += 1;
    if (steps > stepsMax) throw new TooManySteps();
  };
  const best: Search = (at, left) => {
    const wanted = sorted[at];
    if (wanted === undefined) return { costs: [], taken: [] };
    const state = `${at}:${left.join(',')}`;
    const found = known.get(state);
    if (found !== undefined) return found;
    let chosen: Best | null = null;
    for (const taken of coversOf(classes, left, wanted, step)) {
      const own = costOf(classes, taken, wanted);
      if (chosen !== null && compareCosts([own], chosen.costs.slice(0, 1)) > 0) continue;
      const rest = best(at + 1, less(left, taken));
      if (rest === null) continue;
      const costs = [own, ...rest.costs];
      if (chosen === null || compareCosts(costs, chosen.costs) < 0) chosen = { costs, taken };
    }
    known.set(state, chosen);
    return chosen;
  };
  return best;
}

/** Every number of GPUs that one machine can get without stranding one, ascending. */
export function achievableSizes(pieces: readonly Piece[]): readonly number[] {
  const all = new Set<number>();
  for (const model of new Set(pieces.map((piece) => piece.model))) {
    let sums = new Set([0]);
    for (const { size } of pieces.filter((piece) => piece.model === model)) {
      sums = new Set([...sums].flatMap((sum) => [sum, sum + size]));
    }
    for (const sum of sums) if (sum > 0) all.add(sum);
  }
  return [...all].toSorted((a, b) => a - b);
}

function classesOf(pieces: readonly Piece[]): readonly PieceClass[] {
  const grouped = Map.groupBy(pieces, ({ size, model, numaNodes }) => `${model}|${size}|${numaNodes.join()}`);
  return [...grouped].flatMap(([, [first, ...more]]) => {
    if (first === undefined) return [];
    const { size, model, numaNodes } = first;
    return [{ size, model, numaNodes, keys: [first, ...more].map(({ key }) => key) }];
  });
}

/** Ways to cover `wanted` with classes of one model, in which no piece could be left out. */
function coversOf(
  classes: readonly PieceClass[],
  left: readonly number[],
  wanted: number,
  step: () => void,
): readonly (readonly number[])[] {
  const found: (readonly number[])[] = [];
  const visit = (model: string, taken: readonly number[], missing: number): void => {
    step();
    if (missing <= 0) {
      const isMinimal = taken.every(
        (count, index) => count === 0 || missing + (classes[index]?.size ?? 0) > 0,
      );
      if (isMinimal) found.push(taken);
      return;
    }
    const at = taken.length;
    const next = classes[at];
    if (next === undefined || roomIn(classes, left, model, at) < missing) return;
    const useful = next.model === model ? Math.ceil(missing / next.size) : 0;
    for (let count = Math.min(useful, left[at] ?? 0); count >= 0; count -= 1) {
      visit(model, [...taken, count], missing - count * next.size);
    }
  };
  for (const model of new Set(classes.map((one) => one.model))) visit(model, [], wanted);
  return found;
}

/** GPUs of a model in what is left of the classes from `from` on. */
function roomIn(
  classes: readonly PieceClass[],
  left: readonly number[],
  model: string,
  from: number,
): number {
  let room = 0;
  for (let at = from; at < classes.length; at += 1) {
    if (classes[at]?.model === model) room += (classes[at]?.size ?? 0) * (left[at] ?? 0);
  }
  return room;
}

function costOf(classes: readonly PieceClass[], taken: readonly number[], wanted: number): Cost {
  const nodes = new Set<number>();
  let [pieces, gpus] = [0, 0];
  for (const [index, { size, numaNodes }] of classes.entries()) {
    const count = taken[index] ?? 0;
    pieces += count;
    gpus += count * size;
    if (count > 0) for (const node of numaNodes) nodes.add(node);
  }
  return [pieces === 1 && gpus === wanted ? 0 : 1, pieces, nodes.size > 1 ? 1 : 0, gpus - wanted];
}

function sharesOf(
  classes: readonly PieceClass[],
  order: readonly number[],
  sorted: readonly number[],
  best: Search,
): readonly Share[] {
  const shares = Array.from<Share>({ length: order.length });
  let left = countsOf(classes);
  for (const [at, place] of order.entries()) {
    const taken = best(at, left)?.taken ?? [];
    const keys = classes.flatMap((one, index) => {
      const from = one.keys.length - (left[index] ?? 0);
      return one.keys.slice(from, from + (taken[index] ?? 0));
    });
    shares[place] = { wanted: sorted[at] ?? 0, keys };
    left = less(left, taken);
  }
  return shares;
}

function countsOf(classes: readonly PieceClass[]): readonly number[] {
  return classes.map(({ keys }) => keys.length);
}

function less(left: readonly number[], taken: readonly number[]): readonly number[] {
  return left.map((count, index) => count - (taken[index] ?? 0));
}

/** Below 0: the first differing number is smaller in `a`. Both are of as many machines. */
function compareCosts(a: readonly Cost[], b: readonly Cost[]): number {
  const [left, right] = [a.flat(), b.flat()];
  const at = left.findIndex((value, index) => value !== right[index]);
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}
