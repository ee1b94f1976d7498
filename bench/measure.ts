/** How figures are taken: interleaved pairs, medians, quantiles. Nothing here knows what is measured. */
import { assertDefined } from '../src/base/assert.ts';

/** Fewer pairs let one disturbance of a shared machine decide the median. */
export const PAIRS = 5;

export interface Pairs {
  readonly ours: readonly number[];
  readonly bare: readonly number[];
  /** Median of ours divided by median of bare. */
  readonly ratio: number;
}

/**
 * Runs `bare` and `ours` by turns (A B A B …), so that what else the machine does hits both alike. Each
 * answers with a rate; one run of each before that only warms up.
 */
export async function interleave(
  bare: () => Promise<number>,
  ours: () => Promise<number>,
  pairs: number = PAIRS,
): Promise<Pairs> {
  await bare();
  await ours();
  const taken: { readonly ours: number[]; readonly bare: number[] } = { ours: [], bare: [] };
  for (let pair = 0; pair < pairs; pair++) {
    taken.bare.push(await bare());
    taken.ours.push(await ours());
  }
  return { ...taken, ratio: median(taken.ours) / median(taken.bare) };
}

export function median(values: readonly number[]): number {
  return quantiles(values, [0.5])[0] ?? Number.NaN;
}

/**
 * For each `q` (0..1) the value that such a part of the values does not exceed; nearest rank, one sort.
 * Needs at least one value.
 */
export function quantiles(values: readonly number[], qs: readonly number[]): readonly number[] {
  const sorted = Float64Array.from(values).toSorted();
  return qs.map((q) => {
    const rank = Math.max(0, Math.ceil(q * sorted.length) - 1);
    return assertDefined(sorted[rank], 'a quantile needs values');
  });
}
