import { expect, test } from 'vitest';
import { floatingIpSeen, leaseIn, portSeen, serverSeen, STATES } from './provision.fixtures.ts';
import { refsToRecord } from './refs.ts';

const SEEN = {
  port: portSeen('s1'),
  servers: [serverSeen('s0', 'ERROR'), serverSeen('s1', 'BUILD')],
  floatingIp: floatingIpSeen('port'),
  dateMs: null,
};
const REFS = { portId: 'port', serverId: 's1', floatingIpId: 'fip', address: '203.0.113.10' };

test('what lost replies hid is recorded, of two servers the one with the port', () => {
  expect(refsToRecord(leaseIn(STATES.starting), SEEN)).toEqual(REFS);
  expect(refsToRecord(leaseIn(STATES.starting, { ...REFS, serverId: 's0' }), SEEN)).toEqual({
    serverId: 's1',
  });
});

test('nothing is recorded twice, and what vanished is not forgotten', () => {
  expect(refsToRecord(leaseIn(STATES.starting, REFS), SEEN)).toBeNull();
  const gone = { port: null, servers: [], floatingIp: null, dateMs: null };
  expect(refsToRecord(leaseIn(STATES.starting, REFS), gone)).toBeNull();
});

test('without floating IP the address is the fixed one', () => {
  const fixed = { ...SEEN, floatingIp: null };
  expect(refsToRecord(leaseIn(STATES.starting, { portId: 'port', serverId: 's1' }), fixed)).toEqual({
    address: '10.0.0.5',
  });
});
