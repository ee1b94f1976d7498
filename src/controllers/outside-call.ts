/**
 * One mutating outside call, from the intent that announces it to the record of its answer. The intent is
 * committed before anything is sent, so that whoever comes after a crash knows what may have happened.
 */
import { assert } from '../base/assert.ts';
import { asId, type LeaseId } from '../base/ids.ts';
import type { StepFailure } from '../domain/command.ts';
import type { Intent, Lease, ProviderRefs } from '../domain/model/lease.ts';
import { stepFailure } from '../domain/provision/failure.ts';
import type { ServerSeen, Step } from '../domain/provision/sighting.ts';
import { ProviderError, type Provider } from '../engine/ports.ts';
import { give, mayAct, type Context } from './context.ts';
import { mayActLate, type UnansweredCall } from './unanswered-call.ts';

export type CallOutcome =
  | { readonly kind: 'made'; readonly made: Partial<ProviderRefs> }
  /** No call was made: the lease moved on, or the service was frozen meanwhile. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'failed'; readonly error: ProviderError; readonly failure: StepFailure }
  /** Nobody knows whether it had an effect: its intent stays open until that shows. */
  | { readonly kind: 'open'; readonly call: UnansweredCall };

export interface CallInput {
  readonly name: string;
  readonly provider: Provider;
  readonly lease: Lease;
  readonly step: Step;
  /** Which failures are worth an entry in the lease's history. */
  readonly isNews: (failure: StepFailure) => boolean;
}

/**
 * Records the intent, makes the call, records the answer. Never rejects for anything that the provider does.
 */
export async function callOutside(context: Context, input: CallInput): Promise<CallOutcome> {
  const { core, life } = context;
  const { lease, step } = input;
  await life.live(context.onPoint('before_intent', lease.id));
  const intent: Intent = {
    id: asId(core.ids.next()),
    leaseId: lease.id,
    step: step.kind,
    openedAtMs: core.nowMs(),
    timeoutMs: input.provider.callTimeoutMs,
  };
  const opened = await give(context, input.name, {
    type: 'intent.open',
    intent,
    generation: lease.generation,
  });
  if (!opened.ok) return { kind: 'stale' };
  await life.live(context.onPoint('before_send', lease.id));
  if (!mayAct(core.world.control)) {
    await close(context, input.name, intent, null, null);
    return { kind: 'stale' };
  }
  const sentAtMs = core.nowMs();
  const answer = await perform(context, input);
  await life.live(context.onPoint('after_reply', lease.id));
  const outcome = await record(context, input, intent, { sentAtMs, answer });
  await life.live(context.onPoint('after_commit', lease.id));
  return outcome;
}

/** Closes an intent with what is known of its call by now. */
export async function close(
  context: Context,
  name: string,
  intent: Pick<Intent, 'id' | 'leaseId'>,
  refs: Partial<ProviderRefs> | null,
  failure: StepFailure | null,
): Promise<void> {
  await give(context, name, {
    type: 'intent.done',
    intentId: intent.id,
    leaseId: intent.leaseId,
    refs,
    failure,
  });
}

/**
 * What is taken away must be ours: recorded in the lease (from our own call's answer, or by an adoption), or
 * marked with this deployment and this lease, of which an intent is on record. Anything else is a bug of
 * ours.
 */
export async function assertOurs(
  context: Context,
  { id: leaseId, refs }: Pick<Lease, 'id' | 'refs'>,
  step: Step,
  seen: readonly Pick<ServerSeen, 'id' | 'berth'>[],
): Promise<void> {
  if (step.kind !== 'deleteServer' && step.kind !== 'deletePort' && step.kind !== 'deleteFloatingIp') return;
  const { id } = step;
  if (id === refs.serverId || id === refs.portId || id === refs.floatingIpId) return;
  const { deploymentId } = context.core.world.control;
  const mark = seen.find((object) => object.id === id)?.berth ?? null;
  const isMarked = mark?.deploymentId === deploymentId && mark.leaseId === leaseId;
  assert(isMarked, 'only what carries our mark for this lease is taken away');
  assert(await hasIntent(context, leaseId), 'only what an intent announced is taken away');
}

export function hasIntent({ core, life }: Context, leaseId: LeaseId): Promise<boolean> {
  return life.live(core.hasIntent(leaseId));
}

async function perform(
  { core, life, onBug }: Context,
  { provider, lease, step }: CallInput,
): Promise<Partial<ProviderRefs> | ProviderError> {
  const subject = { deploymentId: core.world.control.deploymentId, lease };
  try {
    return await life.live(provider.perform(step, subject));
  } catch (error) {
    return asProviderError(error, onBug);
  }
}

async function record(
  context: Context,
  { name, isNews, step }: CallInput,
  intent: Intent,
  { sentAtMs, answer }: { readonly sentAtMs: number; readonly answer: Partial<ProviderRefs> | ProviderError },
): Promise<CallOutcome> {
  if (!(answer instanceof ProviderError)) {
    await close(context, name, intent, answer, null);
    return { kind: 'made', made: answer };
  }
  const failure = stepFailure(step.kind, answer.code, answer.message);
  if (answer.effect === 'unknown' && mayActLate(step.kind)) {
    return { kind: 'open', call: { intent, sinceMs: sentAtMs, failure } };
  }
  const isRecorded = failure.next === 'again' && isNews(failure);
  await close(context, name, intent, null, isRecorded ? failure : null);
  return { kind: 'failed', error: answer, failure };
}

/** A provider that throws anything else has a bug; what its call did is unknown. */
export function asProviderError(error: unknown, onBug: (error: unknown) => void): ProviderError {
  if (error instanceof ProviderError) return error;
  onBug(error);
  return new ProviderError('no_reply', 'unknown', 'the call ended in an internal error', { cause: error });
}
