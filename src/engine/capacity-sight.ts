/** How far the numbers of each provider can be trusted, from what its newest looks were like. Pure. */
import { MINUTE_MS } from '../base/units.ts';
import type { ProviderStatus } from './views.ts';

/** What is told of capacity beside the numbers. */
export interface CapacitySight {
  /** When the provider was last seen as a whole; null: not since the service began. */
  readonly observedAtMs: number | null;
  /** What others use there is seen: else nobody can say how much is free. */
  readonly seesOthers: boolean;
  /** What a reader should know, a sentence without its full stop; null: nothing. */
  readonly note: string | null;
}

/** As long as portals of the GPU flavor report have always been answered from its cache. */
export const REPORT_AGE_MS_MAX = 5 * MINUTE_MS;

export function capacitySight(status: ProviderStatus | undefined): CapacitySight {
  if (status === undefined)
    return { observedAtMs: null, seesOthers: true, note: 'its cloud is no longer configured' };
  const { id, observedAtMs, account, reachable } = status;
  if (account?.rights === 'member') {
    const note = `how many are free is not known: Berth's account sees only its own project in cloud ${id}`;
    return { observedAtMs, seesOthers: false, note };
  }
  const note = reachable || isStarting(status) ? null : `cloud ${id} does not answer: as it was last seen`;
  return { observedAtMs, seesOthers: true, note };
}

/** Why the numbers of a provider are not to be published; null: they are. */
export function reasonUnpublished(status: ProviderStatus, nowMs: number): string | null {
  const { observedAtMs, seesOthers, note } = capacitySight(status);
  if (!seesOthers) return note;
  if (observedAtMs === null) return `cloud ${status.id} was not seen yet`;
  if (nowMs - observedAtMs <= REPORT_AGE_MS_MAX) return null;
  const ageMinutes = Math.floor((nowMs - observedAtMs) / MINUTE_MS);
  return `cloud ${status.id} does not answer: it was last seen ${ageMinutes} minutes ago`;
}

/** Its first look is still under way. */
export function isStarting({ observedAtMs, error }: ProviderStatus): boolean {
  return observedAtMs === null && error === null;
}
