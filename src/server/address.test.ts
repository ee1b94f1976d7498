import { expect, test } from 'vitest';
import { limitKeyOf, parseProxies } from './address.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['unix', 'unix'],
  ['nonsense', 'nonsense'],
])('%s counts as %s', (address, key) => {
  expect(limitKeyOf(address)).toBe(key);
});

test('proxies are addresses and networks; a socket file is always one', () => {
  const trust = parseProxies(['10.0.0.0/8', '2001:db8::7']);
  if (!trust.ok) throw new Error(trust.error);
  const believed = ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::7', undefined].map(trust.value);
  expect(believed).toEqual([true, true, true, true]);
  expect(['11.1.2.3', '2001:db8::8', '', 'nonsense'].map(trust.value)).toEqual([false, false, false, false]);
});

test.each(['proxy.example.org', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '', '2001:db8::/129'])(
  '%j is no proxy',
  (entry) => {
    expect(parseProxies([entry])).toMatchObject({ ok: false, error: expect.stringContaining(`'${entry}'`) });
  },
);
