/** The loop of a controller without store and scheduler: looks, records what is new, plans, calls. */
import type { Clock } from '../../src/base/clock.ts';
import type { Lease } from '../../src/domain/model/lease.ts';
import { stepFailure } from '../../src/domain/provision/failure.ts';
import { plan, type Plan } from '../../src/domain/provision/plan.ts';
import { refsToRecord } from '../../src/domain/provision/refs.ts';
import type { Goal, Sighting, Step, StepKind } from '../../src/domain/provision/sighting.ts';
import { ProviderError, type Provider } from '../../src/engine/ports.ts';

export interface Follow {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly deploymentId: string;
  readonly goal: Goal;
  readonly lease: () => Lease;
  readonly record: (refs: Partial<Lease['refs']>) => void;
  readonly pollMs: number;
  readonly roundsMax: number;
  /** How long a call without reply may still take effect; as the provider says unless given. */
  readonly lostCallMs?: number;
  /** Before the call of a step is made. */
  readonly beforeStep?: (step: Step) => Promise<void>;
}

export interface Brought {
  readonly verdict: Plan;
  readonly steps: readonly StepKind[];
  /** The steps that failed, with how. */
  readonly failures: readonly { readonly step: StepKind; readonly error: ProviderError }[];
}

/** Until there is a verdict. Rejects with a ProviderError that is the last word, or if there is none. */
export async function follow(loop: Follow): Promise<Brought> {
  const { provider, clock, deploymentId, lease, record } = loop;
  const steps: StepKind[] = [];
  const failures: { step: StepKind; error: ProviderError }[] = [];
  let openIntent: { step: string; openedAtMs: number; timeoutMs: number } | null = null;
  let unshelveSentAtMs: number | null = null;
  for (let round = 0; round < loop.roundsMax; round++) {
    const subject = { deploymentId, lease: lease() };
    const sighting = await orNull(provider.inspect(subject));
    if (sighting === null) continue;
    const news = refsToRecord(lease(), sighting);
    if (news !== null) record(news);
    const nowMs = clock.wallMs();
    const verdict = next(loop, sighting, { nowMs, openIntent, unshelveSentAtMs });
    if (verdict.kind !== 'wait' && verdict.kind !== 'step') return { verdict, steps, failures };
    if (verdict.kind === 'step') {
      const { step } = verdict;
      steps.push(step.kind);
      openIntent = {
        step: step.kind,
        openedAtMs: nowMs,
        timeoutMs: loop.lostCallMs ?? provider.callTimeoutMs,
      };
      try {
        await loop.beforeStep?.(step);
        record(await provider.perform(step, { deploymentId, lease: lease() }));
        openIntent = null;
        if (step.kind === 'unshelve') unshelveSentAtMs = clock.wallMs();
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        if (stepFailure(step.kind, error.code, error.message).next === 'final') throw error;
        failures.push({ step: step.kind, error });
        if (error.effect === 'none') openIntent = null;
      }
    }
    await new Promise<void>((resolve) => void clock.setTimer(loop.pollMs, resolve));
  }
  throw new Error(`no verdict after ${loop.roundsMax} rounds: ${steps.join(' ')}`);
}

function next(
  { provider, goal, lease }: Follow,
  sighting: Sighting,
  known: Pick<Parameters<typeof plan>[0], 'nowMs' | 'openIntent' | 'unshelveSentAtMs'>,
): Plan {
  return plan({
    ...known,
    providerKind: provider.kind,
    goal,
    lease: lease(),
    sighting,
    wantsFloatingIp: provider.wantsFloatingIp,
    overridesLocks: provider.overridesLocks,
    shelveIsFailing: false,
    resets: 0,
  });
}

/** null: the cloud did not answer this time. */
async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}
