/**
 * What must always hold of a world (design: "Always true"; numbers as in lease/SPEC.md). Checked after each
 * transition in tests and after each step of the simulation, and by the auditor in production. Returns
 * sentences; empty: all is well.
 */
import type { DeviceId, LeaseId, ProjectId } from '../base/ids.ts';
import { Accounts, type Account } from './accounts.ts';
import { dueAt } from './due.ts';
import type { Lease } from './model/lease.ts';
import { freeKey, isOverdrawn, totalDevices } from './scheduler/free.ts';
import { freeWith, hasCalendar, isOpen, type HostRow } from './scheduler/host-row.ts';
import { claimOf, holdsNow, isLateWindow, type World } from './world.ts';

export function checkWorld(world: World): readonly string[] {
  const broken: string[] = [];
  for (const row of world.hosts.values()) {
    checkDevices(row, broken);
    checkCapacity(row, broken);
    checkHostIndexes(world, row, broken);
  }
  checkLeases(world, broken);
  checkAccounts(world, broken);
  const heads = [...world.promised].filter((id) => {
    const lease = world.leases.get(id);
    return lease !== undefined && !isLateWindow(lease);
  });
  if (heads.length > 1)
    broken.push(`I7: ${heads.length} waiting leases are head of the queue, one at most can be`);
  return broken;
}

/** I1: a device is in one held claim at most; a group of an IOMMU belongs to one lease at most. */
function checkDevices(row: HostRow, broken: string[]): void {
  const holderOf = new Map<DeviceId, LeaseId>();
  const groupHolder = new Map<string, LeaseId>();
  const devices = new Map(row.host.devices.map((device) => [device.id, device]));
  for (const [leaseId, { claim, held }] of row.claims) {
    if (!held || claim.kind !== 'unit') continue;
    for (const deviceId of claim.deviceIds) {
      const other = holderOf.get(deviceId);
      if (other !== undefined) broken.push(`I1: device ${deviceId} is held by ${other} and ${leaseId}`);
      holderOf.set(deviceId, leaseId);
      const group = devices.get(deviceId)?.iommuGroup ?? null;
      if (group === null) continue;
      const groupOther = groupHolder.get(group);
      if (groupOther !== undefined && groupOther !== leaseId) {
        broken.push(`I1: IOMMU group ${group} of ${row.host.name} is held by ${groupOther} and ${leaseId}`);
      }
      groupHolder.set(group, leaseId);
    }
  }
}

/**
 * I2: what Berth granted on a host never exceeds it. Claims that the cloud placed by itself (observed, not
 * provisional) and foreign use are facts and may; then nothing more is granted there.
 */
function checkCapacity(row: HostRow, broken: string[]): void {
  const observed = [...row.claims.values()].some(({ claim }) => claim.kind === 'slot' && !claim.provisional);
  const { foreign } = row.host;
  const shared =
    totalDevices(foreign.devices) > 0 || foreign.resources.vcpus > 0 || row.host.status.kind !== 'up';
  if (observed || shared) return;
  const free = freeWith(row, (entry) => entry.held);
  if (isOverdrawn(free)) broken.push(`I2: host ${row.host.name} is overdrawn: ${JSON.stringify(free)}`);
}

/** I4a: the indexes say what the entities say. */
function checkHostIndexes(world: World, row: HostRow, broken: string[]): void {
  const { name } = row.host;
  if (freeKey(row.free) !== freeKey(freeWith(row, (entry) => entry.held)))
    broken.push(`I4: free of ${name} is stale`);
  let planned = 0;
  for (const [leaseId, entry] of row.claims) {
    if (!entry.held) planned += 1;
    const lease = world.leases.get(leaseId);
    if (lease === undefined || claimOf(lease) !== entry.claim || holdsNow(lease) !== entry.held) {
      broken.push(`I4: ${name} has a claim of ${leaseId} that the lease has not`);
    }
  }
  if (planned !== row.plannedCount)
    broken.push(`I4: ${name} counts ${row.plannedCount} planned claims, has ${planned}`);
  const pool = world.pools.get(row.host.providerId);
  const inCalendar = pool?.calendar.has(row) ?? false;
  if (inCalendar !== (isOpen(row.host) && hasCalendar(row))) broken.push(`I4: ${name} is in the wrong index`);
}

function checkLeases(world: World, broken: string[]): void {
  let waiting = 0;
  let firstDueMs: number | null = null;
  for (const lease of world.leases.values()) {
    const claim = claimOf(lease);
    if (claim !== null && world.hosts.get(claim.hostId)?.claims.get(lease.id)?.claim !== claim) {
      broken.push(`I4: the claim of ${lease.id} is missing on ${claim.hostId}`);
    }
    if (lease.state.kind === 'queued') waiting += 1;
    if (holdsNow(lease) !== (lease.claimedAtMs !== null))
      broken.push(`I5: the books of ${lease.id} do not know whether it holds`);
    const dueMs = dueAt(lease, world.settings);
    if (dueMs !== null && (firstDueMs === null || dueMs < firstDueMs)) firstDueMs = dueMs;
    checkState(lease, broken);
  }
  if (waiting !== world.queue.size)
    broken.push(`I6: ${waiting} leases wait, the queue has ${world.queue.size}`);
  const nextMs = world.due.nextMs();
  if (firstDueMs !== null && (nextMs === null || nextMs > firstDueMs))
    broken.push(`I3: something is due at ${firstDueMs}, the next wake is ${nextMs}`);
}

function checkState(lease: Lease, broken: string[]): void {
  const { state } = lease;
  if (state.kind === 'active' && state.claim.untilMs < state.expiresAtMs) {
    broken.push(`I3: the host of ${lease.id} is expected back before it ends`);
  }
  if (state.kind === 'shelved' && lease.refs.serverId === null)
    broken.push(`I4: ${lease.id} is shelved without a server`);
}

/** I5: what the accounts say of each project and user is the sum over their leases. */
function checkAccounts(world: World, broken: string[]): void {
  const expected = new Accounts(world.months);
  for (const lease of world.leases.values()) {
    const claim = claimOf(lease);
    if (claim !== null) expected.claim(lease, claim, 1);
    if (lease.state.kind === 'queued') expected.wait(lease, 1);
  }
  const owners = new Map<string, { readonly projectId: ProjectId; readonly ownerId: string | null }>();
  for (const accounts of [world.accounts, expected]) {
    for (const { projectId, ownerId } of accounts.all())
      owners.set(JSON.stringify([projectId, ownerId]), { projectId, ownerId });
  }
  for (const { projectId, ownerId } of owners.values()) {
    const of = (accounts: Accounts): Readonly<Account> =>
      ownerId === null ? accounts.ofProject(projectId) : accounts.ofUser({ projectId, ownerId });
    const [kept, sum] = [accountText(of(world.accounts)), accountText(of(expected))];
    if (kept === sum) continue;
    const who = `${projectId}${ownerId === null ? '' : `, user ${ownerId}`}`;
    broken.push(`I5: project ${who} holds ${sum}, the books say ${kept}`);
  }
}

/** What follows from the leases that live; what was used before is in the store. */
function accountText({ gpus, byClass, leases, queued, months }: Readonly<Account>): string {
  const classes = [...byClass].filter(([, count]) => count !== 0).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const claimed = [...months].map(([month, use]) => [month, use.claimed]).filter(([, ms]) => ms !== 0);
  const byMonth = claimed.toSorted(([a = 0], [b = 0]) => a - b);
  return JSON.stringify({ gpus, leases, queued, classes, claimed: byMonth });
}
