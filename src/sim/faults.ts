/**
 * What goes wrong in the simulated cloud: the names of all faults, how often each is drawn, and the ones that
 * a test armed. A policy is a plain value, so that a simulation can derive one from its seed. Counting is by
 * effect: a fault that was drawn but found nothing to spoil is not counted.
 */
import type { Prng } from '../base/prng.ts';

/**
 * Faults of one request. The first group refuses it without effect; the second hides or delays what it did.
 */
export const REQUEST_FAULT_KINDS = [
  'latency',
  'tokenDropped',
  'forbidden',
  'conflict',
  'rateLimited',
  'serverError',
  'badGateway',
  'gatewayTimeout',
  'requestLost',
  'replyDropped',
  'errorAfterEffect',
  'acceptedLate',
] as const;

/** Faults of one server's task, drawn with the request that starts it. */
export const TASK_FAULT_KINDS = [
  'noValidHost',
  'buildHangs',
  'buildError',
  'unshelveIgnored',
  'unshelveInterrupted',
  'shelveFails',
  'shelveNotOffloaded',
  'deleteStalls',
] as const;

/**
 * What happens to the cloud without any request of ours; drawn with each request, as nothing else marks time.
 */
export const WORLD_FAULT_KINDS = [
  'hostDown',
  'serverDeletedElsewhere',
  'serverStoppedElsewhere',
  'serverTagsRemoved',
  'serverUnshelvedElsewhere',
  'serverRenamedElsewhere',
  'shelveImageDeleted',
  'floatingIpTakenOff',
  'dateStep',
] as const;

export const FAULT_KINDS = [...REQUEST_FAULT_KINDS, ...TASK_FAULT_KINDS, ...WORLD_FAULT_KINDS] as const;

export type RequestFaultKind = (typeof REQUEST_FAULT_KINDS)[number];
export type TaskFaultKind = (typeof TASK_FAULT_KINDS)[number];
export type WorldFaultKind = (typeof WORLD_FAULT_KINDS)[number];
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Inclusive bounds, ms. */
export type RangeMs = readonly [minMs: number, maxMs: number];

export interface FaultPolicy {
  /** Probability per request that the fault fits; absent: 0. */
  readonly rates: { readonly [Kind in FaultKind]?: number };
  /** What an ordinary reply takes. */
  readonly replyMs: RangeMs;
  /** What a `latency` fault adds. */
  readonly latencyMs: RangeMs;
  /** After how long an `acceptedLate` request takes effect. */
  readonly lateMs: RangeMs;
  /** After how long a lost request or reply shows as a broken connection; half of them hang instead. */
  readonly resetMs: RangeMs;
  readonly hostDownMs: RangeMs;
  /** What a `deleteStalls` fault adds to a deletion. */
  readonly deleteStallMs: RangeMs;
  /** Size of a step of the Date header, either way. */
  readonly dateStepMs: RangeMs;
  /** Value of Retry-After, seconds. */
  readonly retryAfterS: number;
}

export const NO_FAULTS: FaultPolicy = {
  rates: {},
  replyMs: [5, 60],
  latencyMs: [2000, 20_000],
  lateMs: [1000, 30_000],
  resetMs: [50, 5000],
  hostDownMs: [30_000, 600_000],
  deleteStallMs: [60_000, 600_000],
  dateStepMs: [90_000, 3_600_000],
  retryAfterS: 2,
};

/** One fault that is certain: the next request (or task) that fits takes it. */
export interface ArmedFault {
  readonly kind: RequestFaultKind | TaskFaultKind;
  /** Only requests with this method; absent: any. */
  readonly method?: string;
  /** Only requests whose path, query included, contains this text; absent: any. */
  readonly pathContains?: string;
}

export interface FaultState {
  readonly policy: FaultPolicy;
  readonly armed: readonly ArmedFault[];
  readonly counts: Readonly<Record<FaultKind, number>>;
}

/** More armed faults than this are a test that forgot to use them up. */
const ARMED_MAX = 1000;

export class FaultPlan {
  readonly counts: Record<FaultKind, number>;
  #policy: FaultPolicy;
  #armed: ArmedFault[];
  #requestRates: (readonly [RequestFaultKind, number])[] = [];
  #worldRates: (readonly [WorldFaultKind, number])[] = [];

  constructor(state: FaultState) {
    this.counts = { ...state.counts };
    this.#armed = [...state.armed];
    this.#policy = state.policy;
    this.policy = state.policy;
  }

  get policy(): FaultPolicy {
    return this.#policy;
  }

  set policy(policy: FaultPolicy) {
    this.#policy = policy;
    this.#requestRates = ratesOf(policy, REQUEST_FAULT_KINDS);
    this.#worldRates = ratesOf(policy, WORLD_FAULT_KINDS);
  }

  arm(fault: ArmedFault): void {
    if (this.#armed.length >= ARMED_MAX) throw new RangeError(`more than ${ARMED_MAX} armed faults`);
    this.#armed.push(fault);
  }

  get armedCount(): number {
    return this.#armed.length;
  }

  count(kind: FaultKind): void {
    this.counts[kind] += 1;
  }

  /** The fault of this request, if any; `fits` says whether a kind can take effect on it. */
  drawRequest(
    method: string,
    path: string,
    prng: Prng,
    fits: (kind: RequestFaultKind) => boolean,
  ): RequestFaultKind | null {
    const armed = this.#takeArmed(method, path, (kind) => isRequestFault(kind) && fits(kind));
    if (armed !== null && isRequestFault(armed)) return armed;
    for (const [kind, rate] of this.#requestRates) if (prng.chance(rate) && fits(kind)) return kind;
    return null;
  }

  /** Whether the task that this request starts takes one of `kinds`; the first that is drawn wins. */
  drawTask(method: string, path: string, prng: Prng, kinds: readonly TaskFaultKind[]): TaskFaultKind | null {
    const armed = this.#takeArmed(method, path, (kind) => kinds.some((wanted) => wanted === kind));
    if (armed !== null && !isRequestFault(armed)) return armed;
    for (const kind of kinds) {
      const rate = this.#policy.rates[kind] ?? 0;
      if (rate > 0 && prng.chance(rate)) return kind;
    }
    return null;
  }

  drawWorld(prng: Prng): readonly WorldFaultKind[] {
    if (this.#worldRates.length === 0) return [];
    return this.#worldRates.filter(([, rate]) => prng.chance(rate)).map(([kind]) => kind);
  }

  toJSON(): FaultState {
    return { policy: this.#policy, armed: [...this.#armed], counts: { ...this.counts } };
  }

  #takeArmed(
    method: string,
    path: string,
    wanted: (kind: ArmedFault['kind']) => boolean,
  ): ArmedFault['kind'] | null {
    if (this.#armed.length === 0) return null;
    const index = this.#armed.findIndex(
      (fault) =>
        wanted(fault.kind) &&
        (fault.method ?? method) === method &&
        (fault.pathContains === undefined || path.includes(fault.pathContains)),
    );
    if (index < 0) return null;
    return this.#armed.splice(index, 1)[0]?.kind ?? null;
  }
}

export function noFaultState(): FaultState {
  const counts = { ...ZERO_COUNTS };
  return { policy: NO_FAULTS, armed: [], counts };
}

/** A duration uniform in the range, whole milliseconds. */
export function drawMs(range: RangeMs, prng: Prng): number {
  const [minMs, maxMs] = range;
  return maxMs <= minMs ? minMs : minMs + prng.below(maxMs - minMs + 1);
}

const ZERO_COUNTS: Readonly<Record<FaultKind, number>> = {
  latency: 0,
  tokenDropped: 0,
  forbidden: 0,
  conflict: 0,
  rateLimited: 0,
  serverError: 0,
  badGateway: 0,
  gatewayTimeout: 0,
  requestLost: 0,
  replyDropped: 0,
  errorAfterEffect: 0,
  acceptedLate: 0,
  noValidHost: 0,
  buildHangs: 0,
  buildError: 0,
  unshelveIgnored: 0,
  unshelveInterrupted: 0,
  shelveFails: 0,
  shelveNotOffloaded: 0,
  deleteStalls: 0,
  hostDown: 0,
  serverDeletedElsewhere: 0,
  serverStoppedElsewhere: 0,
  serverTagsRemoved: 0,
  serverUnshelvedElsewhere: 0,
  serverRenamedElsewhere: 0,
  shelveImageDeleted: 0,
  floatingIpTakenOff: 0,
  dateStep: 0,
};

function ratesOf<Kind extends FaultKind>(
  policy: FaultPolicy,
  kinds: readonly Kind[],
): (readonly [Kind, number])[] {
  return kinds.flatMap((kind) => {
    const rate: number = policy.rates[kind] ?? 0;
    return rate > 0 ? [[kind, rate] as const] : [];
  });
}

function isRequestFault(kind: FaultKind): kind is RequestFaultKind {
  return REQUEST_FAULT_KINDS.some((request) => request === kind);
}
