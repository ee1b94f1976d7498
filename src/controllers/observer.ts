/**
 * Watches one provider: one poll whatever the number of leases. It reports hosts and flavors, and hands the
 * snapshot to those that compare it with the leases and look for what nobody owns. Never two polls at once.
 */
import { SECOND_MS } from '../base/units.ts';
import type { Change } from '../domain/model/entities.ts';
import { isUnused } from '../domain/world.ts';
import { EngineError } from '../engine/engine-types.ts';
import type { Provider, ProviderSnapshot } from '../engine/ports.ts';
import type { ProviderStatus } from '../engine/views.ts';
import { restingLeases } from './comparison.ts';
import { give, type Context } from './context.ts';
import { countedServers } from './counted.ts';
import { emptyStoreReason } from './empty-store.ts';
import { asProviderError } from './outside-call.ts';
import { retryPauseMs, withJitter } from './pacing.ts';
import type { RestWatch } from './rest-watch.ts';
import type { Sweep } from './sweep.ts';

export interface ObserverOptions {
  readonly provider: Provider;
  readonly restWatch: RestWatch;
  readonly sweep: Sweep;
  /** Between two polls, ±10 %. */
  readonly intervalMs: number;
  /** An operator asked for `act`: an empty store does not make Berth observe only. */
  readonly actOnEmptyStore: boolean;
}

const NAME = 'observer';

/** After something was granted or given back, the next poll comes so soon. */
const SOON_MS = 3 * SECOND_MS;

export class Observer {
  readonly #context: Context;
  readonly #options: ObserverOptions;
  /** Judged before anybody can ask for anything. */
  readonly #storeWasEmpty: boolean;
  #cancelTimer: (() => void) | null = null;
  #nextPollAtMs = 0;
  #isPolling = false;
  #isWantedSoon = false;
  #failures = 0;
  #polls = 0;
  #observedAtMs: number | null = null;
  #error: string | null = null;
  #warnings: readonly string[] = [];

  constructor(context: Context, options: ObserverOptions) {
    this.#context = context;
    this.#options = options;
    this.#storeWasEmpty = isUnused(context.core.world);
  }

  start(): void {
    this.#pollIn(0);
  }

  /**
   * To be told of each commit (null: everything may have changed): what is granted or given back is looked at
   * soon.
   */
  notice(changes: readonly Change[] | null): void {
    if (changes !== null && !changes.some((change) => this.#movesCapacity(change))) return;
    if (this.#isPolling) this.#isWantedSoon = true;
    else if (this.#nextPollAtMs > this.#monotonicMs() + SOON_MS) this.#pollIn(SOON_MS);
  }

  /** True once a first snapshot is in the books. */
  get hasObserved(): boolean {
    return this.#observedAtMs !== null;
  }

  status(): ProviderStatus {
    const { provider } = this.#options;
    const { id, kind } = provider;
    return {
      id,
      kind,
      reachable: this.#error === null && this.hasObserved,
      observedAtMs: this.#observedAtMs,
      error: this.#error,
      warnings: this.#warnings,
      account: provider.account?.() ?? null,
    };
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #pollIn(pauseMs: number): void {
    this.stop();
    this.#nextPollAtMs = this.#monotonicMs() + pauseMs;
    this.#cancelTimer = this.#context.core.clock.setTimer(pauseMs, () => void this.#turn());
  }

  async #turn(): Promise<void> {
    this.#isPolling = true;
    this.#isWantedSoon = false;
    const pauseMs = await this.#poll();
    this.#isPolling = false;
    this.#pollIn(this.#isWantedSoon ? Math.min(pauseMs, SOON_MS) : pauseMs);
  }

  /** Resolves with the pause before the next poll. Never rejects. */
  async #poll(): Promise<number> {
    const { core, life, onBug, prng } = this.#context;
    try {
      const { provider } = this.#options;
      const before = restingLeases(core.world, provider.id);
      const isCounted = countedServers(() => core.world, provider.id);
      const snapshot = await life.live(provider.snapshot(isCounted));
      await this.#digest(before, snapshot);
      this.#failures = 0;
      this.#error = null;
      return withJitter(this.#options.intervalMs, prng);
    } catch (error) {
      this.#error = error instanceof EngineError ? error.message : asProviderError(error, onBug).message;
      const pauseMs = retryPauseMs(this.#failures, null, prng);
      this.#failures += 1;
      return pauseMs;
    }
  }

  async #digest(before: ReturnType<typeof restingLeases>, snapshot: ProviderSnapshot): Promise<void> {
    const { core } = this.#context;
    const { provider, restWatch, sweep } = this.#options;
    const seenAtMs = core.nowMs();
    if (snapshot.dateMs !== null) core.reportDate(snapshot.dateMs);
    if (this.#polls === 0) await this.#guardEmptyStore(snapshot);
    this.#polls += 1;
    // Before the inventory: where servers vanish in numbers, nothing is to be granted on what the same poll
    // shows.
    await restWatch.guardAgainstMassLoss(before, snapshot);
    const { hosts, flavors, warnings } = snapshot;
    await give(this.#context, NAME, { type: 'inventory.observed', providerId: provider.id, hosts, flavors });
    this.#observedAtMs = seenAtMs;
    await restWatch.follow(before, snapshot);
    this.#warnings = [...warnings, ...(await sweep.run(snapshot))];
  }

  /**
   * An empty store in front of a cloud that Berth has worked on: a lost database must not delete anybody's
   * machine.
   */
  async #guardEmptyStore(snapshot: ProviderSnapshot): Promise<void> {
    if (!this.#storeWasEmpty || this.#options.actOnEmptyStore) return;
    if (this.#context.core.world.control.mode.kind === 'observe') return;
    const reason = emptyStoreReason(snapshot);
    if (reason !== null)
      await give(this.#context, NAME, { type: 'service.mode', mode: { kind: 'observe', reason } });
  }

  #movesCapacity(change: Change): boolean {
    if (change.entity !== 'lease' || change.after === null) return false;
    const { request, state } = change.after;
    if (request.demand.providerId !== this.#options.provider.id) return false;
    switch (state.kind) {
      case 'starting':
        return state.progress === 'waiting';
      case 'shelved':
      case 'ended':
        return true;
      // The cloud had no place where the books showed one: they are behind.
      case 'shelving':
        return state.reason === 'start_failed';
      case 'ending':
        return state.then.kind === 'requeue';
      case 'reserved':
      case 'queued':
      case 'active':
        return false;
    }
  }

  #monotonicMs(): number {
    return this.#context.core.clock.monotonicMs();
  }
}
