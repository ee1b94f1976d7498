/** Sides of a comparison by turns (A B A B …), so that what else the machine does hits all alike. */
import { median } from '../measure.ts';

/** One run of each side. */
export type Round<Side extends string, Sample> = Readonly<Record<Side, Sample>>;

/** How much is measured. */
export interface Effort {
  readonly rounds: number;
  /** Of one run of one side; requests under way are waited for. */
  readonly runMs: number;
}

/** Fewer than five rounds let one disturbance of a shared machine decide the median. */
export const FULL: Effort = { rounds: 5, runMs: 3000 };
/** Shows that it works; its figures are worth little. */
export const QUICK: Effort = { rounds: 1, runMs: 500 };

/** All sides once to warm up, then in rounds. */
export async function takeRounds<Side extends string, Sample>(
  sides: Readonly<Record<Side, () => Promise<Sample>>>,
  rounds: number,
): Promise<readonly Round<Side, Sample>[]> {
  const taken: Round<Side, Sample>[] = [];
  for (let round = 0; round <= rounds; round++) {
    const samples: Partial<Record<Side, Sample>> = {};
    for (const side in sides) samples[side] = await sides[side]();
    if (round > 0) taken.push(samples as Round<Side, Sample>);
  }
  return taken;
}

/** The median of what `of` makes of each round, a ratio for example. */
export function medianOf<Of>(rounds: readonly Of[], of: (round: Of) => number): number {
  return median(rounds.map(of));
}
