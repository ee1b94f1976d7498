/**
 * A cloud in the middle of its day, for the decision benchmark: 90 % of the cards are lent, a queue waits
 * for the scarce ones, and people and controllers give commands. Replays bit for bit from its seed.
 *
 * The mix is that of whole lives. Counted in histories of `test/sim/simulate.ts` without faults, where
 * people only borrow, extend and return (218 started leases): per lease `lease.create` 1; to start 3 calls,
 * each `intent.open` and `intent.done`, `lease.progress` 3, `lease.located` 1 (slot hosts; Nova took
 * another host for 51), `lease.ready` 1; to end 3 calls again, and `lease.gone` 1. `lease.refs` comes only
 * after lost replies: 0. Assumed: one lease in five is extended. Left out is `inventory.observed`, which
 * reads every host in one command, whether or not anything is new, and comes by the clock, not per lease.
 */
import { assert } from '../src/base/assert.ts';
import { asId, type HostId, type LeaseId } from '../src/base/ids.ts';
import { createPrng, type Prng } from '../src/base/prng.ts';
import { HOUR_MS, MINUTE_MS } from '../src/base/units.ts';
import type { Command, ObservedHost } from '../src/domain/command.ts';
import { execute } from '../src/domain/decide.ts';
import type { Flavor } from '../src/domain/model/flavor.ts';
import { countOf, devicesFree } from '../src/domain/scheduler/free.ts';
import { deviceTotals } from '../src/domain/scheduler/host-row.ts';
import { claimOf, type World } from '../src/domain/world.ts';
import { Reports } from './decision-reports.ts';
import { create, flavor, slotHost, T0, unitHost, world } from '../test/support/worlds.ts';

export interface LoadOptions {
  readonly hosts: number;
  readonly claimKind: 'slot' | 'unit';
  /** Requests that wait, about. */
  readonly waiting: number;
  readonly seed: number;
}

export const CARDS_PER_HOST = 8;

/** Every tenth host has the scarce model, which is always lent out and waited for. */
const SCARCE_EVERY = 10;
const PROJECTS = 20;
/** Where the load stays: part of the cards of the common model that nobody else can get. */
const FULL = 0.9;
/** Starts and ends under way at once while people do something. */
const UNDER_WAY = 4;
/** Leases that are extended. */
const EXTENDED = 0.2;

const COMMON_MODEL = 'V100';
const SCARCE_MODEL = 'A100';
const COMMON_FLAVORS = [1, 2, 4, 8].map((count) => gpuFlavor(COMMON_MODEL, count));
const SCARCE_FLAVORS = [1, 4].map((count) => gpuFlavor(SCARCE_MODEL, count));

/** Gives commands one after the other and follows what became of them. */
export class Load {
  readonly world: World;
  readonly #prng: Prng;
  readonly #options: LoadOptions;
  /**
   * Cards of the common model, and how many of them are lent or stranded in the IOMMU group of a lent one.
   */
  readonly #cards: number;
  #taken = 0;
  readonly #takenOn = new Map<HostId, number>();
  readonly #hostOf = new Map<LeaseId, HostId>();
  /** Simulated time between two commands: the same number of commands per lease at every size. */
  readonly #stepMs: number;
  #nowMs = T0;
  readonly #reports: Reports;
  /** Extensions that people still have to ask for. */
  #toExtend = 0;
  readonly #members: Readonly<Record<'queued' | 'active', Members>> = {
    queued: new Members(),
    active: new Members(),
  };

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#prng = createPrng(options.seed);
    this.#cards = options.hosts * CARDS_PER_HOST * (1 - 1 / SCARCE_EVERY);
    this.#stepMs = Math.ceil(250_000 / options.hosts);
    this.world = world(makeHosts(options), [...COMMON_FLAVORS, ...SCARCE_FLAVORS]);
    this.#reports = new Reports(this.world, this.#prng.fork());
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get fullPart(): number {
    return this.#taken / this.#cards;
  }

  get waiting(): number {
    return this.#members.queued.size;
  }

  /** Lends until the cloud is as full as it will stay and the queue is there. */
  fill(): void {
    // Bounded by the cards, each lent by one lease at most, plus the queue, with all that is reported of
    // each.
    const limit = 20 * (this.#options.hosts * CARDS_PER_HOST + this.#options.waiting);
    for (let given = 0; given < limit; given++) {
      const isFull = this.fullPart >= FULL;
      if (isFull && this.waiting >= this.#options.waiting) {
        this.#toExtend = 0;
        return;
      }
      this.give(this.#report() ?? this.#create(isFull ? SCARCE_FLAVORS : COMMON_FLAVORS), 0);
    }
    assert(false, 'the load fills the cloud');
  }

  /** The next command of the mix. */
  next(): Command {
    const { queued, active } = this.#members;
    const dueMs = this.world.due.nextMs();
    if (dueMs !== null && dueMs <= this.#nowMs) return { type: 'tick' };
    const reported = this.#report();
    if (reported !== null) return reported;
    if (this.#toExtend > 0) {
      this.#toExtend -= 1;
      return this.#extend(active.pick(this.#prng));
    }
    const dice = this.#prng.next();
    if (queued.size < this.#options.waiting) return this.#create(SCARCE_FLAVORS);
    if (this.fullPart < FULL || dice < 0.2) return this.#create(COMMON_FLAVORS);
    // Some of those who return a GPU, or give up, are of the scarce model: then somebody's wait is over.
    return { type: 'lease.release', leaseId: (dice < 0.3 ? queued : active).pick(this.#prng) };
  }

  /** Executes the command and answers how long that took, µs; false: it was refused. */
  give(
    command: Command,
    stepMs: number = this.#stepMs,
  ): { readonly tookUs: number; readonly decided: boolean } {
    const startMs = performance.now();
    const { decision } = execute(this.world, command, this.#nowMs, 'bench');
    const tookUs = (performance.now() - startMs) * 1000;
    this.#nowMs += stepMs;
    if (decision.kind === 'refused') return { tookUs, decided: false };
    for (const { entity, id } of decision.changes) if (entity === 'lease') this.#follow(asId<'lease'>(id));
    return { tookUs, decided: true };
  }

  #follow(id: LeaseId): void {
    this.#reports.follow(id);
    const lease = this.world.leases.get(id);
    const kind = lease?.state.kind ?? 'ended';
    if (kind === 'active' && !this.#members.active.has(id) && this.#prng.chance(EXTENDED))
      this.#toExtend += 1;
    for (const [name, members] of Object.entries(this.#members)) {
      const had = members.has(id);
      if (had === (name === kind)) continue;
      if (had) members.delete(id);
      else members.add(id);
    }
    const hostId = lease === undefined ? null : (claimOf(lease)?.hostId ?? null);
    this.#recount(this.#hostOf.get(id));
    this.#recount(hostId ?? undefined);
    if (hostId === null) this.#hostOf.delete(id);
    else this.#hostOf.set(id, hostId);
  }

  #recount(hostId: HostId | undefined): void {
    const row = hostId === undefined ? undefined : this.world.hosts.get(hostId);
    if (row === undefined || countOf(deviceTotals(row.host), COMMON_MODEL) === 0) return;
    const taken = CARDS_PER_HOST - devicesFree(row.free, COMMON_MODEL);
    this.#taken += taken - (this.#takenOn.get(row.host.id) ?? 0);
    this.#takenOn.set(row.host.id, taken);
  }

  /** What a controller has to say; null: nothing yet. */
  #report(): Command | null {
    return this.#reports.size > UNDER_WAY ? this.#reports.next(this.#nowMs) : null;
  }

  #create(flavors: readonly Flavor[]): Command {
    // Small ones are asked for more often.
    const index = Math.floor(this.#prng.next() ** 2 * flavors.length);
    return create(this.#prng.uuid(), flavors[index]?.name ?? '', {
      projectId: asId(`project-${this.#prng.below(PROJECTS)}`),
      durationMs: (1 + this.#prng.below(24)) * HOUR_MS,
    });
  }

  #extend(leaseId: LeaseId): Command {
    const lease = this.world.leases.get(leaseId);
    const endMs = lease?.state.kind === 'active' ? lease.state.expiresAtMs : this.#nowMs;
    return {
      type: 'lease.extend',
      role: 'member',
      leaseId,
      expiresAtMs: endMs + this.#prng.below(60) * MINUTE_MS,
    };
  }
}

/** A set that can also name a random member, each in O(1). */
class Members {
  readonly #list: LeaseId[] = [];
  readonly #places = new Map<LeaseId, number>();

  get size(): number {
    return this.#list.length;
  }

  has(id: LeaseId): boolean {
    return this.#places.has(id);
  }

  add(id: LeaseId): void {
    this.#places.set(id, this.#list.push(id) - 1);
  }

  delete(id: LeaseId): void {
    const place = this.#places.get(id);
    const last = this.#list.pop();
    assert(place !== undefined && last !== undefined, 'only a member leaves');
    this.#places.delete(id);
    if (last === id) return;
    this.#list[place] = last;
    this.#places.set(last, place);
  }

  pick(prng: Prng): LeaseId {
    return prng.pick(this.#list);
  }
}

function gpuFlavor(model: string, count: number): Flavor {
  return flavor(`${model}-x${count}`, { [model]: count }, 8 * count, 32_768 * count, 100 * count);
}

function makeHosts({ hosts, claimKind }: LoadOptions): readonly ObservedHost[] {
  return Array.from({ length: hosts }, (_unused, index) => {
    const name = `host-${String(index).padStart(5, '0')}`;
    const model = index % SCARCE_EVERY === 0 ? SCARCE_MODEL : COMMON_MODEL;
    if (claimKind === 'slot') return slotHost(name, { [model]: CARDS_PER_HOST }, 64, 262_144);
    // Half of the machines have boards whose PCIe switches put two cards into one IOMMU group.
    const paired = index % 2 === 1;
    const cards = Array.from({ length: CARDS_PER_HOST }, (_card, card): [string, string | null] => [
      model,
      paired ? `group-${card >> 1}` : null,
    ]);
    return { ...unitHost(name, cards), capacity: slotHost(name, {}, 64, 262_144).capacity };
  });
}
