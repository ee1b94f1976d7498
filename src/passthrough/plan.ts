/** The plan of a host: which machine gets which groups, or why that cannot be. */
import { err, ok, type Result } from '../base/result.ts';
import { cheapestChange } from './changes.ts';
import type { Inventory, PciDevice } from './device.ts';
import { compare, endpointsOf, groupsOf, type Group } from './groups.ts';
import { achievableSizes, solve, type Piece, type Share, type Solution } from './solve.ts';
import { boardOf, unitsOf, type Unit } from './units.ts';

/** Of each changed host that is tried, so that all together take no longer than the plan itself. */
const TRY_STEPS_MAX = 10_000;
const TOO_MANY = 'the groups differ in too many ways to try everything';

/** What a host can do, whatever is wanted of it. */
export interface Survey {
  readonly groups: readonly Group[];
  readonly units: readonly Unit[];
  /** Virtual machines with a GPU that can run at once. */
  readonly machinesMax: number;
  /** GPUs that one machine can get without stranding one, ascending. */
  readonly sizes: readonly number[];
  /** NVSwitches tie the NVIDIA GPUs together. */
  readonly hasBoard: boolean;
}

/** What one virtual machine gets. */
export interface Lot {
  readonly wanted: number;
  readonly units: readonly Unit[];
  /** `wanted` GPUs. */
  readonly gpus: readonly PciDevice[];
  /** Of the same groups, and of no use while the machine lives. */
  readonly stranded: readonly PciDevice[];
  /** Passed beside the GPUs. */
  readonly switches: readonly PciDevice[];
}

export interface Plan extends Survey {
  /** In the order in which they are wanted. */
  readonly lots: readonly Lot[];
  readonly spare: readonly Unit[];
  /** Every function that a VFIO driver has to hold, by address. */
  readonly bound: readonly PciDevice[];
  /** What would free stranded or blocked cards; empty: there are none, or nothing frees them. */
  readonly change: readonly string[];
}

export interface Refusal {
  readonly survey: Survey;
  readonly reason: string;
  /** The cheapest thing to do; empty: nothing known is enough. */
  readonly change: readonly string[];
  /** What the host can do as it is. */
  readonly instead: readonly (readonly number[])[];
}

export interface Wish {
  /** GPUs of each machine; null: every unit as one machine. */
  readonly wants: readonly number[] | null;
  readonly givesConsole: boolean;
}

/** The best split of a host, or a refusal that says what to do about it. */
export function planOf({ devices }: Inventory, { wants, givesConsole }: Wish): Result<Plan, Refusal> {
  const groups = groupsOf(devices, givesConsole);
  const units = unitsOf(groups);
  const pieces = units.map(pieceOf);
  const hasBoard = boardOf(groups).length > 0;
  const survey = { groups, units, machinesMax: units.length, sizes: achievableSizes(pieces), hasBoard };
  if (units.length === 0) return err(refusalOf(survey, wants ?? [1]));
  const solution = wants === null ? wholeUnits(units) : solve(pieces, wants);
  if (solution.kind === 'too_many')
    return err({ survey, reason: TOO_MANY, change: ['Ask for fewer machines at once'], instead: [] });
  if (solution.kind === 'none') return err(refusalOf(survey, wants ?? []));
  const lots = solution.shares.map((share) => lotOf(share, units));
  const used = new Set(lots.flatMap((lot) => lot.units));
  const bound = [...used].flatMap((unit) => unit.groups.flatMap(endpointsOf));
  return ok({
    ...survey,
    lots,
    spare: units.filter((unit) => !used.has(unit)),
    bound: bound.toSorted((a, b) => compare(a.address, b.address)),
    change: freeing(survey, wants, lots),
  });
}

function pieceOf({ key, gpus, model, numaNodes }: Unit): Piece {
  return { key, size: gpus.length, model, numaNodes };
}

function wholeUnits(units: readonly Unit[]): Solution {
  const shares = units.map(({ key, gpus }) => ({ wanted: gpus.length, keys: [key] }));
  return { kind: 'shares', shares, stranded: 0 };
}

function lotOf({ wanted, keys }: Share, all: readonly Unit[]): Lot {
  const units = all.filter(({ key }) => keys.includes(key));
  const gpus = units.flatMap((unit) => unit.gpus);
  return {
    wanted,
    units,
    gpus: gpus.slice(0, wanted),
    stranded: gpus.slice(wanted),
    switches: units.flatMap((unit) => unit.groups.flatMap(({ switches }) => switches)),
  };
}

/** What would strand nothing; without wishes: what would bring one more card in. */
function freeing(
  { units, groups }: Survey,
  wants: readonly number[] | null,
  lots: readonly Lot[],
): readonly string[] {
  if (wants === null) {
    const now = countOf(units.map(pieceOf));
    if (now === groups.reduce((sum, { gpus }) => sum + gpus.length, 0)) return [];
    return cheapestChange(units, groups, (pieces) => countOf(pieces) > now) ?? [];
  }
  if (lots.every(({ stranded }) => stranded.length === 0)) return [];
  const strandsNone = (pieces: readonly Piece[]): boolean => {
    const solution = solve(pieces, wants, TRY_STEPS_MAX);
    return solution.kind === 'shares' && solution.stranded === 0;
  };
  return cheapestChange(units, groups, strandsNone) ?? [];
}

function refusalOf(survey: Survey, wants: readonly number[]): Refusal {
  const { units, groups } = survey;
  return {
    survey,
    reason: reasonFor(survey, wants),
    change: cheapestChange(units, groups, (pieces) => fits(pieces, wants)) ?? [],
    instead: insteadOf(units, wants),
  };
}

function reasonFor({ units, groups, sizes, hasBoard }: Survey, wants: readonly number[]): string {
  const cards = countOf(units.map(pieceOf));
  const wanted = wants.reduce((sum, count) => sum + count, 0);
  const all = groups.reduce((sum, { gpus }) => sum + gpus.length, 0);
  if (all === 0) return 'there is no GPU';
  if (units.length === 0)
    return all === 1 ? 'the GPU cannot be handed out' : `none of the ${all} GPUs can be handed out`;
  if (wanted > cards) return `${wanted} GPUs are wanted, and ${cards} can be handed out`;
  if (hasBoard) return 'NVSwitches tie the GPUs together: all of them go to one machine';
  if (wants.length > units.length)
    return (
      `${wants.length} machines are wanted, and the ${cards} GPUs lie in ${units.length} groups: ` +
      'a group goes to one machine whole'
    );
  return `groups go to machines whole and models are not mixed: one machine can get ${sizes.join(', ')} GPUs`;
}

/** Every group as one machine, and the largest part of the wish that fits. */
function insteadOf(units: readonly Unit[], wants: readonly number[]): readonly (readonly number[])[] {
  if (units.length === 0) return [];
  const pieces = units.map(pieceOf);
  const whole = pieces.map(({ size }) => size).toSorted((a, b) => b - a);
  let part = wants.toSorted((a, b) => a - b);
  while (part.length > 0 && !fits(pieces, part)) part = part.slice(0, -1);
  const isSame = part.length === whole.length && part.toReversed().every((size, at) => size === whole[at]);
  return part.length === 0 || isSame ? [whole] : [whole, part.toReversed()];
}

function fits(pieces: readonly Piece[], wants: readonly number[]): boolean {
  return solve(pieces, wants, TRY_STEPS_MAX).kind === 'shares';
}

function countOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { size }) => sum + size, 0);
}
