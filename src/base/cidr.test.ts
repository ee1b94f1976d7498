import { expect, test } from 'vitest';
import { parseCidr } from './cidr.ts';

test.each([
  ['192.0.2.7', '192.0.2.7/32'],
  ['192.0.2.7/24', '192.0.2.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['10.255.255.255/9', '10.128.0.0/9'],
  ['2001:DB8::1', '2001:db8::1/128'],
  ['2001:db8:0:0:1::/64', '2001:db8::/64'],
  ['::/0', '::/0'],
  ['::ffff:192.0.2.7', '::ffff:c000:207/128'],
])('%s is %s', (text, wanted) => {
  expect(parseCidr(text)).toEqual({ ok: true, value: wanted });
});

test.each([
  ['192.0.2/24'],
  ['192.0.2.7/33'],
  ['2001:db8::/129'],
  ['example.org'],
  [''],
  ['10.0.0.1/-1'],
  ['fe80::1%eth0'],
])('%j is none', (text) => {
  expect(parseCidr(text).ok).toBe(false);
});
