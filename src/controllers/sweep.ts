/**
 * Looks in each snapshot for what carries our mark and no lease has. It takes away only what we announced by
 * an intent, and only after it was seen for as long as a late call may take effect; everything else it
 * reports, to be adopted.
 */
import type { LeaseId } from '../base/ids.ts';
import type { Lease } from '../domain/model/lease.ts';
import { keeperOf } from '../domain/provision/keeper.ts';
import type { Sighting } from '../domain/provision/sighting.ts';
import type { Provider, ProviderError, ProviderSnapshot } from '../engine/ports.ts';
import type { AdoptableView } from '../engine/views.ts';
import { adoptableServers } from './adoptable.ts';
import { mayAct, type Context } from './context.ts';
import { outsideSubject, replaceFindings, type WantedFinding } from './findings.ts';
import type { PlannedStep } from './lease-controller.ts';
import { asProviderError, assertOurs, callOutside, hasIntent } from './outside-call.ts';
import { markedThings, sortThings, type Thing } from './strays.ts';

const NAME = 'sweep';

/** Things taken away per sweep: a mistake of ours would show before it has done much harm. */
const REMOVED_PER_SWEEP_MAX = 8;

/** Store look-ups per sweep; what is beyond waits for the next one. */
const LOOKED_UP_PER_SWEEP_MAX = 100;

interface Stray {
  readonly thing: Thing;
  readonly lease: Lease | null;
}

export class Sweep {
  readonly #context: Context;
  readonly #provider: Provider;
  /** When each stray was first seen, as long as every snapshot shows it. */
  #seenSinceMs = new Map<string, number>();
  /** Leases of strays, with whether an intent of theirs is on record. */
  #announced = new Map<LeaseId, boolean>();
  #planned: readonly PlannedStep[] = [];
  #newest: ProviderSnapshot | null = null;

  constructor(context: Context, provider: Provider) {
    this.#context = context;
    this.#provider = provider;
  }

  /** What would be taken away, if it were allowed. */
  plannedSteps(): readonly PlannedStep[] {
    return this.#planned;
  }

  /** What an operator may make a lease again. */
  adoptable(): readonly AdoptableView[] {
    const { world } = this.#context.core;
    return this.#newest === null ? [] : adoptableServers(this.#newest, world, this.#provider.id);
  }

  /** Resolves with a sentence for each thing that could not be taken away. */
  async run(snapshot: ProviderSnapshot): Promise<readonly string[]> {
    const { core } = this.#context;
    this.#newest = snapshot;
    const { strays, foreign } = sortThings(markedThings(snapshot), core.world, this.#provider.id);
    await this.#lookUp(strays);
    const left = strays.filter(
      ({ thing, lease }) => lease === null && this.#announced.get(thing.mark.leaseId) === false,
    );
    await this.#tell(left, foreign);
    const due = this.#due(strays, snapshot);
    this.#planned = due.map(({ thing }) => this.#plannedStep(thing));
    const warnings: string[] = [];
    for (const stray of due.slice(0, REMOVED_PER_SWEEP_MAX)) {
      if (!mayAct(core.world.control)) return warnings;
      const error = await this.#remove(stray);
      if (error === null) continue;
      const { kind, id } = stray.thing;
      warnings.push(`${kind} ${id} belongs to no lease and could not be taken away: ${error.message}`);
      // Who waits for a cloud that does not answer holds up the polls.
      if (error.effect === 'unknown') break;
    }
    this.#planned = [];
    return warnings;
  }

  async #lookUp(strays: readonly Stray[]): Promise<void> {
    const leaseIds = new Set(strays.map(({ thing }) => thing.mark.leaseId));
    for (const [leaseId, isAnnounced] of this.#announced) {
      // A lease that lives can still announce its first step; one that does not, never again.
      const mayChange = !isAnnounced && this.#context.core.world.leases.has(leaseId);
      if (mayChange || !leaseIds.has(leaseId)) this.#announced.delete(leaseId);
    }
    const unknown = [...leaseIds].filter((leaseId) => !this.#announced.has(leaseId));
    for (const leaseId of unknown.slice(0, LOOKED_UP_PER_SWEEP_MAX)) {
      this.#announced.set(leaseId, await hasIntent(this.#context, leaseId));
    }
  }

  /** Those that have been strays for long enough, in the order in which to take them away. */
  #due(strays: readonly Stray[], snapshot: ProviderSnapshot): readonly Stray[] {
    const nowMs = this.#context.core.nowMs();
    const seenBefore = this.#seenSinceMs;
    this.#seenSinceMs = new Map(strays.map(({ thing }) => [thing.id, seenBefore.get(thing.id) ?? nowMs]));
    return strays.filter(({ thing }) => {
      const sinceMs = seenBefore.get(thing.id);
      if (sinceMs === undefined || nowMs - sinceMs < this.#provider.callTimeoutMs) return false;
      if (this.#announced.get(thing.mark.leaseId) !== true) return false;
      return !snapshot.servers.some(({ id }) => id === thing.pluggedInto);
    });
  }

  /** null: done, or not to be done any more. */
  async #remove({ thing, lease }: Stray): Promise<ProviderError | null> {
    try {
      await (lease === null ? this.#removeLeftOver(thing) : this.#removeDuplicate(thing, lease));
      return null;
    } catch (error) {
      return asProviderError(error, this.#context.onBug);
    }
  }

  /** Of a lease that has ended: there is nobody left to whom it could belong. */
  async #removeLeftOver(thing: Thing): Promise<void> {
    const { core, life } = this.#context;
    const { leaseId } = thing.mark;
    const lease = await life.live(core.readLease(leaseId));
    // Its records are kept no longer, the intents with them: looked up again, it is told.
    if (lease === null) this.#announced.delete(leaseId);
    if (lease === null || lease.state.kind !== 'ended' || core.world.leases.has(leaseId)) return;
    await assertOurs(this.#context, lease, thing.step, [{ id: thing.id, berth: thing.mark }]);
    if (!mayAct(core.world.control)) return;
    const { deploymentId } = core.world.control;
    await life.live(this.#provider.perform(thing.step, { deploymentId, lease }));
  }

  /** Of a lease that lives: only when a direct look shows that the lease has another one. */
  async #removeDuplicate(thing: Thing, lease: Lease): Promise<void> {
    const { core, life } = this.#context;
    const { deploymentId } = core.world.control;
    const sighting = await life.live(this.#provider.inspect({ deploymentId, lease }));
    if (isItsOwn(thing, sighting) || core.world.leases.get(lease.id) !== lease) return;
    await assertOurs(this.#context, lease, thing.step, [{ id: thing.id, berth: thing.mark }]);
    const call = { name: NAME, provider: this.#provider, lease, step: thing.step, isNews: () => false };
    const outcome = await callOutside(this.#context, call);
    if (outcome.kind === 'failed') throw outcome.error;
  }

  async #tell(orphans: readonly Stray[], foreign: ReadonlyMap<string, number>): Promise<void> {
    const { id } = this.#provider;
    const wanted: WantedFinding[] = orphans.map(({ thing }) => ({
      code: 'orphan',
      subject: outsideSubject(thing.kind, id, thing.id),
      message:
        `${thing.kind} ${thing.id} carries our mark for lease ${thing.mark.leaseId}, ` +
        'which this store does not know: adopt it, or delete it by hand',
    }));
    for (const [deploymentId, count] of foreign) {
      const subject = outsideSubject('deployment', id, deploymentId);
      const message =
        `the cloud has ${count} objects of another deployment of Berth, ${deploymentId}: ` +
        'if that was this one before its store was lost, bring its servers back with `berth adopt`';
      wanted.push({ code: 'foreign_deployment', subject, message });
    }
    const isMine = (subject: string): boolean => subject.includes(`/${id}:`);
    await replaceFindings(
      this.#context,
      NAME,
      ({ code, subject }) => (code === 'orphan' || code === 'foreign_deployment') && isMine(subject),
      wanted,
    );
  }

  #plannedStep({ mark, step }: Thing): PlannedStep {
    return { providerId: this.#provider.id, leaseId: mark.leaseId, step, why: 'it belongs to no lease' };
  }
}

/** Whether the lease has this very thing, and not another one of its kind. */
function isItsOwn({ kind, id }: Thing, sighting: Sighting): boolean {
  switch (kind) {
    case 'server':
      return keeperOf(sighting)?.id === id;
    case 'port':
      return sighting.port?.id === id;
    case 'floating-ip':
      return sighting.floatingIp?.id === id;
  }
}
