/**
 * The single writer. Commands come through a bounded queue, are decided in batches against the newest world,
 * and the changes of a whole batch go to the store in one transaction; only then anybody is answered or told.
 *
 * Two worlds are kept: the *working* one, on which the next batch is decided, and the *committed* one, which
 * everybody reads. Both take the same changes, the second after the commit; entities are immutable and
 * shared, so the price is a second set of indexes, and reads never wait for the disk (ADR 0002). When a
 * commit fails both are dropped and loaded anew from the store: nothing that was not stored survives.
 */
import { backoffMs } from '../base/backoff.ts';
import { sleep, type Clock } from '../base/clock.ts';
import type { Ids, LeaseId } from '../base/ids.ts';
import type { Prng } from '../base/prng.ts';
import { actorName, type Actor } from '../domain/actor.ts';
import type { EarlierUse } from '../domain/accounts.ts';
import { authorize } from '../domain/authorize.ts';
import type { Command } from '../domain/command.ts';
import { execute } from '../domain/decide.ts';
import type { Change } from '../domain/model/entities.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { Settings } from '../domain/settings.ts';
import { World } from '../domain/world.ts';
import { BatchBuilder } from './batch.ts';
import type { Core } from './core.ts';
import { readEarlierUse } from './earlier-use.ts';
import { recall, remember } from './idempotency.ts';
import { EngineError, type EngineHooks, type EngineStats } from './engine-types.ts';
import {
  StoreError,
  type CommitBatch,
  type Expired,
  type ExpiredQuery,
  type LoadedState,
  type Store,
  type StoredEvent,
} from './ports.ts';
import { freezeLoaded, lossOf } from './rolled-back.ts';
import { JudgedTime } from './time.ts';
import type { Idempotency, Outcome } from './views.ts';

/** Commands that may wait for their batch; beyond it callers are told to come back. */
const QUEUE_MAX = 20_000;
/**
 * Commands decided and committed together: enough to share a disk flush, few enough to keep a flush short.
 */
const BATCH_MAX = 256;
/** How often the clocks are compared when nothing else happens. */
const CLOCK_CHECK_MS = 15_000;
/** When something is due but has to wait (frozen): looked at again after so long. */
const HELD_BACK_MS = 1000;
/**
 * Between two attempts to load the store again. A disk may be full for hours; but a database that fails over
 * is back at a moment that nobody announces, and the service within seconds of it.
 */
const RELOAD_BACKOFF = { initialMs: 100, maxMs: 2000 };

export interface EngineOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly ids: Ids;
  readonly settings: Settings;
  readonly hooks?: EngineHooks;
}

interface Pending {
  readonly actor: Actor;
  readonly command: Command;
  readonly idempotency: Idempotency | null;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

interface Answer {
  readonly pending: Pending;
  readonly outcome: Outcome;
}

type CommitListener = (
  changes: readonly Change[] | null,
  events: readonly StoredEvent[],
  revision: number,
) => void;

export class Engine implements Core {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly ids: Ids;
  readonly #store: Store;
  readonly #settings: Settings;
  readonly #hooks: EngineHooks;
  #working: World;
  #committed: World;
  #time: JudgedTime;
  #revision = 0;
  #eventSeq = 0;
  #epoch = 0;
  readonly #queue: Pending[] = [];
  #running = false;
  /** The store is being loaded again. */
  #recovering = false;
  #stopped: EngineError | null = null;
  readonly #listeners = new Set<CommitListener>();
  #cancelWake: (() => void) | null = null;
  #cancelClockCheck: (() => void) | null = null;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  /**
   * After a tick that could do nothing (frozen): not earlier again, on the monotonic clock; a commit clears
   * it.
   */
  #heldBackUntilMs = 0;
  readonly stats: EngineStats = { decided: 0, refused: 0, batches: 0, commitMsTotal: 0, reloads: 0 };

  /** Loads the store; rejects if that fails. */
  static async open(options: EngineOptions): Promise<Engine> {
    const loaded = await options.store.load();
    const time = new JudgedTime(options.clock, loaded.lastCommitAtMs);
    const earlier = await readEarlierUse(options.store, options.settings.timeZone, time.nowMs());
    const engine = new Engine(options, loaded, earlier, time);
    engine.#watchClock();
    engine.#scheduleWake();
    return engine;
  }

  private constructor(
    options: EngineOptions,
    loaded: LoadedState,
    earlier: readonly EarlierUse[],
    time: JudgedTime,
  ) {
    this.clock = options.clock;
    this.prng = options.prng;
    this.ids = options.ids;
    this.#store = options.store;
    this.#settings = options.settings;
    this.#hooks = options.hooks ?? {};
    this.#working = new World(loaded.snapshot, options.settings, earlier);
    this.#committed = new World(loaded.snapshot, options.settings, earlier);
    this.#revision = loaded.revision;
    this.#eventSeq = loaded.eventSeq;
    this.#epoch = loaded.epoch;
    this.#time = time;
  }

  /** The committed world; read only. */
  get world(): World {
    return this.#committed;
  }

  get revision(): number {
    return this.#revision;
  }

  get store(): Store {
    return this.#store;
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  /** True while the store is being loaded again after a failure. */
  get recovering(): boolean {
    return this.#recovering;
  }

  get stopped(): EngineError | null {
    return this.#stopped;
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  command(name: string, command: Command): Promise<Outcome> {
    return this.submit({ kind: 'system', name }, command);
  }

  /**
   * Decides, commits, answers. Rejects with EngineError when stopped, overloaded, or when the commit
   * failed.
   */
  submit(actor: Actor, command: Command, idempotency: Idempotency | null = null): Promise<Outcome> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    if (this.#recovering) {
      return Promise.reject(new EngineError('unavailable', 'the store does not answer at the moment'));
    }
    if (this.#queue.length >= QUEUE_MAX) {
      return Promise.reject(new EngineError('busy', `${QUEUE_MAX} commands are waiting already`));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ actor, command, idempotency, resolve, reject });
      if (!this.#running) {
        this.#running = true;
        // In a microtask, so that commands given in one turn share a batch.
        queueMicrotask(() => void this.#run());
      }
    });
  }

  onCommit(listener: (changes: readonly Change[] | null) => void): () => void {
    return this.subscribe((changes) => listener(changes));
  }

  /** As `onCommit`, with the events and the revision. */
  subscribe(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  hasIntent(leaseId: LeaseId): Promise<boolean> {
    return this.#store.hasIntent(leaseId);
  }

  readLease(leaseId: LeaseId): Promise<Lease | null> {
    return this.#store.readLease(leaseId);
  }

  readUsed(leaseIds: readonly LeaseId[]): Promise<ReadonlyMap<LeaseId, number>> {
    return this.#store.readUsed(leaseIds);
  }

  readExpired(query: ExpiredQuery): Promise<Expired> {
    return this.#store.readExpired(query);
  }

  reportDate(dateMs: number): void {
    if (!this.#time.hear(dateMs)) return;
    this.#rescheduleWake();
    if (this.#committed.control.clockDoubt !== null) this.#tellSystem({ type: 'clock.trust' });
  }

  /** Takes no more commands; what is under way is finished or rejected. */
  stop(reason = 'the server is stopping'): void {
    if (this.#stopped !== null) return;
    this.#stopped = new EngineError('stopped', reason);
    this.#cancelWake?.();
    this.#cancelWake = null;
    // A timer that is left would keep the process alive for as long.
    this.#cancelClockCheck?.();
    for (const pending of this.#queue.splice(0)) pending.reject(this.#stopped);
    this.#listeners.clear();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && this.#stopped === null) {
      const batch = this.#queue.splice(0, BATCH_MAX);
      try {
        await this.#runBatch(batch);
      } catch (error) {
        // A bug in a decision: the working world may be half changed, so it is not used any more.
        const failure = error instanceof Error ? error : new Error(String(error));
        for (const pending of batch) pending.reject(failure);
        this.#hooks.onError?.(failure);
        await this.#reload(null, [], null);
      }
    }
    this.#running = false;
    this.#scheduleWake();
  }

  async #runBatch(batch: readonly Pending[]): Promise<void> {
    const builder = new BatchBuilder(this.#revision, this.#eventSeq);
    const answers: Answer[] = [];
    for (const pending of batch) {
      try {
        answers.push({ pending, outcome: this.#decide(pending, builder) });
      } catch (error) {
        // A bug in one decision, which has been taken back: the others of the batch are not to suffer for it.
        const failure = error instanceof Error ? error : new Error(String(error));
        this.#hooks.onError?.(failure);
        pending.reject(failure);
      }
    }
    if (!builder.empty) {
      const startedMs = this.clock.monotonicMs();
      const commit = builder.build(this.ids.next(), this.#epoch, this.nowMs());
      try {
        await this.#store.commit(commit);
      } catch (error) {
        await this.#reload(error, answers, commit);
        return;
      }
      if (this.#stopped !== null) {
        for (const { pending } of answers) pending.reject(this.#stopped);
        return;
      }
      this.stats.batches += 1;
      this.stats.commitMsTotal += this.clock.monotonicMs() - startedMs;
      this.#committed.apply(builder.changes);
      this.#endHoldBack();
      this.#revision = builder.revision;
      this.#eventSeq = builder.eventSeq;
    }
    for (const { pending, outcome } of answers) {
      if (pending.command.type === 'service.thaw' && outcome.ok) this.#trustWall();
      pending.resolve(outcome);
    }
    if (!builder.empty) this.#publish(builder.changes, builder.events);
    this.#scheduleWake();
  }

  #decide(pending: Pending, builder: BatchBuilder): Outcome {
    const { actor, command, idempotency } = pending;
    const nowMs = this.nowMs();
    // Before the door: the answer was given to this very actor when it was allowed.
    const remembered = idempotency === null ? null : recall(this.#working, actor, idempotency, nowMs);
    if (remembered?.kind === 'mismatch') return this.#refused(remembered.refusal);
    if (remembered?.kind === 'replay') {
      return { ok: true, reply: remembered.reply, revision: builder.revision, replayed: true };
    }
    const denied = authorize(this.#working, actor, command);
    if (denied !== null) return this.#refused(denied);
    const name = actorName(actor);
    const { decision } = execute(this.#working, command, nowMs, name);
    if (decision.kind === 'refused') return this.#refused(decision.refusal);
    this.stats.decided += 1;
    const kept =
      idempotency === null ? [] : remember(this.#working, actor, idempotency, decision.reply, nowMs);
    if (kept.length > 0) this.#working.apply(kept);
    const revision = builder.add([...decision.changes, ...kept], decision.events, nowMs, name);
    return { ok: true, reply: decision.reply, revision, replayed: false };
  }

  #refused(refusal: Extract<Outcome, { ok: false }>['refusal']): Outcome {
    this.stats.refused += 1;
    return { ok: false, refusal };
  }

  /**
   * Drops the worlds and loads them anew; answers what was under way by what the store says. Goes on trying
   * while the store does not answer (a full disk, a dead thread): meanwhile commands are refused, and reads
   * show the last committed state.
   */
  async #reload(cause: unknown, answers: readonly Answer[], commit: CommitBatch | null): Promise<void> {
    this.stats.reloads += 1;
    if (cause instanceof Error) this.#hooks.onError?.(cause);
    if (cause instanceof StoreError && cause.code === 'fenced') {
      // Another server has the store now: this one must not write, nor pretend to know, any more.
      this.#giveUp(cause, answers);
      return;
    }
    this.#recovering = true;
    for (let attempt = 0; this.#stopped === null; attempt++) {
      try {
        const loaded = await this.#loadChecked();
        const earlier = await readEarlierUse(this.#store, this.#settings.timeZone, this.nowMs());
        const committed = commit !== null && (await this.#store.hasBatch(commit.batchId));
        if (this.#stopped !== null) break;
        this.#recovering = false;
        this.#adoptLoaded(loaded, earlier);
        const failure = new EngineError('commit_failed', messageOf(cause), { cause });
        for (const { pending, outcome } of answers) {
          // A refusal changed nothing, so it stands either way.
          if (committed || !outcome.ok) pending.resolve(outcome);
          else pending.reject(failure);
        }
        this.#rescheduleWake();
        this.#publish(null, committed ? commit.events : []);
        return;
      } catch (error) {
        this.#hooks.onError?.(error instanceof Error ? error : new Error(String(error)));
        if (error instanceof StoreError && error.code === 'fenced') {
          this.#giveUp(error, answers);
          return;
        }
        // Nobody is left waiting for a store that may be away for long.
        const failure = new EngineError('unavailable', `the store does not answer: ${messageOf(error)}`, {
          cause,
        });
        for (const pending of this.#queue.splice(0)) pending.reject(failure);
        await sleep(this.clock, backoffMs(RELOAD_BACKOFF, attempt, this.prng));
      }
    }
    for (const { pending } of answers) if (this.#stopped !== null) pending.reject(this.#stopped);
  }

  /** Loads; where acknowledged commits are missing, the service is frozen in the store first. */
  async #loadChecked(): Promise<LoadedState> {
    const loaded = await this.#store.load();
    const loss = lossOf({ revision: this.#revision, eventSeq: this.#eventSeq }, loaded);
    if (loss === null) return loaded;
    this.#hooks.onRolledBack?.(loss);
    const at = { store: this.#store, settings: this.#settings, ids: this.ids, nowMs: this.nowMs() };
    return freezeLoaded(loaded, loss, at);
  }

  #adoptLoaded(loaded: LoadedState, earlier: readonly EarlierUse[]): void {
    this.#working = new World(loaded.snapshot, this.#settings, earlier);
    this.#committed = new World(loaded.snapshot, this.#settings, earlier);
    this.#revision = loaded.revision;
    this.#eventSeq = loaded.eventSeq;
    this.#epoch = loaded.epoch;
  }

  #giveUp(cause: StoreError, answers: readonly Answer[]): void {
    const stop = new EngineError('stopped', cause.message, { cause });
    for (const { pending } of answers) pending.reject(stop);
    this.stop(cause.message);
    this.#hooks.onStop?.(stop);
  }

  #publish(changes: readonly Change[] | null, events: readonly StoredEvent[]): void {
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener(changes, events, this.#revision);
      } catch (error) {
        this.#hooks.onError?.(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** Sleeps until something is due by itself; no polling while nothing is. */
  #scheduleWake(): void {
    if (this.#stopped !== null) return;
    const dueMs = this.#committed.due.nextMs();
    if (dueMs === null || (dueMs >= this.#wakeAtMs && this.#cancelWake !== null)) return;
    this.#cancelWake?.();
    this.#wakeAtMs = dueMs;
    const heldBackMs = this.#heldBackUntilMs - this.clock.monotonicMs();
    this.#cancelWake = this.clock.setTimer(Math.max(0, dueMs - this.nowMs(), heldBackMs), () => {
      this.#cancelWake = null;
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      void this.#tick();
    });
  }

  /** After the judged time has moved: the timer was set by the old one. */
  #rescheduleWake(): void {
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.#scheduleWake();
  }

  async #tick(): Promise<void> {
    try {
      const [before, askedMs] = [this.#revision, this.nowMs()];
      const outcome = await this.command('timer', { type: 'tick' });
      const more = outcome.ok && outcome.reply.kind === 'more' && outcome.reply.more;
      // Only what was due when asked, and is still there, is held back: timers may fire a moment early.
      const dueMs = this.#committed.due.nextMs();
      const isLeft = dueMs !== null && dueMs <= askedMs;
      if (!more && this.#revision === before && isLeft) this.#holdBack();
    } catch {
      // Stopped, or the commit failed: the reload looks at everything again.
      this.#holdBack();
    }
  }

  #holdBack(): void {
    this.#heldBackUntilMs = this.clock.monotonicMs() + HELD_BACK_MS;
    this.#rescheduleWake();
  }

  /** Something has changed: the next wake is as early as what is due. */
  #endHoldBack(): void {
    if (this.#heldBackUntilMs === 0) return;
    this.#heldBackUntilMs = 0;
    this.#cancelWake?.();
    this.#cancelWake = null;
  }

  #watchClock(): void {
    if (this.#stopped !== null) return;
    const doubt = this.#time.check();
    this.#rescheduleWake();
    if (doubt !== null && this.#committed.control.clockDoubt === null) {
      this.#tellSystem({ type: 'clock.doubt', divergenceMs: doubt });
    }
    if (doubt === null && this.#committed.control.clockDoubt !== null)
      this.#tellSystem({ type: 'clock.trust' });
    this.#cancelClockCheck = this.clock.setTimer(CLOCK_CHECK_MS, () => this.#watchClock());
  }

  /** Who thaws has looked at the clocks: if they disagree, the wall clock counts. */
  #trustWall(): void {
    if (this.#time.check() === null) return;
    this.#time.trustWall();
    this.#rescheduleWake();
  }

  #tellSystem(command: Command): void {
    this.command('clock', command).catch((error: unknown) => {
      this.#hooks.onError?.(error instanceof Error ? error : new Error(String(error)));
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'a decision failed';
}
