/**
 * When does a demand first fit on one host? The claims on it, and those imagined, come and go in one sweep
 * over time; the answer is that of `fitsWindow` tried at each end (property test), at a fraction of the
 * cost.
 */
import type { DeviceId } from '../../base/ids.ts';
import type { Claim } from '../model/claim.ts';
import type { DeviceClass, DeviceCounts, Resources } from '../model/host.ts';
import { drainTouches } from './calendar.ts';
import { countOf, fits, fitsResources, type Need } from './free.ts';
import { freeUnits, isOpen, type HostRow } from './host-row.ts';

/** A claim with the time for which it is expected to lie there. */
interface Span {
  readonly claim: Claim;
  /** -Infinity: it is there now. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * The earliest time from `nowMs` at which `need` fits for `durationMs` (> 0); Infinity if no known end
 * makes room. An overdue claim is expected back any moment.
 */
export function earliestOn(
  row: HostRow,
  need: Need,
  durationMs: number,
  nowMs: number,
  extra: readonly Claim[] = [],
): number {
  if (!isOpen(row.host) || !fits(row.empty, need)) return Number.POSITIVE_INFINITY;
  const spans = spansOn(row, nowMs, extra);
  return row.host.claimKind === 'slot'
    ? earliestForSlots(row, need, durationMs, nowMs, spans)
    : earliestForUnits(row, need, durationMs, nowMs, spans);
}

function spansOn(row: HostRow, nowMs: number, extra: readonly Claim[]): readonly Span[] {
  const spans: Span[] = [];
  for (const { claim, held } of row.claims.values()) {
    const fromMs = held || claim.fromMs <= nowMs ? Number.NEGATIVE_INFINITY : claim.fromMs;
    spans.push({ claim, fromMs, untilMs: Math.max(claim.untilMs, nowMs + 1) });
  }
  for (const claim of extra) {
    if (claim.untilMs <= nowMs) continue;
    const fromMs = claim.fromMs <= nowMs ? Number.NEGATIVE_INFINITY : claim.fromMs;
    spans.push({ claim, fromMs, untilMs: claim.untilMs });
  }
  return spans;
}

/** Something comes (`sign` 1) or goes. */
interface Step {
  readonly atMs: number;
  /** null: the drain. */
  readonly claim: Claim | null;
  readonly sign: 1 | -1;
}

/** Any card of a class is as good as another, so it is enough that there are always enough of them. */
function earliestForSlots(
  row: HostRow,
  need: Need,
  durationMs: number,
  nowMs: number,
  spans: readonly Span[],
): number {
  const room = new Room(row, need);
  const steps: Step[] = [];
  const plan = (step: Step): void => {
    if (step.atMs > nowMs) steps.push(step);
    else room.apply(step);
  };
  for (const { claim, fromMs, untilMs } of spans) {
    plan({ atMs: fromMs, claim, sign: 1 });
    plan({ atMs: untilMs, claim, sign: -1 });
  }
  const { drain } = row.host;
  if (drain !== null && (drain.untilMs === null || drain.untilMs > nowMs)) {
    plan({ atMs: drain.fromMs, claim: null, sign: 1 });
    if (drain.untilMs !== null) plan({ atMs: drain.untilMs, claim: null, sign: -1 });
  }
  steps.sort((a, b) => a.atMs - b.atMs);
  let startMs = room.suffices() ? nowMs : Number.POSITIVE_INFINITY;
  for (const [index, step] of steps.entries()) {
    const { atMs } = step;
    if (startMs + durationMs <= atMs) return startMs;
    room.apply(step);
    if (steps[index + 1]?.atMs === atMs) continue;
    if (!room.suffices()) startMs = Number.POSITIVE_INFINITY;
    else if (startMs === Number.POSITIVE_INFINITY) startMs = atMs;
  }
  return startMs;
}

/** What is left of that which a need asks for. */
class Room {
  readonly #classes: readonly DeviceClass[];
  readonly #need: Need;
  #vcpus: number;
  #memoryMiB: number;
  #diskGiB: number;
  readonly #devices: number[];
  #isDrained = false;

  constructor({ host, empty }: HostRow, need: Need) {
    this.#classes = Object.keys(need.devices);
    this.#need = need;
    this.#vcpus = empty.resources.vcpus;
    this.#memoryMiB = empty.resources.memoryMiB;
    this.#diskGiB = empty.resources.diskGiB;
    this.#devices = this.#classes.map((deviceClass) => countOf(empty.singles, deviceClass));
    this.#take(host.foreign, 1);
  }

  apply({ claim, sign }: Step): void {
    if (claim === null) this.#isDrained = sign === 1;
    else this.#take(claim, sign);
  }

  /** As `fits`: an overdrawn resource is no obstacle for who needs none of it. */
  suffices(): boolean {
    const { vcpus, memoryMiB, diskGiB } = this.#need.resources;
    if (this.#isDrained || (vcpus > 0 && this.#vcpus < vcpus)) return false;
    if ((memoryMiB > 0 && this.#memoryMiB < memoryMiB) || (diskGiB > 0 && this.#diskGiB < diskGiB))
      return false;
    return this.#classes.every(
      (name, index) => (this.#devices[index] ?? 0) >= countOf(this.#need.devices, name),
    );
  }

  #take(what: { readonly resources: Resources; readonly devices: DeviceCounts }, sign: 1 | -1): void {
    this.#vcpus -= sign * what.resources.vcpus;
    this.#memoryMiB -= sign * what.resources.memoryMiB;
    this.#diskGiB -= sign * what.resources.diskGiB;
    for (const [index, deviceClass] of this.#classes.entries()) {
      this.#devices[index] = (this.#devices[index] ?? 0) - sign * countOf(what.devices, deviceClass);
    }
  }
}

/**
 * The very cards are kept for the whole time, so a card counts only if nobody has it at any moment of it.
 */
function earliestForUnits(
  row: HostRow,
  need: Need,
  durationMs: number,
  nowMs: number,
  spans: readonly Span[],
): number {
  const coming = spans.toSorted((a, b) => a.fromMs - b.fromMs);
  const going = spans.toSorted((a, b) => a.untilMs - b.untilMs);
  const drainEndMs = row.host.drain?.untilMs ?? null;
  const starts = [nowMs, ...going.map((span) => span.untilMs)];
  if (drainEndMs !== null && drainEndMs > nowMs) starts.push(drainEndMs);
  starts.sort((a, b) => a - b);
  const cards = new CardsInUse(row);
  let came = 0;
  let went = 0;
  for (const fromMs of starts) {
    const window = { fromMs, untilMs: fromMs + durationMs };
    for (let next = coming[came]; next !== undefined && next.fromMs < window.untilMs; next = coming[++came]) {
      cards.take(next.claim, 1);
    }
    for (let next = going[went]; next !== undefined && next.untilMs <= fromMs; next = going[++went]) {
      cards.take(next.claim, -1);
    }
    if (!drainTouches(row, window) && cards.leave(need)) return fromMs;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * After which of `claims`, which are given back in this order, `need` first fits on a unit host: the end of
 * that one; Infinity if not even after the last.
 */
export function firstReleaseOfUnits(row: HostRow, need: Need, claims: readonly Claim[]): number {
  const cards = new CardsInUse(row);
  for (const claim of claims) cards.take(claim, 1);
  for (const claim of claims) {
    cards.take(claim, -1);
    if (cards.leave(need)) return claim.untilMs;
  }
  return Number.POSITIVE_INFINITY;
}

class CardsInUse {
  readonly #row: HostRow;
  readonly #uses = new Map<DeviceId, number>();
  #vcpus: number;
  #memoryMiB: number;
  #diskGiB: number;

  constructor(row: HostRow) {
    this.#row = row;
    const { capacity, foreign } = row.host;
    this.#vcpus = capacity.vcpus - foreign.resources.vcpus;
    this.#memoryMiB = capacity.memoryMiB - foreign.resources.memoryMiB;
    this.#diskGiB = capacity.diskGiB - foreign.resources.diskGiB;
  }

  /** `sign` -1: gives back. */
  take(claim: Claim, sign: 1 | -1): void {
    this.#vcpus -= sign * claim.resources.vcpus;
    this.#memoryMiB -= sign * claim.resources.memoryMiB;
    this.#diskGiB -= sign * claim.resources.diskGiB;
    if (claim.kind !== 'unit') return;
    for (const id of claim.deviceIds) {
      const uses = (this.#uses.get(id) ?? 0) + sign;
      if (uses === 0) this.#uses.delete(id);
      else this.#uses.set(id, uses);
    }
  }

  /** True if `need` fits beside them. */
  leave(need: Need): boolean {
    const resources = { vcpus: this.#vcpus, memoryMiB: this.#memoryMiB, diskGiB: this.#diskGiB };
    // Cards are counted only where the rest suffices: it is given back together with them.
    if (!fitsResources(resources, need.resources)) return false;
    return fits({ resources, ...freeUnits(this.#row.host, this.#uses) }, need);
  }
}
