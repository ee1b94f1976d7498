/**
 * Compares each snapshot with the leases that nobody of us is working on: handed out, or on the shelf. A
 * server counts as lost only when a second, direct look confirms it; many at once freeze the service instead,
 * because then it is more likely the view that is broken. It changes nothing outside.
 */
import type { LeaseId } from '../base/ids.ts';
import type { Finding } from '../domain/model/finding.ts';
import type { Lease } from '../domain/model/lease.ts';
import { keeperOf } from '../domain/provision/keeper.ts';
import type { ServerSeen, Sighting } from '../domain/provision/sighting.ts';
import type { Provider, ProviderSnapshot } from '../engine/ports.ts';
import { assess, compare, isMassVanishing, isResting, stillThere } from './comparison.ts';
import { give, type Context } from './context.ts';
import { leaseOfSubject, leaseSubject, replaceFindings, type WantedFinding } from './findings.ts';
import { goalOf } from './lease-facts.ts';
import { asProviderError } from './outside-call.ts';

const NAME = 'observer';

/** Direct looks per poll: of a cloud that lost more than this, the rest comes in the polls after. */
const CONFIRMED_PER_POLL_MAX = 20;

/** What was found out about leases in one poll: what somebody else did to each; null: nothing. */
type Assessed = Map<LeaseId, string | null>;

export class RestWatch {
  readonly #context: Context;
  readonly #provider: Provider;
  /** Leases whose server the last snapshot did not show, with the time of the last direct look at each. */
  #missing = new Map<LeaseId, number>();

  constructor(context: Context, provider: Provider) {
    this.#context = context;
    this.#provider = provider;
  }

  /** Freezes the service when too many servers vanished between two snapshots. */
  async guardAgainstMassLoss(before: ReadonlyMap<LeaseId, Lease>, snapshot: ProviderSnapshot): Promise<void> {
    const { world } = this.#context.core;
    const comparison = compare(before, world, snapshot, new Set(this.#missing.keys()));
    if (world.control.freeze !== null || !isMassVanishing(comparison)) return;
    const { vanishedCount, knownCount } = comparison;
    const reason =
      `${vanishedCount} of the ${knownCount} known servers of ${this.#provider.id} vanished in one poll: ` +
      'nothing is ended or started until somebody has looked and thaws';
    await give(this.#context, NAME, { type: 'service.freeze', reason });
  }

  /**
   * Reports what the snapshot shows of each lease. `before`: the resting leases when the snapshot was asked
   * for.
   */
  async follow(before: ReadonlyMap<LeaseId, Lease>, snapshot: ProviderSnapshot): Promise<void> {
    const { seen, missing } = compare(before, this.#context.core.world, snapshot, new Set());
    this.#missing = new Map(missing.map(({ id }) => [id, this.#missing.get(id) ?? Number.NEGATIVE_INFINITY]));
    const assessed: Assessed = new Map();
    const shelvedOutside: Lease[] = [];
    for (const { lease, server } of seen) {
      if (await this.#report(lease, server, assessed)) shelvedOutside.push(lease);
    }
    await this.#confirm([...shelvedOutside, ...this.#leastLookedAt(missing)], assessed);
    await this.#tellChanged(assessed);
  }

  /** Those first that were not looked at for the longest time, so that none is put off for ever. */
  #leastLookedAt(missing: readonly Lease[]): readonly Lease[] {
    const lookedAtMs = (lease: Lease): number => this.#missing.get(lease.id) ?? 0;
    return missing.toSorted((a, b) => lookedAtMs(a) - lookedAtMs(b) || (a.id < b.id ? -1 : 1));
  }

  /** True when somebody else shelved it. */
  async #report(earlier: Lease, server: ServerSeen, assessed: Assessed): Promise<boolean> {
    const lease = stillThere(this.#context.core.world, earlier);
    if (lease === null) return false;
    const leaseId = lease.id;
    const { reachable, changed, movedTo, shelvedOutside } = assess(lease, server);
    assessed.set(leaseId, changed);
    if (reachable !== null && reachable !== (lease.unreachableSinceMs === null)) {
      await give(this.#context, NAME, { type: 'lease.reachability', leaseId, reachable });
    }
    if (movedTo !== null)
      await give(this.#context, NAME, { type: 'lease.located', leaseId, hostId: movedTo });
    return shelvedOutside;
  }

  /** Looks directly at leases whose snapshot has consequences. */
  async #confirm(suspects: readonly Lease[], assessed: Assessed): Promise<void> {
    const { core } = this.#context;
    for (const lease of suspects.slice(0, CONFIRMED_PER_POLL_MAX)) {
      if (core.world.control.freeze !== null) return;
      const current = stillThere(core.world, lease);
      if (current === null) continue;
      const sighting = await this.#inspect(current);
      // A cloud that fails now is asked again in the next poll.
      if (sighting === null) return;
      if (this.#missing.has(lease.id)) this.#missing.set(lease.id, core.nowMs());
      if (core.world.control.freeze === null) await this.#conclude(lease, keeperOf(sighting), assessed);
    }
  }

  async #conclude(earlier: Lease, keeper: ServerSeen | null, assessed: Assessed): Promise<void> {
    const leaseId = earlier.id;
    if (keeper !== null) {
      const isShelvedOutside = await this.#report(earlier, keeper, assessed);
      if (isShelvedOutside) await give(this.#context, NAME, { type: 'lease.shelve', leaseId });
    } else if (stillThere(this.#context.core.world, earlier) !== null) {
      await give(this.#context, NAME, {
        type: 'lease.lost',
        leaseId,
        cause: 'its server was deleted by somebody else',
      });
    }
  }

  async #inspect(lease: Lease): Promise<Sighting | null> {
    const { core, life, onBug } = this.#context;
    const { deploymentId } = core.world.control;
    try {
      return await life.live(this.#provider.inspect({ deploymentId, lease }));
    } catch (error) {
      asProviderError(error, onBug);
      return null;
    }
  }

  /**
   * Raises and clears what concerns the leases that were assessed, and clears what concerns none any more.
   */
  async #tellChanged(assessed: Assessed): Promise<void> {
    const wanted: WantedFinding[] = [];
    for (const [leaseId, message] of assessed) {
      if (message !== null) wanted.push({ code: 'changed_outside', subject: leaseSubject(leaseId), message });
    }
    await replaceFindings(this.#context, NAME, (finding) => this.#isSettled(finding, assessed), wanted);
  }

  /** Whether this poll is enough to say that a finding about a lease holds no more. */
  #isSettled({ code, subject }: Finding, assessed: Assessed): boolean {
    if (code !== 'changed_outside' && code !== 'shelve_failing' && code !== 'end_failing') return false;
    const lease = this.#context.core.world.leases.get(leaseOfSubject(subject));
    if (lease === undefined) return true;
    if (lease.request.demand.providerId !== this.#provider.id) return false;
    if (code === 'changed_outside') return assessed.has(lease.id) || !isResting(lease);
    return goalOf(lease) !== (code === 'shelve_failing' ? 'shelved' : 'gone');
  }
}
