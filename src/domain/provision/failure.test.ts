import { expect, test } from 'vitest';
import { stepFailure } from './failure.ts';

test.each([
  ['createServer', 'quota', 'final'],
  ['createServer', 'bad_request', 'final'],
  ['createPort', 'not_found', 'final'],
  ['createFloatingIp', 'forbidden', 'final'],
  ['createServer', 'conflict', 'again'],
  ['createServer', 'no_reply', 'again'],
  ['createServer', 'unauthorized', 'again'],
  ['deleteServer', 'conflict', 'again'],
  ['deleteServer', 'forbidden', 'again'],
  ['shelve', 'bad_request', 'again'],
] as const)('a %s that fails with %s: %s', (step, code, next) => {
  expect(stepFailure(step, code, 'because')).toEqual({ code: `cloud_${code}`, message: 'because', next });
});
