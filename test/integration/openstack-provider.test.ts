import { expect, test } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import { createPrng } from '../../src/base/prng.ts';
import type { Lease, LeaseState } from '../../src/domain/model/lease.ts';
import { leaseIn, STATES } from '../../src/domain/provision/provision.fixtures.ts';
import type { Goal } from '../../src/domain/provision/sighting.ts';
import type { Provider } from '../../src/engine/ports.ts';
import { createSession } from '../../src/openstack/session.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { createSimFetch } from '../../src/sim/sim-fetch.ts';
import { defaultTopology } from '../../src/sim/topology.ts';
import { follow, type Brought } from '../support/follow.ts';
import { simProvider } from '../support/sim-provider.ts';

/**
 * The adapter and the planner against the simulated cloud: the loop of a controller, without store and
 * scheduler.
 */
const DEPLOYMENT_ID = 'd0d0d0d0';
const NOTHING_USED = { resources: { vcpus: 0, memoryMiB: 0, diskGiB: 0 }, devices: {} };
const POLL_MS = 5000;
const ROUNDS_MAX = 200;
/** Turns of the event loop without any timer of the virtual clock: nothing will come any more. */
const IDLE_TURNS_MAX = 1000;

test('reads the whole cloud in one poll', async () => {
  const { provider, within } = simulated();
  const snapshot = await within(provider.snapshot(() => false));
  expect(snapshot.warnings).toEqual([]);
  expect(snapshot.hosts).toMatchObject([
    {
      id: 'sim:gpu-v100-01',
      slots: { V100: 2 },
      status: { kind: 'up' },
      capacity: { vcpus: 112, memoryMiB: 392_704 },
    },
    { id: 'sim:gpu-v100-02', slots: { V100: 2 }, foreign: { devices: {} } },
  ]);
  expect(snapshot.flavors.map(({ name, devices }) => [name, devices['V100']]).slice(0, 4)).toEqual([
    ['de.NBI GPU V100 medium', 1],
    ['de.NBI GPU V100 large', 1],
    ['de.NBI 2 GPU V100 large', 2],
    ['gpu_tiny', 1],
  ]);
  expect(snapshot.flavors.every(({ misconfigured }) => misconfigured === null)).toBe(true);
  expect([snapshot.servers, snapshot.ports, snapshot.floatingIps]).toEqual([[], [], []]);
  expect(snapshot.dateMs).toBeGreaterThan(0);
});

test('brings a lease up, to the shelf, back, and away again', async () => {
  const world = simulated();
  const { cloud, provider, within } = world;
  const started = await world.bring('running', { ...STATES.starting });
  expect(started).toMatchObject({
    verdict: { kind: 'done' },
    steps: ['createPort', 'createServer', 'createFloatingIp'],
  });
  const sighting = await within(provider.inspect(world.subject()));
  expect(sighting.servers).toMatchObject([
    {
      status: 'ACTIVE',
      berth: { deploymentId: DEPLOYMENT_ID, leaseId: world.lease().id },
      flavorName: 'gpu_tiny',
    },
  ]);
  const connection = provider.connection(world.subject(), sighting);
  expect(connection).toEqual({ host: sighting.floatingIp?.address, port: 22, user: 'ubuntu' });
  expect(world.lease().refs).toMatchObject({ address: connection?.host, serverId: sighting.servers[0]?.id });

  const held = await within(provider.snapshot(({ leaseId }) => leaseId === world.lease().id));
  expect(held.hosts.map(({ foreign }) => foreign)).toEqual([NOTHING_USED, NOTHING_USED]);
  expect([held.servers.length, held.ports.length, held.floatingIps.length]).toEqual([1, 1, 1]);

  expect(await world.bring('shelved', { ...STATES.shelving })).toMatchObject({
    verdict: { kind: 'done' },
    steps: ['shelve', 'lock'],
  });
  expect([...cloud.servers.values()]).toMatchObject([
    {
      vmState: 'shelved_offloaded',
      host: null,
      locked: true,
      lockedReason: expect.stringContaining('berth lease unshelve'),
    },
  ]);
  expect(await world.bring('running', { ...STATES.comeback })).toMatchObject({
    verdict: { kind: 'done' },
    steps: ['unlock', 'unshelve'],
  });

  const gone = await world.bring('gone', { ...STATES.ending });
  expect(gone).toMatchObject({
    verdict: { kind: 'done' },
    steps: ['deleteFloatingIp', 'deleteServer', 'deletePort'],
  });
  expect([live(cloud), cloud.ports.size, cloud.floatingIps.size]).toEqual([0, 0, 0]);
  cloud.audit();
});

test('counts servers without our mark as used by others', async () => {
  const theirs = simulated();
  await theirs.bring('running', { ...STATES.starting });
  const ours = theirs.as('0therdep');
  const isCounted = ({ leaseId }: { readonly leaseId: string | null }): boolean => leaseId !== null;
  const { hosts, servers } = await theirs.within(ours.snapshot(isCounted));
  expect(hosts.flatMap(({ foreign }) => foreign.devices['V100'] ?? [])).toEqual([1]);
  expect(servers).toMatchObject([{ berth: { deploymentId: DEPLOYMENT_ID } }]);
});

test('finds its server without the tag, and takes no other one on its port for it', async () => {
  const world = simulated();
  await world.bring('running', { ...STATES.starting });
  const { deploymentId, lease } = world.subject();
  const serverIds = async (refs: Partial<Lease['refs']>): Promise<readonly string[]> => {
    const subject = { deploymentId, lease: { ...lease, refs: { ...lease.refs, ...refs } } };
    const { servers } = await world.within(world.provider.inspect(subject));
    return servers.map(({ id }) => id);
  };
  const id = lease.refs.serverId ?? '';
  world.cloud.disturb('serverTagsRemoved', id, world.cloud.nowMs, createPrng(1));
  expect(await serverIds({})).toEqual([id]);
  expect(await serverIds({ serverId: null })).toEqual([id]);
  const other = {
    deploymentId,
    lease: { ...lease, id: asId<'lease'>('other'), refs: { ...lease.refs, serverId: null } },
  };
  expect((await world.within(world.provider.inspect(other))).servers).toEqual([]);
});

test('a start that no host can take fails with the words of Nova', async () => {
  const world = simulated();
  for (const host of cloudHosts(world.cloud)) world.cloud.setHostUp(host, false, world.cloud.nowMs);
  const { verdict } = await world.bring('running', { ...STATES.starting });
  expect(verdict).toMatchObject({ kind: 'failed', failure: { code: 'no_valid_host', next: 'other_host' } });
});

test('an unshelve without a host is noticed', async () => {
  const world = simulated();
  await world.bring('running', { ...STATES.starting });
  await world.bring('shelved', { ...STATES.shelving });
  for (const host of cloudHosts(world.cloud)) world.cloud.setHostUp(host, false, world.cloud.nowMs);
  const { verdict } = await world.bring('running', { ...STATES.comeback });
  expect(verdict).toMatchObject({ kind: 'failed', failure: { code: 'unshelve_refused' } });
});

test('an unknown image is the last word', async () => {
  const world = simulated();
  const failed = world.bring('running', { ...STATES.starting }, { image: 'nothing-like-this' });
  await expect(failed).rejects.toMatchObject({ code: 'not_found', effect: 'none' });
});

test.each(Array.from({ length: 12 }, (_unused, seed) => seed + 1))(
  'one server at most, and nothing left, whatever replies are lost (seed %i)',
  async (seed) => {
    const world = simulated(seed);
    world.cloud.faultPolicy = {
      ...world.cloud.faultPolicy,
      rates: {
        replyDropped: 0.1,
        errorAfterEffect: 0.05,
        requestLost: 0.05,
        acceptedLate: 0.05,
        tokenDropped: 0.05,
      },
    };
    const { verdict } = await world.bring('running', { ...STATES.starting });
    expect(verdict.kind).toBe('done');
    expect(running(world.cloud)).toBe(1);
    expect((await world.bring('gone', { ...STATES.ending })).verdict.kind).toBe('done');
    expect([live(world.cloud), world.cloud.ports.size, world.cloud.floatingIps.size]).toEqual([0, 0, 0]);
  },
);

interface Simulated {
  readonly cloud: SimCloud;
  readonly provider: Provider;
  readonly as: (deploymentId: string) => Provider;
  /** With the rights of an ordinary member, and leases in projects of others. */
  readonly asMember: () => Provider;
  readonly within: <T>(work: Promise<T>) => Promise<T>;
  readonly lease: () => Lease;
  readonly subject: () => { readonly deploymentId: string; readonly lease: Lease };
  /** The loop of a controller: look, record what is new, plan, call. */
  readonly bring: (goal: Goal, state: LeaseState, request?: Partial<Lease['request']>) => Promise<Brought>;
}

/**
 * A cloud whose project `service` has a network, and an admin there; time goes on whenever nothing else can.
 */
function simulated(seed = 1): Simulated {
  const projects = [...defaultTopology.projects, { name: 'service', private_cidr: '10.30.0.0/24' }];
  const cloud = new SimCloud({ topology: { ...defaultTopology, projects } });
  const { clock, within } = virtualTime();
  const session = createSession({
    authUrl: 'http://sim.invalid/identity',
    credentials: {
      kind: 'password',
      user: { name: 'cyborg', domain: { id: 'default' } },
      password: 'cyborg',
      scope: { kind: 'project', project: { name: 'service', domain: { id: 'default' } } },
    },
    region: null,
    interfaces: ['public'],
    fetch: createSimFetch(cloud, clock, createPrng(seed)),
    clock,
    callTimeoutMs: 60_000,
  });
  const as = (deploymentId: string): Provider =>
    simProvider({ deploymentId: () => deploymentId, session, clock });
  const provider = as(DEPLOYMENT_ID);
  const fresh = leaseIn(STATES.starting);
  let lease: Lease = {
    ...fresh,
    request: { ...fresh.request, flavorId: asId('sim:gpu_tiny'), sshPublicKey: 'ssh-ed25519 A' },
  };
  const subject = (): { deploymentId: string; lease: Lease } => ({ deploymentId: DEPLOYMENT_ID, lease });
  const bring: Simulated['bring'] = async (goal, state, request = {}) => {
    lease = { ...lease, state: withSince(state, clock.wallMs()), request: { ...lease.request, ...request } };
    return within(
      follow({
        provider,
        clock,
        deploymentId: DEPLOYMENT_ID,
        pollMs: POLL_MS,
        roundsMax: ROUNDS_MAX,
        goal,
        lease: () => lease,
        record: (refs) => (lease = { ...lease, refs: { ...lease.refs, ...refs } }),
      }),
    );
  };
  const asMember = (): Provider => {
    const theirs = { ...session };
    const homes = { own: session, of: async () => theirs, admit: async () => theirs };
    return simProvider(
      { deploymentId: () => DEPLOYMENT_ID, session, clock },
      { homes, rights: () => 'member' },
    );
  };
  return { cloud, provider, as, asMember, within, lease: () => lease, subject, bring };
}

/** Moves to the next timer whenever the promises of the work have nothing left to do but wait for it. */
function virtualTime(): { readonly clock: Clock; readonly within: <T>(work: Promise<T>) => Promise<T> } {
  let nowMs = 0;
  const timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  const clock: Clock = {
    wallMs: () => 1_800_000_000_000 + nowMs,
    monotonicMs: () => nowMs,
    setTimer(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
  };
  const within = async <T>(work: Promise<T>): Promise<T> => {
    const end = { reached: false };
    const marked = work.finally(() => (end.reached = true));
    marked.catch(() => undefined);
    for (let idleTurns = 0; !end.reached && idleTurns < IDLE_TURNS_MAX; idleTurns++) {
      await new Promise((resolve) => void setImmediate(resolve));
      const next = idleTurns < 3 ? undefined : timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (end.reached || next === undefined) continue;
      timers.splice(timers.indexOf(next), 1);
      nowMs = Math.max(nowMs, next.atMs);
      idleTurns = 0;
      next.callback();
    }
    if (!end.reached) throw new Error('the work waits for something that never comes');
    return marked;
  };
  return { clock, within };
}

function withSince(state: LeaseState, sinceMs: number): LeaseState {
  return state.kind === 'shelving' ? { ...state, sinceMs } : state;
}

function cloudHosts(cloud: SimCloud): readonly string[] {
  return [...cloud.hosts.keys()];
}

function live(cloud: SimCloud): number {
  return [...cloud.servers.values()].filter(({ vmState }) => vmState !== 'deleted').length;
}

function running(cloud: SimCloud): number {
  return [...cloud.servers.values()].filter(({ vmState }) => vmState === 'active').length;
}

test('a member neither takes a lease of another project, nor says that its machine is gone', async () => {
  const { asMember, subject, within } = simulated();
  const member = asMember();
  const borrower = { userId: 'u1', projectId: subject().lease.projectId, cloud: null, image: null };
  expect(await within(member.admit(borrower))).toMatchObject({
    message: expect.stringContaining('rights of an ordinary member'),
  });
  await expect(within(member.inspect(subject()))).rejects.toMatchObject({ code: 'forbidden' });
});
