/**
 * What the controllers report in the life of a lease, for the decision benchmark: each outside call
 * announced and answered, each step of progress, where the server came up, and its end. They decide nothing
 * and never fail here.
 */
import { assert, assertDefined } from '../src/base/assert.ts';
import { asId, type HostId, type LeaseId } from '../src/base/ids.ts';
import type { Prng } from '../src/base/prng.ts';
import type { SystemCommand } from '../src/domain/command.ts';
import type { Lease, LeaseStateKind, ProviderRefs, StartProgress } from '../src/domain/model/lease.ts';
import { fits } from '../src/domain/scheduler/free.ts';
import { claimOf, type World } from '../src/domain/world.ts';

type Report =
  | { readonly kind: 'call'; readonly step: string }
  | { readonly kind: 'progress'; readonly progress: StartProgress }
  | { readonly kind: 'located' | 'ready' | 'gone' };

const START: readonly Report[] = [
  { kind: 'call', step: 'createPort' },
  { kind: 'progress', progress: 'network' },
  { kind: 'call', step: 'createServer' },
  { kind: 'progress', progress: 'building' },
  { kind: 'located' },
  { kind: 'call', step: 'createFloatingIp' },
  { kind: 'progress', progress: 'address' },
  { kind: 'ready' },
];

const END: readonly Report[] = [
  { kind: 'call', step: 'deleteFloatingIp' },
  { kind: 'call', step: 'deleteServer' },
  { kind: 'call', step: 'deletePort' },
  { kind: 'gone' },
];

/** What each call says that it made, or took away. */
const MADE: Readonly<Record<string, Partial<ProviderRefs>>> = {
  createPort: { portId: 'port' },
  createServer: { serverId: 'server' },
  createFloatingIp: { floatingIpId: 'floating-ip', address: '::1' },
  deleteFloatingIp: { floatingIpId: null, address: null },
  deleteServer: { serverId: null },
  deletePort: { portId: null },
};

/** Nova took another host than was booked for 51 of 218 starts, in the histories that gave the mix. */
const MOVED = 51 / 218;

/** Hosts looked at for room; where most are full it stays where it is. */
const LOOKS_MAX = 64;

interface Way {
  readonly kind: LeaseStateKind;
  readonly reports: readonly Report[];
  told: number;
}

/** The leases on their way, and what is to be reported of them. */
export class Reports {
  readonly #world: World;
  readonly #prng: Prng;
  readonly #ways = new Map<LeaseId, Way>();

  constructor(world: World, prng: Prng) {
    this.#world = world;
    this.#prng = prng;
  }

  /** How many leases are on their way. */
  get size(): number {
    return this.#ways.size;
  }

  /** To be told of each change of a lease. */
  follow(id: LeaseId): void {
    const lease = this.#world.leases.get(id);
    const kind = lease?.state.kind ?? 'ended';
    if (this.#ways.get(id)?.kind === kind) return;
    this.#ways.delete(id);
    if (lease === undefined || (kind !== 'starting' && kind !== 'ending')) return;
    const isSlot = claimOf(lease)?.kind === 'slot';
    // Where Berth picks the cards itself, there is nothing to find out.
    const start = isSlot ? START : START.filter((report) => report.kind !== 'located');
    this.#ways.set(id, { kind, reports: kind === 'starting' ? start : END, told: 0 });
  }

  /** The next report of one of the leases on their way, of which there are some. */
  next(nowMs: number): SystemCommand {
    const [id, way] = this.#prng.pick([...this.#ways]);
    const lease = assertDefined(this.#world.leases.get(id), 'who is on the way is in the world');
    const open = this.#world.openIntents.get(id);
    if (open !== undefined) {
      const refs = MADE[open.step] ?? null;
      return { type: 'intent.done', intentId: open.id, leaseId: id, refs, failure: null };
    }
    const report = way.reports[way.told];
    assert(report !== undefined, 'the last report ends the way');
    way.told += 1;
    return this.#command(lease, report, nowMs);
  }

  #command(lease: Lease, report: Report, nowMs: number): SystemCommand {
    const leaseId = lease.id;
    switch (report.kind) {
      case 'call': {
        const id = asId<'intent'>(this.#prng.uuid());
        const intent = { id, leaseId, step: report.step, openedAtMs: nowMs, timeoutMs: 60_000 };
        return { type: 'intent.open', intent, generation: lease.generation };
      }
      case 'progress':
        return { type: 'lease.progress', leaseId, progress: report.progress, obstacle: null };
      case 'located':
        return { type: 'lease.located', leaseId, hostId: this.#hostOf(lease) };
      case 'ready':
        return { type: 'lease.ready', leaseId, connection: { host: '::1', port: 22, user: 'u' } };
      case 'gone':
        return { type: 'lease.gone', leaseId };
    }
  }

  /** The booked host, or another one that has room too. */
  #hostOf(lease: Lease): HostId {
    const claim = assertDefined(claimOf(lease), 'who starts has a claim');
    if (!this.#prng.chance(MOVED)) return claim.hostId;
    const { rows } = assertDefined(this.#world.pools.get(lease.request.demand.providerId), 'its pool');
    for (let look = 0; look < LOOKS_MAX; look++) {
      const row = this.#prng.pick(rows);
      if (row !== null && fits(row.free, claim)) return row.host.id;
    }
    return claim.hostId;
  }
}
