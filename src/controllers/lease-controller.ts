/**
 * Brings each lease of one provider to where its state says that it should be, one idempotent call at a time:
 * look, plan, record the intent, call, report. It decides nothing about capacity or policy, keeps nothing
 * that a crash could lose, and leaves leases alone that are not on their way (those are the observer's).
 */
import { AssertionError, unreachable } from '../base/assert.ts';
import { MINUTE_MS } from '../base/units.ts';
import type { LeaseId, ProviderId } from '../base/ids.ts';
import type { StepFailure, SystemCommand } from '../domain/command.ts';
import type { Connection, Lease, ProviderRefs, StartProgress } from '../domain/model/lease.ts';
import { keeperOf } from '../domain/provision/keeper.ts';
import { plan, type Plan } from '../domain/provision/plan.ts';
import { refsToRecord } from '../domain/provision/refs.ts';
import { claimOf } from '../domain/world.ts';
import { EngineError } from '../engine/engine-types.ts';
import type { Goal, Step } from '../domain/provision/sighting.ts';
import type { Provider, ProviderError } from '../engine/ports.ts';
import { give, mayAct, type Context } from './context.ts';
import { clearFinding, leaseSubject, raiseFinding } from './findings.ts';
import { goalOf, progressAfter, stateKeyOf } from './lease-facts.ts';
import { LeaseMemory } from './lease-memory.ts';
import type { Look } from './lease-sight.ts';
import { asProviderError, assertOurs, callOutside, close } from './outside-call.ts';
import { checkPauseMs, IDLE_LOOK_MS, pollPauseMs, retryPauseMs } from './pacing.ts';
import { isMissed, isOver, mayStillWake, type UnansweredCall } from './unanswered-call.ts';
import { WorkQueue } from './work-queue.ts';

export interface PlannedStep {
  readonly providerId: ProviderId;
  readonly leaseId: LeaseId;
  readonly step: Step;
  readonly why: string;
}

const NAME = 'lease-controller';
const AT_ONCE = 0;

/** No lease needs so many calls to get anywhere: more without a pause is a loop, and is slowed down. */
const TURNS_IN_ROW_MAX = 20;

/** After so many failures in a row somebody should know; about two minutes of trying. */
const FAILURES_TOLD = 6;

/** A cloud that took the order so often, and did not follow, is no accident any more. */
const SHELVE_TRIES_TOLD = 3;

/** Where a borrower wants it deleted rather than kept running: when shelving is given up. */
const SHELVE_TRIES_MAX = 6;
const SHELVE_ABANDONED_AFTER_MS = 10 * MINUTE_MS;

/** What is looked at in one turn. */
interface View extends Look {
  readonly lease: Lease;
  readonly goal: Goal;
  readonly memory: LeaseMemory;
}

export class LeaseController {
  readonly #context: Context;
  readonly #provider: Provider;
  readonly #queue: WorkQueue<LeaseId>;
  readonly #memories = new Map<LeaseId, LeaseMemory>();
  readonly #planned = new Map<LeaseId, PlannedStep>();

  /** `callsMax`: leases that are worked on at once. */
  constructor(context: Context, provider: Provider, callsMax: number) {
    this.#context = context;
    this.#provider = provider;
    const { clock } = context.core;
    this.#queue = new WorkQueue({
      clock,
      concurrency: callsMax,
      run: (leaseId) => this.#turn(leaseId),
    });
  }

  /** To be told of each committed change of a lease of this provider. */
  notice(lease: Lease): void {
    const memory = this.#memories.get(lease.id);
    const isKnown = goalOf(lease) === null ? memory === undefined : memory?.stateKey === stateKeyOf(lease);
    // Who has called is waited for no longer.
    const { state } = lease;
    const hasCalled = state.kind === 'starting' && (state.calledHome || state.setupWords !== undefined);
    if (!isKnown || hasCalled) this.#queue.wake(lease.id);
  }

  /** Looks at everything now: at the start, after a reload, after a thaw. */
  lookAtAll(): void {
    for (const lease of this.#context.core.world.leases.values()) {
      const isOurs = lease.request.demand.providerId === this.#provider.id;
      if (isOurs && goalOf(lease) !== null) this.#queue.wake(lease.id);
    }
    for (const leaseId of this.#memories.keys()) this.#queue.wake(leaseId);
  }

  /** What would be done next, if it were allowed. */
  plannedSteps(): readonly PlannedStep[] {
    return [...this.#planned.values()];
  }

  stop(): void {
    this.#queue.stop();
  }

  async #turn(leaseId: LeaseId): Promise<number | null> {
    const lease = this.#context.core.world.leases.get(leaseId);
    const goal = lease === undefined ? null : goalOf(lease);
    if (lease === undefined || goal === null) {
      this.#memories.delete(leaseId);
      this.#planned.delete(leaseId);
      return null;
    }
    const memory = this.#memories.get(leaseId) ?? new LeaseMemory(lease);
    this.#memories.set(leaseId, memory);
    memory.enter(lease);
    let pauseMs: number | null;
    try {
      pauseMs = await this.#look(lease, goal, memory);
    } catch (error) {
      // What was not committed is found again by the next look.
      if (!(error instanceof EngineError)) this.#context.onBug(error);
      pauseMs = this.#pauseAfterFailure(memory, null);
    }
    memory.turns = pauseMs === AT_ONCE ? memory.turns + 1 : 0;
    return memory.turns > TURNS_IN_ROW_MAX ? this.#pauseAfterFailure(memory, null) : pauseMs;
  }

  async #look(lease: Lease, goal: Goal, memory: LeaseMemory): Promise<number | null> {
    const { core, onBug } = this.#context;
    let look: Look;
    try {
      look = await memory.sight.look(this.#context, this.#provider, lease, goal);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      return this.#failed(lease, goal, memory, asProviderError(error, onBug));
    }
    const { sighting } = look;
    if (sighting.dateMs !== null) core.reportDate(sighting.dateMs);
    if (core.world.leases.get(lease.id) !== lease) return AT_ONCE;
    const call = memory.unanswered(core.world.openIntents.get(lease.id), core.nowMs());
    const view = { lease, goal, memory, ...look };
    const next = this.#plan(view, call);
    await this.#record(view, next, call);
    await this.#locate(view);
    const current = core.world.leases.get(lease.id);
    if (current === undefined || stateKeyOf(current) !== memory.stateKey) return AT_ONCE;
    return this.#act({ ...view, lease: current }, next);
  }

  #plan({ lease, goal, memory, sighting }: View, call: UnansweredCall | null): Plan {
    const nowMs = this.#context.core.nowMs();
    const next = plan({
      providerKind: this.#provider.kind,
      goal,
      lease,
      sighting,
      nowMs,
      // Who asks for the fixed address gets no other.
      wantsFloatingIp: this.#provider.wantsFloatingIp && lease.request.setup?.address !== 'fixed',
      openIntent: call && { ...call.intent, openedAtMs: call.sinceMs },
      unshelveSentAtMs: memory.unshelveSentAtMs,
      overridesLocks: this.#provider.overridesLocks,
      shelveIsFailing: isShelvingFailing(memory),
      resets: memory.resets,
    });
    if (call === null || !mayStillWake(call, { goal, sighting, next, nowMs })) return next;
    return { kind: 'wait', progress: null, why: 'the answer to unshelve is still out' };
  }

  /**
   * Records what was found without an answer of the cloud, and closes a call of which is known now what it
   * did.
   */
  async #record(
    { lease, goal, memory, sighting }: View,
    next: Plan,
    call: UnansweredCall | null,
  ): Promise<void> {
    const nowMs = this.#context.core.nowMs();
    // What is being taken away needs no record: it is found by what was recorded before, or by its mark.
    const refs = goal === 'gone' ? null : refsToRecord(lease, sighting);
    if (call !== null && (next.kind !== 'wait' || isOver(call, sighting, nowMs))) {
      const { intent, failure } = call;
      const isTold = isMissed(call, sighting, nowMs) && memory.isNews(failure, nowMs);
      await close(this.#context, NAME, intent, refs, isTold ? failure : null);
    } else if (refs !== null) {
      await give(this.#context, NAME, { type: 'lease.refs', leaseId: lease.id, refs });
    }
  }

  async #locate({ lease, memory, sighting }: View): Promise<void> {
    const claim = claimOf(lease);
    const hostId = keeperOf(sighting)?.hostId ?? null;
    if (claim?.kind !== 'slot' || hostId === null || hostId === memory.reportedHostId) return;
    if (claim.hostId === hostId && !claim.provisional) return;
    memory.reportedHostId = hostId;
    await give(this.#context, NAME, { type: 'lease.located', leaseId: lease.id, hostId });
  }

  async #act(view: View, next: Plan): Promise<number | null> {
    this.#planned.delete(view.lease.id);
    if (mayBeAbandoned(view, next, this.#context.core.nowMs())) return this.#abandon(view, next);
    switch (next.kind) {
      case 'step':
        return this.#step(view, next.step, next.why);
      case 'wait':
        return this.#wait(view, next.progress);
      case 'done':
        return this.#finish(view);
      // Nothing is given up on what was only taken to be so.
      case 'failed':
        return view.isComplete ? this.#giveUp(view, next.failure) : AT_ONCE;
      case 'lost':
        return view.isComplete ? this.#lose(view, next.cause) : AT_ONCE;
      case 'shelvedOutside':
        throw new AssertionError('only a lease that was handed out can be shelved by another hand');
      default:
        return unreachable(next);
    }
  }

  async #step(view: View, step: Step, why: string): Promise<number | null> {
    const { core } = this.#context;
    const { lease, memory } = view;
    if (!mayAct(core.world.control)) {
      this.#planned.set(lease.id, { providerId: this.#provider.id, leaseId: lease.id, step, why });
      return IDLE_LOOK_MS;
    }
    const { servers, port, floatingIp } = view.sighting;
    const seen = [...servers, port, floatingIp].filter((object) => object !== null);
    await assertOurs(this.#context, lease, step, seen);
    const isNews = (failure: StepFailure): boolean => memory.isNews(failure, core.nowMs());
    const outcome = await callOutside(this.#context, {
      name: NAME,
      provider: this.#provider,
      lease,
      step,
      isNews,
    });
    switch (outcome.kind) {
      case 'stale':
        return AT_ONCE;
      case 'made':
        return this.#stepMade(view, step, outcome.made);
      case 'open':
        memory.call = outcome.call;
        return this.#pauseAfterFailure(memory, null);
      case 'failed':
        if (outcome.failure.next !== 'again' && view.goal === 'running')
          return this.#giveUp(view, outcome.failure);
        if (isRefusal(outcome.error) && isForShelf(step)) memory.shelveTries += 1;
        return this.#failed(lease, view.goal, memory, outcome.error);
      default:
        return unreachable(outcome);
    }
  }

  async #stepMade(
    { lease, memory, sighting }: View,
    step: Step,
    made: Partial<ProviderRefs>,
  ): Promise<number> {
    const { deploymentId } = this.#context.core.world.control;
    memory.sight.answered(sighting, { step, made, lease, deploymentId });
    memory.failures = 0;
    memory.polls = 0;
    if (step.kind === 'unshelve') memory.unshelveSentAtMs = this.#context.core.nowMs();
    if (step.kind === 'shelve') memory.shelveTries += 1;
    if (step.kind === 'resetState') memory.resets += 1;
    await this.#showProgress(lease.id, progressAfter(step));
    return AT_ONCE;
  }

  async #wait({ lease, memory, sighting }: View, progress: StartProgress | null): Promise<number> {
    memory.sight.keep(sighting);
    if (memory.call === null) memory.failures = 0;
    if (lease.state.kind === 'shelving' && isShelvingFailing(memory))
      await this.#tellFailing(lease.id, 'shelved', 'the cloud takes the order to shelve and does not follow');
    if (await this.#showProgress(lease.id, progress)) memory.polls = 0;
    return this.#pauseBeforeLook(memory);
  }

  async #finish({ lease, goal, memory, sighting, isComplete }: View): Promise<number | null> {
    const { core } = this.#context;
    switch (goal) {
      case 'running': {
        const { deploymentId } = core.world.control;
        const connection = this.#provider.connection({ deploymentId, lease }, sighting);
        if (connection !== null) return this.#check({ lease, memory, sighting }, connection);
        memory.sight.keep(sighting);
        await this.#showProgress(lease.id, 'checking');
        return this.#pauseBeforeLook(memory);
      }
      case 'shelved':
        await clearFinding(this.#context, NAME, 'shelve_failing', leaseSubject(lease.id));
        return this.#report({ type: 'lease.shelved', leaseId: lease.id });
      case 'gone':
        // A cloud that shows nothing may be the very reason for the freeze: nothing ends until somebody has
        // looked.
        if (core.world.control.freeze !== null) return IDLE_LOOK_MS;
        // That nothing is left is said only of what was looked for.
        if (!isComplete) return AT_ONCE;
        await clearFinding(this.#context, NAME, 'end_failing', leaseSubject(lease.id));
        return this.#report({ type: 'lease.gone', leaseId: lease.id });
      default:
        return unreachable(goal);
    }
  }

  /** Hands the machine out once it is usable. That it never becomes so ends with the start's deadline. */
  async #check(
    { lease, memory, sighting }: Pick<View, 'lease' | 'memory' | 'sighting'>,
    connection: Connection,
  ): Promise<number | null> {
    const { core, life } = this.#context;
    const subject = { deploymentId: core.world.control.deploymentId, lease };
    const readiness = await life.live(this.#provider.probe(subject, connection, sighting));
    if (readiness.ready) {
      const { notes = [] } = readiness;
      return this.#report({ type: 'lease.ready', leaseId: lease.id, connection, notes });
    }
    if (readiness.failed === true) {
      // What it was asked to be would fail on another host as well.
      const failure = { code: 'setup_failed', message: readiness.why, next: 'final' } as const;
      return this.#report({ type: 'lease.startFailed', leaseId: lease.id, failure });
    }
    memory.sight.keep(sighting);
    await this.#showProgress(lease.id, 'checking', readiness.why);
    memory.checks += 1;
    return checkPauseMs(memory.checks, this.#context.prng);
  }

  /**
   * A start goes elsewhere or ends; for everything else there is no elsewhere, so it is tried for ever, and
   * told.
   */
  async #giveUp({ lease, goal, memory }: View, failure: StepFailure): Promise<number | null> {
    if (goal === 'running') return this.#report({ type: 'lease.startFailed', leaseId: lease.id, failure });
    if (goal === 'shelved') memory.shelveTries += 1;
    await this.#tellFailing(lease.id, goal, failure.message);
    return this.#pauseAfterFailure(memory, null);
  }

  /** It cannot be shelved, and its borrower has agreed to have it deleted then. */
  async #abandon({ lease, memory }: View, next: Plan): Promise<number | null> {
    const why =
      next.kind === 'failed' ? next.failure.message : 'the cloud takes the order and does not follow';
    const cause = `it could not be shelved in ${memory.shelveTries} tries: ${why}`;
    return this.#report({ type: 'lease.unshelvable', leaseId: lease.id, cause });
  }

  async #lose({ lease }: View, cause: string): Promise<number | null> {
    if (this.#context.core.world.control.freeze !== null) return IDLE_LOOK_MS;
    return this.#report({ type: 'lease.lost', leaseId: lease.id, cause });
  }

  async #failed(lease: Lease, goal: Goal, memory: LeaseMemory, error: ProviderError): Promise<number> {
    const pauseMs = this.#pauseAfterFailure(memory, error.retryAfterMs);
    if (memory.failures >= FAILURES_TOLD) await this.#tellFailing(lease.id, goal, error.message);
    return pauseMs;
  }

  async #tellFailing(leaseId: LeaseId, goal: Goal, message: string): Promise<void> {
    // A start has a deadline of its own.
    if (goal === 'running') return;
    const code = goal === 'shelved' ? 'shelve_failing' : 'end_failing';
    await raiseFinding(this.#context, NAME, { code, subject: leaseSubject(leaseId), message });
  }

  /** True when it was news. `obstacle`: why the borrower cannot get in yet, where that was looked at. */
  async #showProgress(
    leaseId: LeaseId,
    progress: StartProgress | null,
    obstacle: string | null = null,
  ): Promise<boolean> {
    const state = this.#context.core.world.leases.get(leaseId)?.state;
    if (progress === null || state?.kind !== 'starting') return false;
    if (state.progress === progress && state.obstacle === obstacle) return false;
    await give(this.#context, NAME, { type: 'lease.progress', leaseId, progress, obstacle });
    return true;
  }

  /** Reports what ends this goal; where the lease has moved on meanwhile, it is looked at again. */
  async #report(command: SystemCommand): Promise<number | null> {
    const outcome = await give(this.#context, NAME, command);
    return outcome.ok ? null : AT_ONCE;
  }

  #pauseBeforeLook(memory: LeaseMemory): number {
    const pauseMs = pollPauseMs(memory.polls, this.#context.prng);
    memory.polls += 1;
    return pauseMs;
  }

  #pauseAfterFailure(memory: LeaseMemory, retryAfterMs: number | null): number {
    const pauseMs = retryPauseMs(memory.failures, retryAfterMs, this.#context.prng);
    memory.failures += 1;
    return pauseMs;
  }
}

/** Whether the shelving of a lease has gone wrong so often that somebody has to look. */
function isShelvingFailing(memory: LeaseMemory): boolean {
  return memory.failures >= FAILURES_TOLD || memory.shelveTries > SHELVE_TRIES_TOLD;
}

/**
 * Whether shelving is given up. Only what the cloud itself did or refused counts, so that no disk goes
 * because an API was away; the domain has the last word.
 */
function mayBeAbandoned({ lease, memory, isComplete }: View, next: Plan, nowMs: number): boolean {
  const { request, state } = lease;
  if (state.kind !== 'shelving' || request.atEnd !== 'shelve_or_delete' || state.reason === 'asked')
    return false;
  if (!isComplete || memory.shelveTries < SHELVE_TRIES_MAX) return false;
  if (nowMs - state.sinceMs < SHELVE_ABANDONED_AFTER_MS) return false;
  return next.kind === 'failed' || (next.kind === 'step' && isForShelf(next.step));
}

function isForShelf({ kind }: Step): boolean {
  return kind === 'shelve' || kind === 'shelveOffload' || kind === 'resetState';
}

/** The cloud understood, and would not; a repetition may be refused again. */
function isRefusal({ code, effect }: ProviderError): boolean {
  if (effect !== 'none') return false;
  return code === 'conflict' || code === 'bad_request' || code === 'forbidden' || code === 'quota';
}
