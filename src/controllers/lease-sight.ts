/**
 * What is known to exist for one lease, at the least cost: our own answers, a look at its servers that is
 * shared with others, or a look at everything. A start of which nothing went wrong needs no look of its own;
 * after any doubt (a failure, a call without an answer, a new state, a minute) everything is looked at.
 */
import type { Lease, ProviderRefs } from '../domain/model/lease.ts';
import { advance } from '../domain/provision/advance.ts';
import { NOTHING_SEEN, type Goal, type Sighting, type Step } from '../domain/provision/sighting.ts';
import { MINUTE_MS } from '../base/units.ts';
import type { Provider } from '../engine/ports.ts';
import type { Context } from './context.ts';
import { hasIntent } from './outside-call.ts';

export interface Look {
  readonly sighting: Sighting;
  /** Everything in it was looked for just now. */
  readonly isComplete: boolean;
}

const RELIED_ON_MS = MINUTE_MS;

interface Known {
  readonly sighting: Sighting;
  /** Nothing can have happened since: it is what an answer told a moment ago. */
  readonly isFresh: boolean;
}

export class LeaseSight {
  #known: Known | null = null;
  #completeAtMs = Number.NEGATIVE_INFINITY;

  /** Rejects with ProviderError, or with EngineError where the store cannot be asked. */
  async look(context: Context, provider: Provider, lease: Lease, goal: Goal): Promise<Look> {
    const { core, life } = context;
    const subject = { deploymentId: core.world.control.deploymentId, lease };
    const known = this.#known;
    this.#known = null;
    const isAnswered = core.world.openIntents.get(lease.id) === undefined;
    const nowMs = core.nowMs();
    if (known !== null && isAnswered && nowMs < this.#completeAtMs + RELIED_ON_MS) {
      if (known.isFresh) return { sighting: known.sighting, isComplete: false };
      return { sighting: await life.live(provider.watch(subject, known.sighting)), isComplete: false };
    }
    const isNew = goal === 'running' && isAnswered && isUntouched(lease, context.startedAtMs);
    const sighting =
      isNew && !(await hasIntent(context, lease.id))
        ? NOTHING_SEEN
        : await life.live(provider.inspect(subject));
    this.#completeAtMs = nowMs;
    return { sighting, isComplete: true };
  }

  /** The servers may change from here on; nobody but us touches the rest. */
  keep(sighting: Sighting): void {
    this.#known = { sighting, isFresh: false };
  }

  /** A call was answered. */
  answered(
    sighting: Sighting,
    call: {
      readonly step: Step;
      readonly made: Partial<ProviderRefs>;
      readonly lease: Lease;
      readonly deploymentId: string;
    },
  ): void {
    const mark = { deploymentId: call.deploymentId, leaseId: call.lease.id };
    const next = advance(sighting, { ...call, mark });
    this.#known = next && { sighting: next, isFresh: true };
  }

  forget(): void {
    this.#known = null;
  }
}

/** Granted by us, nothing on record, and no try before this one. */
function isUntouched({ refs, setbacks, state }: Lease, startedAtMs: number): boolean {
  if (state.kind !== 'starting' || state.comeback || state.sinceMs < startedAtMs) return false;
  const isFirst = setbacks.length === 0;
  return isFirst && Object.values(refs).every((ref) => ref === null);
}
