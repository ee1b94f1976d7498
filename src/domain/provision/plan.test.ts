import { describe, expect, test } from 'vitest';
import { asId } from '../../base/ids.ts';
import { leaseIn, floatingIpSeen, portSeen, serverSeen, STATES } from './provision.fixtures.ts';
import { keeperOf } from './keeper.ts';
import { plan, SHELVE_OFFLOAD_AFTER_MS, type Plan, type PlanInput } from './plan.ts';
import type { Goal, ServerSeen, ServerStatus, Sighting } from './sighting.ts';

type Situation = keyof typeof STATES;
const GOALS: Readonly<Record<Situation, Goal>> = {
  starting: 'running',
  comeback: 'running',
  active: 'running',
  shelving: 'shelved',
  ending: 'gone',
};

/**
 * Columns: no port | free port | port plugged into the server; each without and with the floating IP on the
 * port.
 */
type Row = readonly [string, string, string, string, string, string];
const same = (cell: string): Row => [cell, cell, cell, cell, cell, cell];

const OFFER = ['createPort', 'createPort', 'createServer', 'createServer', 'wait', 'wait'] as const;
const ADDRESS = ['createFloatingIp', 'done'] as const;
/** The floating IP goes first wherever there is one. */
const gone = (noPort: string, port: string): Row => [
  noPort,
  'deleteFloatingIp',
  port,
  'deleteFloatingIp',
  port,
  'deleteFloatingIp',
];

const TABLE: Readonly<Record<Situation, Readonly<Record<ServerStatus | 'NONE', Row>>>> = {
  starting: {
    NONE: OFFER,
    DELETED: OFFER,
    BUILD: same('wait'),
    ACTIVE: [
      'failed port_vanished',
      'failed port_vanished',
      'failed port_lost',
      'failed port_lost',
      ...ADDRESS,
    ],
    SHUTOFF: same('failed server_changed'),
    SHELVED: same('failed server_changed'),
    SHELVED_OFFLOADED: same('failed server_changed'),
    ERROR: same('failed build_failed'),
    OTHER: same('wait'),
  },
  comeback: {
    NONE: same('lost'),
    DELETED: same('lost'),
    BUILD: same('wait'),
    ACTIVE: ['done', 'done', ...ADDRESS, ...ADDRESS],
    SHUTOFF: same('wait'),
    SHELVED: same('unshelve'),
    SHELVED_OFFLOADED: same('unshelve'),
    ERROR: same('failed unshelve_failed'),
    OTHER: same('wait'),
  },
  active: {
    NONE: same('lost'),
    DELETED: same('lost'),
    BUILD: same('wait'),
    ACTIVE: same('done'),
    SHUTOFF: same('done'),
    SHELVED: same('wait'),
    SHELVED_OFFLOADED: same('shelvedOutside'),
    ERROR: same('wait'),
    OTHER: same('wait'),
  },
  shelving: {
    NONE: same('lost'),
    DELETED: same('lost'),
    BUILD: same('wait'),
    ACTIVE: same('shelve'),
    SHUTOFF: same('shelve'),
    SHELVED: same('wait'),
    SHELVED_OFFLOADED: same('lock'),
    // On no host: it holds nothing.
    ERROR: same('lock'),
    OTHER: same('shelve'),
  },
  ending: {
    NONE: gone('done', 'deletePort'),
    DELETED: gone('done', 'deletePort'),
    BUILD: gone('deleteServer', 'deleteServer'),
    ACTIVE: gone('deleteServer', 'deleteServer'),
    SHUTOFF: gone('deleteServer', 'deleteServer'),
    SHELVED: gone('deleteServer', 'deleteServer'),
    SHELVED_OFFLOADED: gone('deleteServer', 'deleteServer'),
    ERROR: gone('deleteServer', 'deleteServer'),
    OTHER: gone('deleteServer', 'deleteServer'),
  },
};

const PORTS = [null, portSeen(null), portSeen('s1')];
const COLUMNS = PORTS.flatMap((port) => [
  { port, floatingIp: null },
  { port, floatingIp: floatingIpSeen(port?.id ?? null) },
]);

describe.each(keysOf(TABLE))('plan for a lease that is %s', (situation) => {
  test.each(keysOf(TABLE[situation]))('with server %s', (status) => {
    const servers = status === 'NONE' ? [] : [serverSeen('s1', status)];
    const cells = COLUMNS.map(({ port, floatingIp }) =>
      label(planFor(situation, { port, floatingIp, servers, dateMs: null })),
    );
    expect(cells).toEqual(TABLE[situation][status]);
  });
});

describe('plan', () => {
  test('does not repeat a creation while the lost call may still take effect', () => {
    const port = { port: portSeen(null), servers: [], floatingIp: null, dateMs: null };
    const openIntent = { step: 'createServer', openedAtMs: 1000, timeoutMs: 60_000 };
    expect(label(planFor('starting', port, { openIntent, nowMs: 60_999 }))).toBe('wait');
    expect(label(planFor('starting', port, { openIntent, nowMs: 61_000 }))).toBe('createServer');
  });

  describe('of a server in ERROR that is to be shelved', () => {
    const onHost = seen([serverSeen('s1', 'ERROR', { hostId: asId('sim:h1') })]);

    test('takes it out of ERROR first, but not again and again', () => {
      expect(label(planFor('shelving', onHost))).toBe('resetState');
      expect(label(planFor('shelving', onHost, { resets: 1 }))).toBe('resetState');
      expect(label(planFor('shelving', onHost, { resets: 2 }))).toBe('failed server_error');
    });

    test('only tells where Berth may not do that, nor see hosts', () => {
      const offHost = seen([serverSeen('s1', 'ERROR')]);
      for (const sighting of [onHost, offHost])
        expect(label(planFor('shelving', sighting, { overridesLocks: false }))).toBe('failed server_error');
    });

    test('is done with one that is on no host', () => {
      expect(label(planFor('shelving', seen([serverSeen('s1', 'ERROR', { locked: true })])))).toBe('done');
    });
  });

  describe('of a server that comes back', () => {
    const lease = leaseIn(STATES.comeback, { portId: 'port', floatingIpId: 'fip', serverId: 's1' });
    const back = (sighting: Partial<Sighting>): Plan =>
      planFor('comeback', { ...seen([serverSeen('s1', 'ACTIVE')]), ...sighting }, { lease });

    test('leads its floating IP to its port again, and makes another where it is gone', () => {
      expect(back({ floatingIp: floatingIpSeen(null) })).toMatchObject({
        step: { kind: 'associateFloatingIp', id: floatingIpSeen(null).id, portId: portSeen('s1').id },
      });
      expect(label(back({ floatingIp: null }))).toBe('createFloatingIp');
      expect(label(back({ floatingIp: floatingIpSeen(portSeen('s1').id) }))).toBe('done');
    });

    test.each([
      ['deleted', null],
      ['taken off', portSeen(null)],
      ['given to another', portSeen('s2')],
    ])('says so where its port was %s', (_name, port) => {
      expect(back({ port })).toMatchObject({ failure: { code: 'port_lost', next: 'final' } });
    });

    test('says so where its disk is lost, and tries elsewhere otherwise', () => {
      const failed = (fault: string | null): Plan =>
        planFor('comeback', seen([serverSeen('s1', 'ERROR', { fault })]), { lease });
      const lost = 'Unshelve attempted but the image 4d3c cannot be found.';
      expect(failed(lost)).toMatchObject({ failure: { code: 'shelve_image_lost', next: 'final' } });
      expect(failed(null)).toMatchObject({ failure: { code: 'unshelve_failed', next: 'other_host' } });
    });
  });

  test('does not clean up behind a creation that may still take effect', () => {
    const port = { port: portSeen(null), servers: [], floatingIp: null, dateMs: null };
    const openIntent = { step: 'createServer', openedAtMs: 1000, timeoutMs: 60_000 };
    expect(label(planFor('ending', port, { openIntent, nowMs: 2000 }))).toBe('wait');
    expect(label(planFor('ending', port, { openIntent, nowMs: 61_000 }))).toBe('deletePort');
  });

  test('does not take a deleted server for the effect of a creation that is still out', () => {
    const deleted = {
      port: portSeen(null),
      servers: [serverSeen('s1', 'DELETED')],
      floatingIp: null,
      dateMs: null,
    };
    const openIntent = { step: 'createServer', openedAtMs: 1000, timeoutMs: 60_000 };
    expect(label(planFor('starting', deleted, { openIntent, nowMs: 2000 }))).toBe('wait');
  });

  test('goes on as soon as the effect of a lost call is seen', () => {
    const built = seen([serverSeen('s1', 'ACTIVE')]);
    const openIntent = { step: 'createServer', openedAtMs: 1000, timeoutMs: 60_000 };
    expect(label(planFor('starting', built, { openIntent, nowMs: 2000 }))).toBe('createFloatingIp');
  });

  test('does not build again what disappeared during the start', () => {
    const lease = leaseIn(STATES.starting, { portId: 'port', serverId: 's1' });
    expect(
      planFor('starting', { port: portSeen(null), servers: [], floatingIp: null, dateMs: null }, { lease }),
    ).toEqual({
      kind: 'failed',
      failure: expect.objectContaining({ code: 'server_vanished', next: 'other_host' }),
    });
  });

  test('keeps the server that has the port and deletes the other', () => {
    const both = seen([serverSeen('s0', 'BUILD'), serverSeen('s1', 'BUILD')]);
    expect(keeperOf(both)?.id).toBe('s1');
    expect(planFor('starting', both)).toMatchObject({
      kind: 'step',
      step: { kind: 'deleteServer', id: 's0' },
    });
  });

  test('deletes the loser in ERROR, never one of two that still build', () => {
    const building = [serverSeen('s1', 'BUILD'), serverSeen('s2', 'BUILD')];
    const unplugged = { port: portSeen(null), floatingIp: null, dateMs: null };
    expect(label(planFor('starting', { ...unplugged, servers: building }))).toBe('wait');
    const oneFailed = [serverSeen('s1', 'ERROR'), serverSeen('s2', 'BUILD')];
    expect(planFor('starting', { ...unplugged, servers: oneFailed })).toMatchObject({ step: { id: 's1' } });
  });

  test.each([
    ['No valid host was found. There are not enough hosts available.', 'no_valid_host', 'other_host'],
    [
      'Exceeded maximum number of retries. Exhausted all hosts available for retrying build',
      'no_valid_host',
      'other_host',
    ],
    ['Build of instance 77 aborted: GPU has fallen off the bus', 'build_failed', 'other_host'],
    ['Image 4711 could not be found.', 'build_failed', 'final'],
    [null, 'build_failed', 'other_host'],
  ] as const)('reads the fault %j', (fault, code, next) => {
    const failed = planFor('starting', seen([serverSeen('s1', 'ERROR', { fault })]));
    expect(failed).toMatchObject({ kind: 'failed', failure: { code, next } });
  });

  test('takes an offloaded server without task after an unshelve for a refusal', () => {
    const offloaded = seen([serverSeen('s1', 'SHELVED_OFFLOADED')]);
    const busy = seen([serverSeen('s1', 'SHELVED_OFFLOADED', { taskState: 'unshelving' })]);
    const refused = { kind: 'failed', failure: { code: 'unshelve_refused', next: 'other_host' } };
    expect(planFor('comeback', offloaded, { unshelveSentAtMs: 5 })).toMatchObject(refused);
    expect(planFor('comeback', busy, { unshelveSentAtMs: 5 })).toMatchObject({
      kind: 'wait',
      progress: 'building',
    });
    const lease = leaseIn({ ...STATES.comeback, progress: 'building' }, { serverId: 's1' });
    expect(planFor('comeback', offloaded, { lease })).toMatchObject(refused);
  });

  test('asks for the offload when the cloud does not do it by itself', () => {
    const shelved = seen([serverSeen('s1', 'SHELVED')]);
    expect(label(planFor('shelving', shelved, { nowMs: SHELVE_OFFLOAD_AFTER_MS - 1 }))).toBe('wait');
    expect(label(planFor('shelving', shelved, { nowMs: SHELVE_OFFLOAD_AFTER_MS }))).toBe('shelveOffload');
    const offloading = seen([serverSeen('s1', 'SHELVED', { taskState: 'shelving_offloading' })]);
    expect(label(planFor('shelving', offloading, { nowMs: SHELVE_OFFLOAD_AFTER_MS }))).toBe('wait');
  });

  test('locks what lies on the shelf, and unlocks it before it is brought back', () => {
    const locked = seen([serverSeen('s1', 'SHELVED_OFFLOADED', { locked: true })]);
    expect(label(planFor('shelving', locked))).toBe('done');
    expect(label(planFor('comeback', locked))).toBe('unlock');
  });

  test('locks a server that cannot be shelved, where the lock does not keep us from trying on', () => {
    const stuck = seen([serverSeen('s1', 'ACTIVE')]);
    const failing = { shelveIsFailing: true };
    expect(label(planFor('shelving', stuck, failing))).toBe('lock');
    expect(label(planFor('shelving', stuck, { ...failing, overridesLocks: false }))).toBe('shelve');
    const locked = seen([serverSeen('s1', 'ACTIVE', { locked: true })]);
    expect(label(planFor('shelving', locked, failing))).toBe('shelve');
  });

  test('waits for a server that is being deleted before it takes the port away', () => {
    expect(label(planFor('ending', seen([serverSeen('s1', 'ACTIVE', { taskState: 'deleting' })])))).toBe(
      'wait',
    );
  });

  test('replaces a floating IP that leads to another port', () => {
    const stray = { ...seen([serverSeen('s1', 'ACTIVE')]), floatingIp: floatingIpSeen(null) };
    expect(label(planFor('starting', stray))).toBe('deleteFloatingIp');
  });

  test('has nothing to build on declared hosts, and nothing to keep', () => {
    const nothing: Sighting = { port: null, servers: [], floatingIp: null, dateMs: null };
    const declared = { providerKind: 'declared' } as const;
    expect(label(planFor('starting', nothing, declared))).toBe('done');
    expect(label(planFor('ending', nothing, declared))).toBe('done');
    expect(label(planFor('shelving', nothing, declared))).toBe('failed unsupported');
  });
});

function planFor(situation: Situation, sighting: Sighting, more: Partial<PlanInput> = {}): Plan {
  return plan({
    providerKind: 'openstack',
    goal: GOALS[situation],
    lease: leaseIn(STATES[situation]),
    sighting,
    nowMs: 0,
    wantsFloatingIp: true,
    openIntent: null,
    unshelveSentAtMs: null,
    overridesLocks: true,
    shelveIsFailing: false,
    resets: 0,
    ...more,
  });
}

function seen(servers: readonly ServerSeen[]): Sighting {
  return { port: portSeen('s1'), servers, floatingIp: null, dateMs: null };
}

function label(result: Plan): string {
  if (result.kind === 'step') return result.step.kind;
  return result.kind === 'failed' ? `failed ${result.failure.code}` : result.kind;
}

function keysOf<K extends string>(record: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(record).filter((key): key is K => key in record);
}
