/**
 * When an owner is warned before an end. The longest of the configured warnings is given after half of the
 * time at the latest, each other one with at least a tenth of it left, so that a lease of two minutes is
 * warned like one of a week, only closer together.
 */
import type { LeaseState } from '../model/lease.ts';
import type { Settings } from '../settings.ts';

/** At most this share of the whole time lies between the first warning and the end. */
const FIRST_SHARE_MAX = 1 / 2;
/** The same of all the others. */
const LATER_SHARE_MAX = 1 / 10;

type Active = Extract<LeaseState, { readonly kind: 'active' }>;
type Shelved = Extract<LeaseState, { readonly kind: 'shelved' }>;

/**
 * The next warning of an active lease as a moment; null: all were given. Who was renewed is warned once
 * before each end, by the shortest of the warnings: the others would come all the time.
 */
export function nextWarningAt(state: Active, { warningsMs }: Settings): number | null {
  const { expiresAtMs, sinceMs, renewedAtMs, warnedMs } = state;
  if (renewedAtMs === null) return next(expiresAtMs, warnedMs, warningsOf(warningsMs, expiresAtMs - sinceMs));
  const last = warningsMs.at(-1);
  const once = last === undefined ? [] : warningsOf([last], expiresAtMs - renewedAtMs);
  return next(expiresAtMs, warnedMs, once);
}

/** The same of a disk on the shelf. */
export function keepWarningAt(state: Shelved, { keepWarningsMs }: Settings): number | null {
  const { keepUntilMs, sinceMs, warnedMs } = state;
  if (keepUntilMs === null) return null;
  return next(keepUntilMs, warnedMs, warningsOf(keepWarningsMs, keepUntilMs - sinceMs));
}

/** How long before the end of something that takes `lengthMs`, largest first, without repetitions. */
export function warningsOf(configuredMs: readonly number[], lengthMs: number): readonly number[] {
  const shared = configuredMs.map((beforeMs, index) =>
    Math.floor(Math.min(beforeMs, lengthMs * (index === 0 ? FIRST_SHARE_MAX : LATER_SHARE_MAX))),
  );
  return shared.filter((beforeMs, index) => beforeMs > 0 && beforeMs !== shared[index - 1]);
}

/** `warnedMs`: so long before the end the last one was given, or was too late to be given; null: none was. */
function next(endsAtMs: number, warnedMs: number | null, warningsMs: readonly number[]): number | null {
  const beforeMs = warningsMs.find((each) => warnedMs === null || each < warnedMs);
  return beforeMs === undefined ? null : endsAtMs - beforeMs;
}
