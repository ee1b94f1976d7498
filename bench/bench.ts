/** What a benchmark hands back: tables to print, and figures held against a budget. */

/** Cells are printed as they are; numbers stand on the right. */
export type Row = readonly (string | number)[];

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly Row[];
}

export interface Check {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** What comparisons with peers can be told; the others have one size. */
export interface BenchOptions {
  /** Shows that a comparison works, in a minute; its figures are worth little. */
  readonly quick: boolean;
  /** How many there are; null: the sizes that the budgets are about. */
  readonly hosts: readonly number[] | null;
}

export interface Report {
  /** What was measured beside Berth: versions, settings. */
  readonly notes?: readonly string[];
  readonly tables: readonly Table[];
  readonly checks: readonly Check[];
}

export interface Bench {
  readonly name: string;
  readonly summary: string;
  readonly run: (options: BenchOptions) => Promise<Report>;
}

export function passes({ value, atMost, atLeast }: Check): boolean {
  return (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
}

/** Three significant digits: what is measured on a shared machine has no more. */
export function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
