/** Limits between the wire and the domain, both ways. */
import type { LimitsBody, LimitsJson, ProjectUseJson, UseJson } from '../../api/limits.ts';
import { formatTime, HOUR_MS, SECOND_MS } from '../../base/units.ts';
import type { Account } from '../../domain/accounts.ts';
import { NO_LIMITS, type Limits } from '../../domain/model/limits.ts';
import type { ProjectUse } from '../../engine/views.ts';

/** Digits behind the point of GPU-hours: less than a second. */
const HOURS_SCALE = 10_000;

export function limitsToJson(limits: Limits): LimitsJson {
  const { durationMs } = limits;
  return {
    gpus: limits.gpus,
    gpus_by_class: { ...limits.gpusByClass },
    leases: limits.leases,
    gpu_hours_per_month: limits.gpuHoursPerMonth,
    max_duration_seconds: durationMs === null ? null : durationMs / SECOND_MS,
    queued: limits.queued,
  };
}

export function someLimitsToJson(limits: Partial<Limits>): Partial<LimitsJson> {
  const all = limitsToJson({ ...NO_LIMITS, ...limits });
  return {
    ...('gpus' in limits && { gpus: all.gpus }),
    ...('gpusByClass' in limits && { gpus_by_class: all.gpus_by_class }),
    ...('leases' in limits && { leases: all.leases }),
    ...('gpuHoursPerMonth' in limits && { gpu_hours_per_month: all.gpu_hours_per_month }),
    ...('durationMs' in limits && { max_duration_seconds: all.max_duration_seconds }),
    ...('queued' in limits && { queued: all.queued }),
  };
}

/** What is left out is no limit. */
export function limitsOf(body: LimitsBody | null | undefined): Limits {
  return { ...NO_LIMITS, ...someLimitsOf(body ?? {}) };
}

/** What is left out stays so. */
export function someLimitsOf(body: LimitsBody): Partial<Limits> {
  const { gpus, gpus_by_class: gpusByClass, leases, gpu_hours_per_month: hours, queued } = body;
  const { max_duration_seconds: seconds } = body;
  return {
    ...(gpus !== undefined && { gpus }),
    ...(gpusByClass !== undefined && { gpusByClass }),
    ...(leases !== undefined && { leases }),
    ...(hours !== undefined && { gpuHoursPerMonth: hours }),
    ...(seconds !== undefined && { durationMs: seconds === null ? null : seconds * SECOND_MS }),
    ...(queued !== undefined && { queued }),
  };
}

export function projectUseToJson(use: ProjectUse): ProjectUseJson {
  return {
    month_from: formatTime(use.monthFromMs),
    month_until: formatTime(use.monthUntilMs),
    project: useToJson(use.project, use.month),
    user: useToJson(use.user, use.month),
  };
}

function useToJson(account: Readonly<Account>, month: number): UseJson {
  const { used = 0, claimed = 0 } = account.months.get(month) ?? {};
  return {
    gpus: account.gpus,
    gpus_by_class: Object.fromEntries([...account.byClass].filter(([, count]) => count > 0)),
    leases: account.leases,
    queued: account.queued,
    gpu_hours_used: hoursOf(used),
    gpu_hours_claimed: hoursOf(claimed),
  };
}

/** ms × devices → GPU-hours, rounded to a ten-thousandth. */
export function hoursOf(deviceMs: number): number {
  return Math.round((deviceMs / HOUR_MS) * HOURS_SCALE) / HOURS_SCALE;
}
