import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellQuoted, sshArguments } from './ssh-command.ts';

const TARGET = {
  host: '203.0.113.7',
  port: 22,
  user: 'ubuntu',
  identity: null,
  knownHosts: '/home/ada/.local/state/berth/known_hosts/l1',
  command: [],
};

test('a login', () => {
  expect(shellQuoted(sshArguments(TARGET))).toBe(
    '-p 22 -l ubuntu -o ConnectTimeout=10 -o StrictHostKeyChecking=accept-new ' +
      '-o UserKnownHostsFile=/home/ada/.local/state/berth/known_hosts/l1 ' +
      '-o GlobalKnownHostsFile=/dev/null 203.0.113.7',
  );
});

test('a key, another port, and a command whose options are not those of ssh', () => {
  const words = sshArguments({ ...TARGET, port: 2222, identity: 'k 1', command: ['ls', '-l'] });
  expect(words.slice(0, 6)).toEqual(['-p', '2222', '-l', 'ubuntu', '-i', 'k 1']);
  expect(words.slice(-4)).toEqual(['203.0.113.7', '--', 'ls', '-l']);
});

test.each([
  ['/a b/l1', 'UserKnownHostsFile="/a b/l1"'],
  ['/100%/l1', 'UserKnownHostsFile=/100%%/l1'],
])('the path %j is written as ssh_config reads it', (knownHosts, word) => {
  expect(sshArguments({ ...TARGET, knownHosts })).toContain(word);
});

test('a shell takes quoted words back as they were', () => {
  const words = fc.array(
    fc.string({ unit: fc.constantFrom('a', ' ', "'", '"', '$', '\\', '*', '~', '\n', ';') }),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  fc.assert(
    fc.property(words, (list) => {
      const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${shellQuoted(list)}`], { encoding: 'utf8' });
      expect(printed.split('\0').slice(0, -1)).toEqual(list);
    }),
    { numRuns: 30 },
  );
});
