import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPrng, type Prng } from '../../base/prng.ts';
import type { Lease } from '../model/lease.ts';
import { BERTH, leaseIn, STATES } from './provision.fixtures.ts';
import { keeperOf } from './keeper.ts';
import { plan, type Plan, type PlanInput } from './plan.ts';
import {
  SERVER_STATUSES,
  type Goal,
  type ServerSeen,
  type ServerStatus,
  type Sighting,
  type Step,
} from './sighting.ts';

/**
 * Most outside calls that any start needs: two strays cleaned up, everything built or taken away, replies
 * lost.
 */
const STEPS_MAX = 20;
const CALL_TIMEOUT_MS = 60_000;
/** One look at the cloud to the next. */
const POLL_MS = 5_000;
const ROUNDS_MAX = 400;

const taskState = fc.constantFrom(null, null, null, 'deleting', 'shelving', 'unshelving');
const start = fc.record({
  situation: fc.constantFrom('starting', 'comeback', 'active', 'shelving', 'ending'),
  port: fc.constantFrom('none', 'free', 'first', 'second', 'elsewhere'),
  servers: fc.array(fc.record({ status: fc.constantFrom(...SERVER_STATUSES), taskState }), { maxLength: 3 }),
  floatingIp: fc.constantFrom('none', 'attached', 'astray'),
  wantsFloatingIp: fc.boolean(),
  /** A call without an answer, left by whoever looked after the lease before. */
  unanswered: fc.constantFrom(null, 'createPort', 'createServer', 'createFloatingIp'),
  seed: fc.integer(),
  faults: fc.boolean(),
});
type Start = typeof start extends fc.Arbitrary<infer T> ? T : never;

test('plan brings every situation to its goal or to a verdict in few steps, with one server at most', () => {
  fc.assert(
    fc.property(start, (from) => {
      const run = follow(from);
      expect(run.steps.length, run.steps.join(' ')).toBeLessThanOrEqual(STEPS_MAX);
      expect(run.madeRunningMax, run.steps.join(' ')).toBeLessThanOrEqual(1);
      expect(run.cloud.strays, run.steps.join(' ')).toBe(0);
      if (run.verdict.kind === 'done') expect(isReached(from, run.cloud), run.steps.join(' ')).toBe(true);
      else expect(['failed', 'lost', 'shelvedOutside', 'wait']).toContain(run.verdict.kind);
      // Only somebody else can end what plan does not touch; everything else must not wait for ever.
      if (run.verdict.kind === 'wait')
        expect(from.situation === 'active' || waitsForOthers(run.cloud)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

interface Cloud {
  port: { serverId: string | null } | null;
  servers: ServerSeen[];
  floatingIp: { portId: string | null } | null;
  made: number;
  /** Ports and floating IPs that were made beside one that was there: nobody would ever find them. */
  strays: number;
  /** Calls whose answer was lost and that take effect later, as long as their time-out allows. */
  late: { atMs: number; step: Step }[];
}

/** Runs the loop of a controller: look, plan, record the intent, call, look again. */
function follow(from: Start): { verdict: Plan; steps: string[]; cloud: Cloud; madeRunningMax: number } {
  const prng = createPrng(from.seed);
  const cloud = cloudOf(from);
  const steps: string[] = [];
  let nowMs = 0;
  let madeRunningMax = 0;
  let openIntent = unansweredAt(from, cloud, prng);
  let unshelveSentAtMs: number | null = null;
  let verdict: Plan = { kind: 'done' };
  for (let round = 0; round < ROUNDS_MAX; round++, nowMs += POLL_MS) {
    for (const call of cloud.late.filter(({ atMs }) => atMs <= nowMs)) perform(cloud, call.step);
    cloud.late = cloud.late.filter(({ atMs }) => atMs > nowMs);
    const sighting = sightingOf(cloud);
    const lease = leaseOf(from, keeperOf(sighting));
    const { wantsFloatingIp } = from;
    const goal = goalOf(from);
    verdict = plan({
      providerKind: 'openstack',
      goal,
      lease,
      sighting,
      nowMs,
      wantsFloatingIp,
      openIntent,
      unshelveSentAtMs,
      overridesLocks: true,
      shelveIsFailing: false,
      resets: 0,
    });
    if (verdict.kind !== 'step' && verdict.kind !== 'wait') break;
    if (verdict.kind === 'step') {
      steps.push(verdict.step.kind);
      if (verdict.step.kind === 'createServer')
        expect(cloud.servers.filter(isLeft), steps.join(' ')).toEqual([]);
      const lost = from.faults && prng.chance(0.1);
      if (!lost) perform(cloud, verdict.step);
      else if (prng.chance(0.7))
        cloud.late.push({ atMs: nowMs + prng.below(CALL_TIMEOUT_MS), step: verdict.step });
      openIntent = lost ? { step: verdict.step.kind, openedAtMs: nowMs, timeoutMs: CALL_TIMEOUT_MS } : null;
      if (verdict.step.kind === 'unshelve' && !lost) unshelveSentAtMs = nowMs;
    }
    advance(cloud, prng, from.faults);
    madeRunningMax = Math.max(madeRunningMax, madeRunning(cloud));
  }
  for (const call of cloud.late) perform(cloud, call.step);
  return { verdict, steps, cloud, madeRunningMax };
}

function unansweredAt({ situation, unanswered }: Start, cloud: Cloud, prng: Prng): PlanInput['openIntent'] {
  const mayBeOut = situation === 'starting' || situation === 'ending';
  if (unanswered === null || !mayBeOut || cloud.servers.some(isLeft)) return null;
  const isMade = { createPort: cloud.port, createServer: null, createFloatingIp: cloud.floatingIp }[
    unanswered
  ];
  if (isMade === null) cloud.late.push({ atMs: prng.below(CALL_TIMEOUT_MS), step: { kind: unanswered } });
  return { step: unanswered, openedAtMs: 0, timeoutMs: CALL_TIMEOUT_MS };
}

function leaseOf(from: Start, keeper: ServerSeen | null): Lease {
  const lease = leaseIn(STATES[from.situation]);
  return {
    ...lease,
    refs: { ...lease.refs, serverId: from.situation === 'starting' ? null : (keeper?.id ?? null) },
  };
}

function goalOf({ situation }: Start): Goal {
  if (situation === 'ending') return 'gone';
  return situation === 'shelving' ? 'shelved' : 'running';
}

function cloudOf(from: Start): Cloud {
  const servers = from.servers.map(({ status, taskState: task }, index) =>
    newServer(`s${index}`, status, task),
  );
  const serverId = { none: null, free: null, first: 's0', second: 's1', elsewhere: 'gone' }[from.port];
  const known = servers.some((server) => server.id === serverId && isLeft(server)) ? serverId : null;
  const port = from.port === 'none' ? null : { serverId: known };
  const attached = from.floatingIp === 'attached' && port !== null;
  return {
    port,
    servers,
    floatingIp: from.floatingIp === 'none' ? null : { portId: attached ? 'port' : null },
    made: 0,
    strays: 0,
    late: [],
  };
}

function newServer(id: string, status: ServerSeen['status'], task: string | null): ServerSeen {
  return {
    id,
    name: 'train',
    projectId: null,
    userId: null,
    status,
    taskState: task,
    hostId: null,
    fault: null,
    berth: BERTH,
    flavorName: null,
    terms: { durationMs: null, atEnd: null },
    launchedAtMs: null,
    locked: false,
    createdAtMs: 0,
  };
}

function sightingOf(cloud: Cloud): Sighting {
  return {
    port: cloud.port && { id: 'port', serverId: cloud.port.serverId, address: '10.0.0.5', berth: BERTH },
    servers: cloud.servers,
    floatingIp: cloud.floatingIp && {
      id: 'fip',
      address: '203.0.113.1',
      portId: cloud.floatingIp.portId,
      berth: BERTH,
    },
    dateMs: null,
  };
}

/** The cloud's side of a call: an effect at once, or a task that `advance` carries on. */
function perform(cloud: Cloud, step: Step): void {
  switch (step.kind) {
    case 'createPort':
      if (cloud.port !== null) cloud.strays += 1;
      else cloud.port = { serverId: null };
      break;
    case 'createServer':
      if (cloud.port === null) break;
      cloud.made += 1;
      cloud.servers.push(newServer(`made${cloud.made}`, 'BUILD', 'scheduling'));
      break;
    case 'createFloatingIp':
      if (cloud.port === null) break;
      if (cloud.floatingIp !== null) cloud.strays += 1;
      else cloud.floatingIp = { portId: 'port' };
      break;
    case 'associateFloatingIp':
      if (cloud.floatingIp !== null) cloud.floatingIp.portId = step.portId;
      break;
    case 'resetState':
      update(cloud, step.id, { status: 'ACTIVE', taskState: null });
      break;
    case 'deleteFloatingIp':
      cloud.floatingIp = null;
      break;
    case 'deletePort':
      cloud.port = null;
      if (cloud.floatingIp !== null) cloud.floatingIp.portId = null;
      break;
    case 'deleteServer':
      update(cloud, step.id, { taskState: 'deleting' });
      break;
    case 'shelve':
      update(cloud, step.id, { taskState: 'shelving' });
      break;
    case 'shelveOffload':
      update(cloud, step.id, { taskState: 'shelving_offloading' });
      break;
    case 'unshelve':
      update(cloud, step.id, { taskState: 'unshelving' });
      break;
    case 'lock':
      update(cloud, step.id, { locked: true });
      break;
    case 'unlock':
      update(cloud, step.id, { locked: false });
      break;
    case 'snapshot':
      break;
  }
}

/** What the cloud does by itself between two looks. */
function advance(cloud: Cloud, prng: Prng, faults: boolean): void {
  const servers = cloud.servers;
  for (const { id, status, taskState: task } of servers) {
    if (prng.chance(0.3)) continue;
    const refused = faults && prng.chance(0.2);
    if (task === 'deleting') remove(cloud, id);
    else if (status === 'BUILD') build(cloud, id, refused);
    else if (status === 'ERROR' || status === 'DELETED' || task === null)
      update(cloud, id, { taskState: null });
    else update(cloud, id, { taskState: null, ...(refused ? {} : { status: STATUS_AFTER[task] ?? status }) });
  }
}

const STATUS_AFTER: Readonly<Partial<Record<string, ServerStatus>>> = {
  shelving: 'SHELVED',
  shelving_offloading: 'SHELVED_OFFLOADED',
  unshelving: 'ACTIVE',
};

function build(cloud: Cloud, id: string, refused: boolean): void {
  const free = cloud.port !== null && (cloud.port.serverId === null || cloud.port.serverId === id);
  if (!free || refused) return update(cloud, id, { status: 'ERROR', taskState: null });
  cloud.port = { serverId: id };
  return update(cloud, id, { status: 'ACTIVE', taskState: null });
}

function remove(cloud: Cloud, id: string): void {
  cloud.servers = cloud.servers.filter((server) => server.id !== id);
  if (cloud.port?.serverId === id) cloud.port = { serverId: null };
}

function update(cloud: Cloud, id: string, change: Partial<ServerSeen>): void {
  cloud.servers = cloud.servers.map((server) => (server.id === id ? { ...server, ...change } : server));
}

function madeRunning(cloud: Cloud): number {
  return cloud.servers.filter((server) => server.status === 'ACTIVE' && server.id.startsWith('made')).length;
}

function isLeft(server: ServerSeen): boolean {
  return server.status !== 'DELETED';
}

function isReached(from: Start, cloud: Cloud): boolean {
  const left = cloud.servers.filter(isLeft);
  const goal = goalOf(from);
  if (goal === 'gone') return left.length === 0 && cloud.port === null && cloud.floatingIp === null;
  const keeper = keeperOf(sightingOf(cloud));
  const losers = left.filter(
    ({ id, status }) => id !== keeper?.id && (status === 'BUILD' || status === 'ERROR'),
  );
  if (losers.length > 0) return false;
  // In ERROR and on no host, it holds nothing either.
  const isOff = keeper?.status === 'ERROR' && keeper.hostId === null;
  if (goal === 'shelved') return isOff || keeper?.status === 'SHELVED_OFFLOADED';
  return keeper?.status === 'ACTIVE' || (from.situation === 'active' && keeper?.status === 'SHUTOFF');
}

function waitsForOthers(cloud: Cloud): boolean {
  return cloud.servers.some((server) => server.status === 'OTHER' || server.status === 'SHUTOFF');
}
