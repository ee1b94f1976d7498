import { HOUR_MS } from '../../base/units.ts';
import type { DeviceCounts } from './host.ts';

/** Upper limits on what a project, or one user in it, may take; null (of a class: left out): no limit. */
export interface Limits {
  /** GPUs held at one moment, planned windows included: in all, and of single classes. */
  readonly gpus: number | null;
  readonly gpusByClass: DeviceCounts;
  /** Leases that hold something at one moment, planned windows included. */
  readonly leases: number | null;
  /** GPU-hours in one month of the calendar. */
  readonly gpuHoursPerMonth: number | null;
  /** Longest lease, ms: from when it is active to its end, extensions included. */
  readonly durationMs: number | null;
  /** Requests that wait at one moment. */
  readonly queued: number | null;
}

export const NO_LIMITS: Limits = {
  gpus: null,
  gpusByClass: {},
  leases: null,
  gpuHoursPerMonth: null,
  durationMs: null,
  queued: null,
};

/** All that is limited in one project. */
export interface ProjectLimits {
  /** All its users together. */
  readonly limits: Limits;
  /** Each of its users, and what differs for single ones, by their ids. */
  readonly perUser: Limits;
  readonly users: Readonly<Record<string, Partial<Limits>>>;
}

export const NO_PROJECT_LIMITS: ProjectLimits = { limits: NO_LIMITS, perUser: NO_LIMITS, users: {} };

/** What one user may take: what is said for each, and for this one in particular. */
export function userLimits({ perUser, users }: ProjectLimits, ownerId: string): Limits {
  const own = Object.hasOwn(users, ownerId) ? users[ownerId] : undefined;
  return own === undefined ? perUser : { ...perUser, ...own };
}

/** True if anything in the project is limited by the month. */
export function hasMonthlyLimit({ limits, perUser, users }: ProjectLimits): boolean {
  if (limits.gpuHoursPerMonth !== null || perUser.gpuHoursPerMonth !== null) return true;
  return Object.values(users).some(({ gpuHoursPerMonth = null }) => gpuHoursPerMonth !== null);
}

/** The limit of a month in ms × devices; null: none. */
export function monthlyDeviceMs({ gpuHoursPerMonth }: Limits): number | null {
  return gpuHoursPerMonth === null ? null : gpuHoursPerMonth * HOUR_MS;
}
