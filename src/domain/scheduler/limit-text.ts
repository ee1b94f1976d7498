/** Limits in sentences: what is over, by how much, and what can be done. */
import { formatDuration, formatTime, HOUR_MS, MINUTE_MS } from '../../base/units.ts';
import type { Json } from '../../base/json.ts';
import type { Excess, Scope } from './limits.ts';

/** `it holds 4 of 4 V100 …`, as a clause after `the project` or a sentence of its own. */
export function excessText(excess: Excess): string {
  const { scope, inUse, limit, wanted } = excess;
  if (excess.kind !== 'gpu_hours') {
    const what = excess.kind === 'leases' ? 'leases' : (excess.deviceClass ?? 'GPUs');
    const [who, holds] = scope === 'project' ? ['the project', 'holds'] : ['its owner', 'holds'];
    return `${who} ${holds} ${inUse} of ${limit} ${what} and this asks for ${wanted}${backText(excess.backMs)}`;
  }
  const who = scope === 'project' ? "the project's" : "its owner's";
  const left = hoursText(Math.max(0, limit - inUse));
  const month = `from ${formatTime(excess.monthFromMs)} to ${formatTime(excess.monthUntilMs)}`;
  return (
    `${left} of ${who} ${hoursText(limit)} GPU-hours for the month ${month} are left, ` +
    `and this needs ${hoursText(wanted)}`
  );
}

/** What to do about it, for the refusal of a request that is for `fromMs` on. */
export function excessFix(excess: Excess, longestMs: number | null): string {
  if (excess.kind !== 'gpu_hours')
    return 'Return something, ask for less, or ask an administrator for a higher limit.';
  const until = formatTime(excess.monthUntilMs);
  const short =
    longestMs === null || longestMs < MINUTE_MS
      ? ''
      : `It fits with a length of ${formatDuration(longestMs)}. `;
  return `${short}Or wait for the next month, which begins at ${until}, or ask an administrator for a higher limit.`;
}

export function excessData(excess: Excess): { readonly [key: string]: Json } {
  const { kind, scope, limit, inUse, wanted } = excess;
  if (kind !== 'gpu_hours') {
    const { deviceClass, backMs } = excess;
    const back = backMs === null ? null : formatTime(backMs);
    return { limited: kind, scope, class: deviceClass, limit, in_use: inUse, wanted, back_at: back };
  }
  return {
    limited: kind,
    scope,
    limit: hours(limit),
    in_use: hours(inUse),
    left: hours(Math.max(0, limit - inUse)),
    wanted: hours(wanted),
    month_until: formatTime(excess.monthUntilMs),
  };
}

/** `Your project` or `You`, as the refusals begin. */
export function whoseText(scope: Scope): string {
  return scope === 'project' ? 'Your project' : 'You';
}

function backText(backMs: number | null): string {
  return backMs === null ? '' : `; the next is expected back at ${formatTime(backMs)}`;
}

/** Device-ms in hours, to a hundredth: down to half a minute. */
function hours(deviceMs: number): number {
  return Math.round((deviceMs / HOUR_MS) * 100) / 100;
}

function hoursText(deviceMs: number): string {
  return String(hours(deviceMs));
}
