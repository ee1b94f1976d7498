/** The twentieth of the full simulation: ten histories of 5,000 steps, each run twice. */
import { expect, test } from 'vitest';
import { FAULT_KINDS } from '../../src/sim/faults.ts';
import { simulate, type Report } from '../sim/simulate.ts';
import { add } from '../sim/summary.ts';

const STEPS = 5000;
const SEEDS = Array.from({ length: 10 }, (_unused, index) => 101 + index);

test(
  'ten histories keep every invariant, come out the same twice, and meet every fault',
  { timeout: 600_000 },
  async () => {
    const reports: Report[] = [];
    for (const seed of SEEDS) {
      const report = await simulate(seed, STEPS);
      expect(report.violations, `seed ${seed}`).toEqual([]);
      expect(report.steps).toBeGreaterThanOrEqual(STEPS);
      expect((await simulate(seed, STEPS)).hash, `seed ${seed}`).toBe(report.hash);
      reports.push(report);
    }
    const faults = add(reports.map((report) => report.faults));
    const unmet = [...FAULT_KINDS, 'crash', 'commitRefused', 'commitInDoubt', 'clockStep'].filter(
      (kind) => !faults[kind],
    );
    expect(unmet).toEqual([]);
    expect(Object.keys(add(reports.map((report) => report.transitions))).length).toBeGreaterThanOrEqual(18);
  },
);
