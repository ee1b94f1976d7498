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

/** In this order, smaller is better. */
export type Cost = readonly [inexact: number, pieces: number, crossings: number, stranded: number];

export type Solution =
  | { readonly kind: 'shares'; readonly shares: readonly Share[]; readonly cost: Cost }
  | { readonly kind: 'none' }
  /** Too many different groups to try everything within `STEPS_MAX`. */
  | { readonly kind: 'too_many' };

/** Ways looked at; about two seconds. A host of 16 GPUs in 16 groups on 8 nodes needs a hundredth. */
const STEPS_MAX = 1_000_000;

interface PieceClass {
  readonly size: number;
  readonly model: string;
  readonly numaNodes: readonly number[];
  readonly keys: readonly string[];
}

interface Best {
  readonly cost: Cost;
  /** Of each class, for this machine. */
  readonly taken: readonly number[];
}

class TooManySteps extends Error {
  override readonly name = 'TooManySteps';
}

/**
 * A share covers what is wanted: a piece whose size is exact first, then fewest pieces, then one NUMA node,
 * then fewest GPUs that nobody can use. No piece is in two shares. Shares are in the order of `wants`.
 */
export function solve(
  pieces: readonly Piece[],
  wants: readonly number[],
  stepsMax: number = STEPS_MAX,
): Solution {
  const classes = classesOf(pieces);
  const order = wants.map((_, at) => at).toSorted((a, b) => (wants[b] ?? 0) - (wants[a] ?? 0));
  const sorted = order.map((at) => wants[at] ?? 0);
  const known = new Map<string, Best | null>();
  let steps = 0;
  const best = (at: number, left: readonly number[]): Best | null => {
    const wanted = sorted[at];
    if (wanted === undefined) return { cost: NOTHING, taken: [] };
    const state = `${at}:${left.join(',')}`;
    const found = known.get(state);
    if (found !== undefined) return found;
    let chosen: Best | null = null;
    for (const taken of covers(classes, left, wanted)) {
      steps += 1;
      if (steps > stepsMax) throw new TooManySteps();
      const rest = best(
        at + 1,
        left.map((count, index) => count - (taken[index] ?? 0)),
      );
      if (rest === null) continue;
      const cost = add(costOf(classes, taken, wanted), rest.cost);
      if (chosen === null || isLess(cost, chosen.cost)) chosen = { cost, taken };
    }
    known.set(state, chosen);
    return chosen;
  };
  try {
    const first = best(
      0,
      classes.map(({ keys }) => keys.length),
    );
    if (first === null) return { kind: 'none' };
    return { kind: 'shares', shares: sharesOf(classes, order, sorted, best), cost: first.cost };
  } catch (error) {
    if (error instanceof TooManySteps) return { kind: 'too_many' };
    throw error;
  }
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

const NOTHING: Cost = [0, 0, 0, 0];

function classesOf(pieces: readonly Piece[]): readonly PieceClass[] {
  const grouped = Map.groupBy(pieces, ({ size, model, numaNodes }) => `${model}|${size}|${numaNodes.join()}`);
  return [...grouped].flatMap(([, [first, ...more]]) => {
    if (first === undefined) return [];
    const { size, model, numaNodes } = first;
    return [{ size, model, numaNodes, keys: [first, ...more].map(({ key }) => key) }];
  });
}

/** Ways to cover `wanted` with classes of one model, in which no piece could be left out. */
function* covers(
  classes: readonly PieceClass[],
  left: readonly number[],
  wanted: number,
): Generator<readonly number[]> {
  for (const model of new Set(classes.map((one) => one.model))) {
    yield* coversFrom(classes, left, wanted, model, []);
  }
}

function* coversFrom(
  classes: readonly PieceClass[],
  left: readonly number[],
  missing: number,
  model: string,
  taken: readonly number[],
): Generator<readonly number[]> {
  const at = taken.length;
  const next = classes[at];
  if (next === undefined) {
    const isMinimal = taken.every((count, index) => count === 0 || missing + (classes[index]?.size ?? 0) > 0);
    if (missing <= 0 && isMinimal) yield taken;
    return;
  }
  const useful = next.model === model && missing > 0 ? Math.ceil(missing / next.size) : 0;
  for (let count = Math.min(useful, left[at] ?? 0); count >= 0; count -= 1) {
    yield* coversFrom(classes, left, missing - count * next.size, model, [...taken, count]);
  }
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
  best: (at: number, left: readonly number[]) => Best | null,
): readonly Share[] {
  const shares = Array.from<Share>({ length: order.length });
  let left = classes.map(({ keys }) => keys.length);
  for (const [at, place] of order.entries()) {
    const taken = best(at, left)?.taken ?? [];
    const keys = classes.flatMap((one, index) => {
      const from = one.keys.length - (left[index] ?? 0);
      return one.keys.slice(from, from + (taken[index] ?? 0));
    });
    shares[place] = { wanted: sorted[at] ?? 0, keys };
    left = left.map((count, index) => count - (taken[index] ?? 0));
  }
  return shares;
}

function add(a: Cost, b: Cost): Cost {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]];
}

function isLess(a: Cost, b: Cost): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
