import { expect, test } from 'vitest';
import { advance } from './advance.ts';
import { BERTH, leaseIn, portSeen, serverSeen, STATES } from './provision.fixtures.ts';
import { plan } from './plan.ts';
import { NOTHING_SEEN, type Sighting, type Step } from './sighting.ts';

const lease = leaseIn(STATES.starting);
const after = (sighting: Sighting, step: Step, made = {}): Sighting | null =>
  advance(sighting, { step, made, lease, mark: BERTH });

test('a start needs no look of its own between its calls', () => {
  let sighting: Sighting | null = NOTHING_SEEN;
  const steps: string[] = [];
  const answers = [
    { portId: 'p', address: '10.0.0.5' },
    { serverId: 's' },
    { floatingIpId: 'f', address: '203.0.113.7' },
  ];
  for (const made of answers) {
    if (sighting === null) throw new Error('an answer said too little');
    // What only a look tells: Nova has built it.
    const servers = sighting.servers.map((server) => ({ ...server, status: 'ACTIVE' as const }));
    const next = planned({ ...sighting, servers });
    if (next.kind !== 'step') throw new Error(`planned ${next.kind}`);
    steps.push(next.step.kind);
    sighting = after({ ...sighting, servers }, next.step, made);
  }
  expect(steps).toEqual(['createPort', 'createServer', 'createFloatingIp']);
  expect(sighting?.port).toMatchObject({ id: 'p', serverId: 's' });
  expect(sighting?.floatingIp).toMatchObject({ id: 'f', portId: 'p', address: '203.0.113.7' });
});

test('an answer that says too little asks for a look', () => {
  expect(after(NOTHING_SEEN, { kind: 'createPort' })).toBeNull();
  expect(after(NOTHING_SEEN, { kind: 'createServer' }, { serverId: 's' })).toBeNull();
  expect(after({ ...NOTHING_SEEN, port: portSeen(null) }, { kind: 'createServer' })).toBeNull();
  expect(after(NOTHING_SEEN, { kind: 'createFloatingIp' }, { floatingIpId: 'f' })).toBeNull();
});

test('no call is planned twice in a row: what was asked for shows as being under way', () => {
  const steps: Step[] = [
    { kind: 'shelve', id: 's1' },
    { kind: 'deleteServer', id: 's1' },
    { kind: 'unshelve', id: 's1' },
    { kind: 'lock', id: 's1', reason: 'over' },
  ];
  const before = { ...NOTHING_SEEN, port: portSeen('s1'), servers: [serverSeen('s1', 'ACTIVE')] };
  for (const step of steps) {
    const [server] = after(before, step)?.servers ?? [];
    expect(server, step.kind).not.toEqual(before.servers[0]);
  }
});

function planned(sighting: Sighting): ReturnType<typeof plan> {
  return plan({
    providerKind: 'openstack',
    goal: 'running',
    lease,
    sighting,
    nowMs: 0,
    wantsFloatingIp: true,
    openIntent: null,
    unshelveSentAtMs: null,
    overridesLocks: true,
    shelveIsFailing: false,
    resets: 0,
  });
}
