/**
 * What each project, and each user in it, holds, waits for, and has used: the sums that limits are compared
 * with, kept up to date by each change, so that a decision adds nothing up.
 */
import type { LeaseId, ProjectId } from '../base/ids.ts';
import type { Claim } from './model/claim.ts';
import type { DeviceCounts } from './model/host.ts';
import type { Lease } from './model/lease.ts';
import type { UsageRecord } from './model/usage.ts';
import type { Months } from './months.ts';

/** ms × devices of one month. */
export interface MonthUse {
  /** Of what was given back. */
  used: number;
  /** Of claims, held and planned, from their beginning until their devices are expected back. */
  claimed: number;
}

export interface Account {
  /** Devices of claims, held and planned. */
  gpus: number;
  readonly byClass: Map<string, number>;
  leases: number;
  /** Requests that wait. */
  queued: number;
  /** By the numbers of `Months`. */
  readonly months: Map<number, MonthUse>;
}

/** What was used in a month before the world was loaded, as the store sums it up. */
export interface EarlierUse {
  readonly projectId: ProjectId;
  readonly ownerId: string;
  /** Any moment of the month, ms since the epoch. */
  readonly atMs: number;
  readonly deviceMs: number;
}

interface ProjectAccount {
  readonly whole: Account;
  readonly users: Map<string, Account>;
  /** Leases with a claim. */
  readonly holders: Set<LeaseId>;
}

type Owner = Pick<Lease, 'projectId' | 'ownerId'>;

const NOTHING: Account = emptyAccount();
const NOBODY: ReadonlySet<LeaseId> = new Set();

export class Accounts {
  readonly #months: Months;
  readonly #projects = new Map<ProjectId, ProjectAccount>();

  constructor(months: Months) {
    this.#months = months;
  }

  ofProject(projectId: ProjectId): Readonly<Account> {
    return this.#projects.get(projectId)?.whole ?? NOTHING;
  }

  ofUser({ projectId, ownerId }: Owner): Readonly<Account> {
    return this.#projects.get(projectId)?.users.get(ownerId) ?? NOTHING;
  }

  /** Leases of the project that have a claim, held or planned. */
  holders(projectId: ProjectId): ReadonlySet<LeaseId> {
    return this.#projects.get(projectId)?.holders ?? NOBODY;
  }

  /** Everybody with something in their account, for checks. */
  *all(): Generator<{
    readonly projectId: ProjectId;
    readonly ownerId: string | null;
    readonly account: Account;
  }> {
    for (const [projectId, { whole, users }] of this.#projects) {
      yield { projectId, ownerId: null, account: whole };
      for (const [ownerId, account] of users) yield { projectId, ownerId, account };
    }
  }

  claim(lease: Lease, claim: Claim, sign: 1 | -1): void {
    const project = this.#project(lease.projectId);
    const user = userOf(project, lease.ownerId);
    if (sign === 1) project.holders.add(lease.id);
    else project.holders.delete(lease.id);
    let gpus = 0;
    for (const deviceClass in claim.devices) {
      const count = claim.devices[deviceClass] ?? 0;
      gpus += count;
      addClass(project.whole, deviceClass, sign * count);
      addClass(user, deviceClass, sign * count);
    }
    project.whole.gpus += sign * gpus;
    project.whole.leases += sign;
    user.gpus += sign * gpus;
    user.leases += sign;
    if (gpus > 0) this.#spread(project.whole, user, claim.fromMs, claim.untilMs, sign * gpus, 'claimed');
  }

  wait({ projectId, ownerId }: Owner, sign: 1 | -1): void {
    const project = this.#project(projectId);
    project.whole.queued += sign;
    userOf(project, ownerId).queued += sign;
  }

  /** A record counts as often as it is added; its negation takes it back. */
  use({ projectId, ownerId, devices, fromMs, untilMs }: UsageRecord): void {
    const project = this.#project(projectId);
    this.#spread(project.whole, userOf(project, ownerId), fromMs, untilMs, sumOf(devices), 'used');
  }

  useEarlier({ projectId, ownerId, atMs, deviceMs }: EarlierUse): void {
    const project = this.#project(projectId);
    const month = this.#months.at(atMs);
    monthOf(project.whole, month).used += deviceMs;
    monthOf(userOf(project, ownerId), month).used += deviceMs;
  }

  #spread(
    whole: Account,
    user: Account,
    fromMs: number,
    untilMs: number,
    gpus: number,
    kind: keyof MonthUse,
  ): void {
    for (let beginMs = fromMs; beginMs < untilMs;) {
      const month = this.#months.at(beginMs);
      const endMs = Math.min(untilMs, this.#months.startMs(month + 1));
      const deviceMs = (endMs - beginMs) * gpus;
      monthOf(whole, month)[kind] += deviceMs;
      monthOf(user, month)[kind] += deviceMs;
      beginMs = endMs;
    }
  }

  #project(projectId: ProjectId): ProjectAccount {
    let project = this.#projects.get(projectId);
    if (project === undefined) {
      project = { whole: emptyAccount(), users: new Map(), holders: new Set() };
      this.#projects.set(projectId, project);
    }
    return project;
  }
}

function userOf({ users }: ProjectAccount, ownerId: string): Account {
  let user = users.get(ownerId);
  if (user === undefined) {
    user = emptyAccount();
    users.set(ownerId, user);
  }
  return user;
}

function monthOf({ months }: Account, month: number): MonthUse {
  let use = months.get(month);
  if (use === undefined) {
    use = { used: 0, claimed: 0 };
    months.set(month, use);
  }
  return use;
}

function addClass({ byClass }: Account, deviceClass: string, count: number): void {
  byClass.set(deviceClass, (byClass.get(deviceClass) ?? 0) + count);
}

function sumOf(devices: DeviceCounts): number {
  let sum = 0;
  for (const deviceClass in devices) sum += devices[deviceClass] ?? 0;
  return sum;
}

function emptyAccount(): Account {
  return { gpus: 0, byClass: new Map(), leases: 0, queued: 0, months: new Map() };
}
