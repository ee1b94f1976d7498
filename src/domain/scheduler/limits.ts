/**
 * What the limits of a project and of its users leave of a wish. The same look serves the refusal of a
 * request, the pass that grants, and the explanation.
 */
import type { ProjectId } from '../../base/ids.ts';
import type { Account } from '../accounts.ts';
import type { DeviceCounts } from '../model/host.ts';
import type { Lease } from '../model/lease.ts';
import { monthlyDeviceMs, userLimits, type Limits, type ProjectLimits } from '../model/limits.ts';
import { claimOf, type World } from '../world.ts';
import { totalDevices } from './free.ts';
import { windowFor } from './place.ts';

/** Claims that somebody would like to have. */
export interface Wish {
  readonly projectId: ProjectId;
  readonly ownerId: string;
  /** Of each of them, at the same time. */
  readonly devices: DeviceCounts;
  readonly count: number;
  /** From when until when, ms: to the time at which the devices are expected back. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Whose limit: of all users of the project together, or of one. */
export type Scope = 'project' | 'user';

/** The first limit that a wish is over. */
export type Excess =
  | {
      readonly kind: 'gpus' | 'leases';
      readonly scope: Scope;
      /** Of this class only; null: all together. */
      readonly deviceClass: string | null;
      readonly limit: number;
      readonly inUse: number;
      readonly wanted: number;
      /** When the next one is expected back, ms; null: nothing is held. */
      readonly backMs: number | null;
    }
  | {
      readonly kind: 'gpu_hours';
      readonly scope: Scope;
      /** Device-ms of the month that has too few left: its limit, what is spoken for, and what is wanted of it. */
      readonly limit: number;
      readonly inUse: number;
      readonly wanted: number;
      readonly monthFromMs: number;
      readonly monthUntilMs: number;
      /** The latest end, as `untilMs` of the wish, that does fit; `fromMs` where none does. */
      readonly fitsUntilMs: number;
    };

/** null: it may have what it wishes. `alone`: even if nothing else was held. */
export function heldExcess(world: World, wish: Wish, alone = false): Excess | null {
  const project = world.projects.get(wish.projectId);
  if (project === undefined || !limitsAnything(project)) return null;
  for (const { scope, limits, account } of scopesOf(world, project, wish)) {
    const found = heldOver(wish, scope, limits, alone ? null : account);
    if (found === null) continue;
    const backMs = nextBack(world, wish, scope, found.deviceClass);
    return { ...found, backMs };
  }
  return null;
}

/** null: the months in which it would be held have that much left. */
export function monthExcess(world: World, wish: Wish): Excess | null {
  const project = world.projects.get(wish.projectId);
  if (project === undefined || !limitsAnything(project)) return null;
  const gpus = totalDevices(wish.devices) * wish.count;
  if (gpus === 0) return null;
  for (const { scope, limits, account } of scopesOf(world, project, wish)) {
    const limit = monthlyDeviceMs(limits);
    if (limit === null) continue;
    for (const { month, beginMs, endMs } of world.months.split(wish.fromMs, wish.untilMs)) {
      const use = account.months.get(month);
      const inUse = use === undefined ? 0 : use.used + use.claimed;
      const wanted = (endMs - beginMs) * gpus;
      if (inUse + wanted <= limit) continue;
      const fitsUntilMs = beginMs + Math.floor(Math.max(0, limit - inUse) / gpus);
      const monthFromMs = world.months.startMs(month);
      const monthUntilMs = world.months.startMs(month + 1);
      return { kind: 'gpu_hours', scope, limit, inUse, wanted, monthFromMs, monthUntilMs, fitsUntilMs };
    }
  }
  return null;
}

/** What keeps a waiting lease from starting now, whatever is free; null: nothing. */
export function startExcess(world: World, lease: Lease, nowMs: number): Excess | null {
  // Before anything is made for the look: it is asked of everybody who waits, at each pass.
  const project = world.projects.get(lease.projectId);
  if (project === undefined || !limitsAnything(project) || lease.request.exempt !== null) return null;
  const wish = wishOf(world, lease, lease.request, nowMs);
  return heldExcess(world, wish) ?? monthExcess(world, wish);
}

/** What a start at `fromMs` would claim, as the grant and the booking of windows do. */
export function wishOf(
  world: World,
  { projectId, ownerId }: Pick<Lease, 'projectId' | 'ownerId'>,
  request: Pick<Lease['request'], 'demand' | 'durationMs'>,
  fromMs: number,
  count = 1,
): Wish {
  const window = windowFor(request.durationMs, fromMs, world.settings);
  return { projectId, ownerId, devices: request.demand.devices, count, ...window };
}

/** Longest lease for this owner, ms, and whose limit it is; null: none but that of all leases. */
export function longestLease(
  world: World,
  projectId: ProjectId,
  ownerId: string,
): { readonly scope: Scope; readonly durationMs: number } | null {
  const project = world.projects.get(projectId);
  if (project === undefined) return null;
  const ofUser = userLimits(project, ownerId).durationMs;
  const ofProject = project.limits.durationMs;
  if (ofUser !== null && (ofProject === null || ofUser < ofProject))
    return { scope: 'user', durationMs: ofUser };
  return ofProject === null ? null : { scope: 'project', durationMs: ofProject };
}

/** More requests wait, with `more` that are to come, than may; null: not so. */
export function queueExcess(
  world: World,
  owner: Pick<Lease, 'projectId' | 'ownerId'>,
  more = 0,
): { readonly scope: Scope; readonly limit: number; readonly waiting: number } | null {
  const project = world.projects.get(owner.projectId);
  if (project === undefined) return null;
  for (const { scope, limits, account } of scopesOf(world, project, owner)) {
    const waiting = account.queued + more;
    if (limits.queued !== null && waiting > limits.queued) return { scope, limit: limits.queued, waiting };
  }
  return null;
}

interface Scoped {
  readonly scope: Scope;
  readonly limits: Limits;
  readonly account: Readonly<Account>;
}

function scopesOf(
  world: World,
  project: ProjectLimits,
  owner: Pick<Lease, 'projectId' | 'ownerId'>,
): readonly Scoped[] {
  const { accounts } = world;
  return [
    { scope: 'project', limits: project.limits, account: accounts.ofProject(owner.projectId) },
    { scope: 'user', limits: userLimits(project, owner.ownerId), account: accounts.ofUser(owner) },
  ];
}

type Held = Omit<Extract<Excess, { readonly kind: 'gpus' | 'leases' }>, 'backMs'>;

/** `account` null: as if nothing was held. */
function heldOver(
  { devices, count }: Wish,
  scope: Scope,
  limits: Limits,
  account: Readonly<Account> | null,
): Held | null {
  const over = (kind: Held['kind'], limit: number | null, inUse: number, wanted: number): Held | null =>
    limit === null || wanted === 0 || inUse + wanted <= limit
      ? null
      : { kind, scope, deviceClass: null, limit, inUse, wanted };
  for (const deviceClass in devices) {
    const limit = limits.gpusByClass[deviceClass] ?? null;
    const found = over(
      'gpus',
      limit,
      account?.byClass.get(deviceClass) ?? 0,
      (devices[deviceClass] ?? 0) * count,
    );
    if (found !== null) return { ...found, deviceClass };
  }
  return (
    over('gpus', limits.gpus, account?.gpus ?? 0, totalDevices(devices) * count) ??
    over('leases', limits.leases, account?.leases ?? 0, count)
  );
}

/** Cheap: most projects have none, and everybody waits for a decision. */
function limitsAnything({ limits, perUser, users }: ProjectLimits): boolean {
  return limitsHeldOrUsed(limits) || limitsHeldOrUsed(perUser) || !isEmpty(users);
}

function limitsHeldOrUsed(limits: Limits): boolean {
  if (limits.gpus !== null || limits.leases !== null || limits.gpuHoursPerMonth !== null) return true;
  return !isEmpty(limits.gpusByClass);
}

/** Without making a list of the keys. */
function isEmpty(record: Readonly<Record<string, unknown>>): boolean {
  for (const key in record) if (Object.hasOwn(record, key)) return false;
  return true;
}

/** Only those that hold something in the project are looked at: as many as its limit lets be. */
function nextBack(world: World, wish: Wish, scope: Scope, deviceClass: string | null): number | null {
  let firstMs: number | null = null;
  for (const id of world.accounts.holders(wish.projectId)) {
    const lease = world.leases.get(id);
    const claim = lease === undefined ? null : claimOf(lease);
    if (lease === undefined || claim === null || (scope === 'user' && lease.ownerId !== wish.ownerId))
      continue;
    if (deviceClass !== null && (claim.devices[deviceClass] ?? 0) === 0) continue;
    if (firstMs === null || claim.untilMs < firstMs) firstMs = claim.untilMs;
  }
  return firstMs;
}
