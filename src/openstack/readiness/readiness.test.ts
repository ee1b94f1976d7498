import { expect, test } from 'vitest';
import { leaseIn, leaseWith } from '../../domain/lease/lease.fixtures.ts';
import type { Lease } from '../../domain/model/lease.ts';
import { serverSeen } from '../../domain/provision/provision.fixtures.ts';
import type { Sighting } from '../../domain/provision/sighting.ts';
import { systemClock } from '../../base/clock.ts';
import { createSession, type OpenStackSession } from '../session.ts';
import { createReadiness, type ProbeKind } from './readiness.ts';

const CONNECTION = { host: '127.0.0.1', port: 1, user: 'ubuntu' };
const SIGHTING: Sighting = {
  port: null,
  servers: [serverSeen('s1', 'ACTIVE')],
  floatingIp: null,
  dateMs: null,
};

/** A cloud of which only the console of s1 can be read; `asked` has the bodies of the calls. */
function cloudWith(console: Response): { readonly session: OpenStackSession; readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const catalog = [
    {
      type: 'compute',
      endpoints: [{ interface: 'public', region: 'R', region_id: 'R', url: 'http://nova/v2.1' }],
    },
  ];
  const token = {
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    catalog,
    user: { id: 'u', name: 'berth', domain: { id: 'default', name: 'Default' } },
    project: { id: 'p', name: 'service', domain: { id: 'default', name: 'Default' } },
    roles: [],
    methods: ['password'],
  };
  const session = createSession({
    authUrl: 'http://keystone/v3',
    credentials: {
      kind: 'password',
      user: { name: 'berth', domain: { id: 'default' } },
      password: 'pw',
      scope: { kind: 'project', project: { id: 'p' } },
    },
    region: null,
    interfaces: ['public'],
    clock: systemClock,
    callTimeoutMs: 1000,
    fetch: async (url, { body }) => {
      if (url.endsWith('/auth/tokens')) {
        return Response.json({ token }, { status: 201, headers: { 'x-subject-token': 't' } });
      }
      asked.push([url, JSON.parse(body ?? 'null')]);
      return console;
    },
  });
  return { session, asked };
}

function look(probe: ProbeKind, lease: Lease = leaseIn('starting'), console = new Response()) {
  const { session } = cloudWith(console);
  const readiness = createReadiness({
    probe,
    consoleText: 'Cloud-init v.* finished',
    phoneHomeUrl: (id) => `https://berth.example.org/${id}`,
    clock: systemClock,
  });
  return readiness.probe({ deploymentId: 'd', lease }, CONNECTION, SIGHTING, session);
}

test.each([
  [Response.json({ output: 'boot\nCloud-init v. 22.4.2 finished at Sat\nlogin: ' }), null],
  [Response.json({ output: 'boot\n' }), 'its console does not show the end of the boot yet'],
  [Response.json({ output: null }), 'its console does not show the end of the boot yet'],
  [
    Response.json({ conflictingRequest: { message: 'not ready' } }, { status: 409 }),
    'its console is not there yet',
  ],
  [
    Response.json({ itemNotFound: { message: 'gone' } }, { status: 404 }),
    'it has no console that can be read',
  ],
  [
    Response.json({ notImplemented: { message: 'no' } }, { status: 501 }),
    'this cloud keeps no console log: the operator has to choose another ready.probe',
  ],
  [
    new Response('', { status: 503 }),
    'its console cannot be read (compute POST /servers/s1/action: 503 no reason given)',
  ],
  [Response.json({ output: 7 }), expect.stringContaining('its console cannot be read')],
])('a console, case %#', async (console, why) => {
  expect(await look('console', leaseIn('starting'), console)).toEqual(
    why === null ? { ready: true } : { ready: false, why },
  );
});

test('asks Nova for the newest lines only', async () => {
  const { session, asked } = cloudWith(Response.json({ output: '' }));
  const readiness = createReadiness({
    probe: 'console',
    consoleText: 'x',
    phoneHomeUrl: () => '',
    clock: systemClock,
  });
  await readiness.probe({ deploymentId: 'd', lease: leaseIn('starting') }, CONNECTION, SIGHTING, session);
  expect(asked).toEqual([['http://nova/v2.1/servers/s1/action', { 'os-getConsoleOutput': { length: 200 } }]]);
});

test('a machine that is to call is ready once it has', async () => {
  expect(await look('phone_home')).toEqual({ ready: false, why: 'the machine has not called home yet' });
  expect(await look('phone_home', leaseWith('starting', { calledHome: true }))).toEqual({ ready: true });
});

test('one that comes back from the shelf does not call again: its SSH is asked', async () => {
  expect(await look('phone_home', leaseWith('starting', { comeback: true }))).toEqual({
    ready: false,
    why: 'SSH did not answer at 127.0.0.1:1 (connection refused)',
  });
});

test('without a probe a machine is ready as soon as it has an address', async () => {
  expect(await look('none')).toEqual({ ready: true });
});

test('only machines that are to call are told where', () => {
  const url = (probe: ProbeKind): string | null =>
    createReadiness({
      probe,
      consoleText: 'x',
      phoneHomeUrl: (id, port) => `https://berth.example.org/${id}/${port}`,
      clock: systemClock,
    }).phoneHomeUrl(leaseIn('starting').id, 'port-1');
  expect(url('phone_home')).toBe('https://berth.example.org/lease-1/port-1');
  expect([url('ssh'), url('console'), url('none')]).toEqual([null, null, null]);
});
