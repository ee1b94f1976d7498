import { expect, test } from 'vitest';
import { versionSkew } from './version.ts';

test.each([
  ['1.4.2', '1.4.9', 'near'],
  ['1.4.2', '1.5.0-rc.1', 'near'],
  ['1.4.2', '1.3.0', 'near'],
  ['1.4.2', '1.6.0', 'newer'],
  ['1.4.2', '1.2.9', 'older'],
  ['0.9.0', '1.0.0', 'newer'],
  ['2.0.0', '1.99.0', 'older'],
  ['1.9.0', '1.10.0', 'near'],
  ['1.4.2', 'nginx', null],
  ['1.4.2', '', null],
])('%s sees %s as %s', (own, other, skew) => {
  expect(versionSkew(own, other)).toBe(skew);
});
