/**
 * What must hold in every history (SPEC.md I1–I7), checked from outside the engine: against the cloud,
 * against the event log, against the store. Each checker returns sentences; empty: it holds.
 */
import { deepEqual } from '../../src/base/json.ts';
import type { LeaseId } from '../../src/base/ids.ts';
import type { Lease, LeaseStateKind } from '../../src/domain/model/lease.ts';
import type { World } from '../../src/domain/world.ts';
import type { StoredEvent, UsageQuery, UsageSum } from '../../src/engine/ports.ts';
import type { SimCloud } from '../../src/sim/cloud.ts';

/** I3: how late something due may happen when nothing stands in its way. */
const DUE_LATE_MS_MAX = 5000;
/** After every history. */
const FAR_MS = Date.UTC(2100, 0, 1);
const HELD: ReadonlySet<string | null> = new Set<LeaseStateKind>([
  'starting',
  'active',
  'shelving',
  'ending',
]);

/**
 * I1: a lease never has two machines that run: that is what two claims on the hardware for one lease would
 * be.
 */
export function checkCloud(cloud: SimCloud, deploymentId: string): readonly string[] {
  const broken: string[] = [];
  const running = new Map<string, string>();
  for (const server of cloud.servers.values()) {
    if (server.vmState !== 'active') continue;
    const leaseId = server.metadata['berth_lease'];
    if (leaseId === undefined || server.metadata['berth_deployment'] !== deploymentId) continue;
    const other = running.get(leaseId);
    if (other !== undefined)
      broken.push(`I1: lease ${leaseId} has two running servers, ${other} and ${server.id}`);
    running.set(leaseId, server.id);
  }
  return broken;
}

/**
 * I3: what is due happens: leases end, waits end at their limit, reserved windows begin (or say why not),
 * starts that hang are given up. Only a freeze, observe mode, or (for ends) a doubt about the clock may hold
 * that back.
 */
export class DueChecker {
  /**
   * Since when each lease is overdue, on the monotonic clock: the judged time itself may be set by a second
   * source.
   */
  readonly #overdueSince = new Map<LeaseId, number>();

  check(world: World, nowMs: number, monotonicMs: number): readonly string[] {
    const broken: string[] = [];
    for (const id of this.#overdueSince.keys()) if (!world.leases.has(id)) this.#overdueSince.delete(id);
    for (const lease of world.leases.values()) {
      const dueMs = dueNow(lease, world);
      if (dueMs === null || dueMs > nowMs) {
        this.#overdueSince.delete(lease.id);
        continue;
      }
      const sinceMs = this.#overdueSince.get(lease.id) ?? monotonicMs;
      this.#overdueSince.set(lease.id, sinceMs);
      const lateMs = monotonicMs - sinceMs;
      if (lateMs > DUE_LATE_MS_MAX)
        broken.push(`I3: ${lease.id} is ${lease.state.kind}, ${lateMs} ms too long`);
    }
    return broken;
  }
}

/** When the lease should leave its state, unless that is held back; null: it may stay. */
function dueNow({ state, ticket }: Lease, world: World): number | null {
  const { freeze, clockDoubt, mode } = world.control;
  const paused = freeze !== null || mode.kind === 'observe';
  if (state.kind === 'active')
    return paused || clockDoubt !== null ? null : (state.graceUntilMs ?? state.expiresAtMs);
  if (state.kind === 'shelved') {
    if (ticket?.kind === 'at') return ticket.atMs;
    return paused || clockDoubt !== null ? null : state.keepUntilMs;
  }
  if (state.kind === 'queued') return state.waitUntilMs;
  if (state.kind === 'reserved') return paused ? null : state.claim.fromMs;
  if (state.kind === 'starting') return paused ? null : state.deadlineMs;
  return null;
}

/**
 * The log has no holes, and no change of a lease is missing in it: each begins where the one before ended.
 */
export function checkEvents(events: readonly StoredEvent[]): readonly string[] {
  const broken: string[] = [];
  const last = new Map<string, string | null>();
  events.forEach((event, index) => {
    if (event.seq !== index + 1) broken.push(`event ${index + 1} has the number ${event.seq}`);
    if (event.entity !== 'lease') return;
    const before = last.get(event.id);
    if (before !== undefined && before !== event.before) {
      broken.push(
        `event ${event.seq}: ${event.id} was ${before ?? 'new'}, and changes from ${event.before ?? 'new'}`,
      );
    }
    last.set(event.id, event.after);
  });
  return broken;
}

/** I4: what a new process would load is what this one knows. */
export function checkStored(world: World, loaded: World): readonly string[] {
  const broken: string[] = [];
  const compare = (what: string, a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): void => {
    if (a.size !== b.size) broken.push(`I4: ${a.size} ${what} in memory, ${b.size} in the store`);
    for (const [id, entity] of a)
      if (!deepEqual(entity, b.get(id))) broken.push(`I4: ${what} ${id} differs from the store`);
  };
  compare('leases', world.leases, loaded.leases);
  compare('intents', world.intents, loaded.intents);
  compare('projects', world.projects, loaded.projects);
  compare('flavors', world.flavors, loaded.flavors);
  const hosts = (w: World): Map<string, unknown> => new Map([...w.hosts].map(([id, row]) => [id, row.host]));
  compare('hosts', hosts(world), hosts(loaded));
  for (const { projectId, ownerId, account } of world.accounts.all()) {
    const other =
      ownerId === null
        ? loaded.accounts.ofProject(projectId)
        : loaded.accounts.ofUser({ projectId, ownerId });
    for (const [month, { used }] of account.months) {
      const stored = other.months.get(month)?.used ?? 0;
      if (used !== stored)
        broken.push(
          `I4: ${projectId}/${ownerId ?? 'all'} used ${used} ms × GPU in memory, ${stored} in the store`,
        );
    }
  }
  if (!deepEqual(world.control, loaded.control)) broken.push('I4: the control record differs from the store');
  return broken;
}

/**
 * I5: the records of usage of each lease are what its books say, and what its events tell by themselves; and
 * the sum of all is that of the leases, with what is held still.
 */
export function checkRecords(
  events: readonly StoredEvent[],
  leaseIds: readonly LeaseId[],
  store: {
    readLease(leaseId: LeaseId): Lease | null;
    readUsed(leaseIds: readonly LeaseId[]): ReadonlyMap<LeaseId, number>;
    sumUsage(query: UsageQuery): readonly UsageSum[];
  },
): readonly string[] {
  const broken: string[] = [];
  const told = new Map<string, number>();
  for (const { id, data } of events) {
    const { usage } = data as { readonly usage?: { readonly gpu_ms: number } };
    if (usage !== undefined) told.set(id, (told.get(id) ?? 0) + usage.gpu_ms);
  }
  let sum = 0;
  for (const id of leaseIds) {
    const booked = store.readLease(id)?.usedDeviceMs ?? 0;
    const recorded = store.readUsed([id]).get(id) ?? 0;
    sum += booked;
    if (booked !== recorded || booked !== (told.get(id) ?? 0))
      broken.push(
        `I5: ${id} used ${booked} ms × GPU, its records say ${recorded}, its events ${told.get(id) ?? 0}`,
      );
  }
  const by = ['project', 'user', 'class', 'purpose'] as const;
  const all = { projectId: null, ownerId: null, by, withRunning: true, limit: 10_000 };
  const sums = store.sumUsage({ ...all, fromMs: 0, untilMs: FAR_MS });
  const total = sums.reduce((ms, { deviceMs }) => ms + deviceMs, 0);
  if (total !== sum) broken.push(`I5: the leases used ${sum} ms × GPU, the report says ${total}`);
  return broken;
}

/** I5: the usage of each lease is what the event log says about when it held how many devices. */
export function checkUsage(
  events: readonly StoredEvent[],
  gpusOf: (leaseId: LeaseId) => number,
  usedOf: (leaseId: LeaseId) => number | null,
): readonly string[] {
  const heldSince = new Map<string, number>();
  const used = new Map<string, number>();
  for (const event of events) {
    if (event.entity !== 'lease') continue;
    const since = heldSince.get(event.id);
    if (since === undefined && begins(event)) heldSince.set(event.id, event.atMs);
    if (since !== undefined && !HELD.has(event.after)) {
      heldSince.delete(event.id);
      const deviceMs = Math.max(0, event.atMs - since) * gpusOf(event.id as LeaseId);
      used.set(event.id, (used.get(event.id) ?? 0) + deviceMs);
    }
  }
  const broken: string[] = [];
  for (const [id, deviceMs] of used) {
    const booked = usedOf(id as LeaseId);
    if (booked !== null && !heldSince.has(id) && booked !== deviceMs) {
      broken.push(`I5: ${id} has ${booked} ms × GPU in its books, the events say ${deviceMs}`);
    }
  }
  return broken;
}

/**
 * What is held begins with a start, or with an adoption; an ending that comes from the shelf holds nothing.
 */
function begins(event: StoredEvent): boolean {
  return (
    (event.after === 'starting' && event.before !== 'starting') ||
    (event.after === 'active' && event.before === null)
  );
}

/** After everybody has gone home: nothing is owed, nothing is left. */
export function checkAllGone(world: World, cloud: SimCloud, deploymentId: string): readonly string[] {
  const broken: string[] = [];
  for (const lease of world.leases.values()) {
    broken.push(
      `every request is answered: ${lease.id} is still ${lease.state.kind} ${JSON.stringify(lease.setbacks.at(-1) ?? null)}`,
    );
  }
  for (const row of world.hosts.values()) {
    if (row.claims.size > 0) broken.push(`I4: ${row.host.name} still has ${row.claims.size} claims`);
  }
  if (world.intents.size > 0) broken.push(`I4: ${world.intents.size} intents are open`);
  const ours = (text: string | undefined): boolean => text?.includes(deploymentId) === true;
  for (const server of cloud.servers.values()) {
    if (server.vmState !== 'deleted' && ours(server.metadata['berth_deployment']))
      broken.push(`I4: server ${server.id} (${server.vmState}) is left in the cloud`);
  }
  for (const port of cloud.ports.values())
    if (ours(port.description)) broken.push(`I4: port ${port.id} is left in the cloud`);
  for (const ip of cloud.floatingIps.values())
    if (ours(ip.description)) broken.push(`I4: floating IP ${ip.id} is left in the cloud`);
  return broken;
}
