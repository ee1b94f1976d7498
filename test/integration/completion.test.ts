// Completions are tried in the shells that they are for, as far as this machine has them; bash is required.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createCliTest } from '../support/cli-io.ts';

async function scriptFor(shell: string): Promise<string> {
  const cli = createCliTest();
  expect(await cli.run('completion', shell)).toBe(0);
  return cli.stdout();
}

function has(shell: string): boolean {
  return spawnSync(shell, ['--version']).status === 0;
}

/** A shell starts in a tenth of a second; one that takes longer than this waits for something. */
const SHELL_MS_MAX = 25_000;

/** Runs a program of the shell after the completion is there; whatever it says on stderr is a fault. */
function sayIn(shell: string, flags: readonly string[], program: string): readonly string[] {
  const { status, stdout, stderr } = spawnSync(shell, [...flags, '-c', program], {
    encoding: 'utf8',
    timeout: SHELL_MS_MAX,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Words behind `berth`, the last one unfinished, and what must be and must not be offered. */
const cases: readonly (readonly [
  words: readonly string[],
  some: readonly string[],
  none: readonly string[],
])[] = [
  [[''], ['borrow', 'lease', 'serve', 'completion'], ['list']],
  [['lea'], ['lease'], ['borrow']],
  [
    ['lease', ''],
    ['list', 'show', 'extend'],
    ['borrow', 'drain'],
  ],
  [['lease', 'list', '--so'], ['--sort-column', '--sort-descending'], ['--format']],
  [['lease', 'list', '-f', ''], ['table', 'json', 'csv'], ['--long']],
  [['--url', 'http://x', 'lease', 'ex'], ['extend'], ['explain']],
  [['token', 'create', '--role', 'm'], ['member', 'manager'], ['admin']],
  [['completion', ''], ['bash', 'zsh', 'fish'], ['serve']],
  [['serve', '--mode', ''], ['act', 'observe'], []],
  [['serve', '--config', '/etc/passw'], [], ['act']],
  [['borrow', ''], [], ['list', 'gpu_tiny']],
];

function expectOffers(found: readonly string[], [, some, none]: (typeof cases)[number]): void {
  expect(found).toEqual(expect.arrayContaining([...some]));
  expect(found.filter((word) => none.includes(word))).toEqual([]);
}

test.each(cases)('bash completes %j', async (...one) => {
  const [words] = one;
  const call = [
    'COMP_WORDS=(berth "$@")',
    'COMP_CWORD=$#',
    '_berth',
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('; ');
  const program = `${await scriptFor('bash')}\nset -- ${words.map((word) => `'${word}'`).join(' ')}\n${call}`;
  expectOffers(sayIn('bash', ['--norc', '--noprofile'], program), one);
});

test('bash takes an equals sign as it cuts it', async () => {
  const program = `${await scriptFor('bash')}
COMP_WORDS=(berth lease list --format = j); COMP_CWORD=5; _berth; echo "\${COMPREPLY[@]}"`;
  expect(sayIn('bash', ['--norc', '--noprofile'], program)).toEqual(['json']);
});

test.runIf(has('fish')).each(cases)('fish completes %j', async (...one) => {
  const [words] = one;
  const program = `${await scriptFor('fish')}\ncomplete -C 'berth ${words.join(' ')}'`;
  const lines = sayIn('fish', ['--no-config'], program);
  expectOffers(
    lines.map((line) => line.split('\t')[0] ?? ''),
    one,
  );
});

// What zsh does with an answer needs a terminal; what it is given is looked at here.
test.runIf(has('zsh')).each([
  [['l'], 'lease'],
  [['lease', ''], 'list'],
  [['--url', 'http://x', 'lease', 'ex'], 'extend'],
  [['lease', 'list', '-f', ''], ':value:(table json yaml csv value)'],
  [['serve', '--config', ''], ':file:_files'],
])('zsh is given for %j: %s', async (words, wanted) => {
  const program = `
compdef() { : }
_describe() { print -l -- \${next%%:*} }
_arguments() { print -l -- "$@" }
${await scriptFor('zsh')}
words=(berth ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=$#words
_berth`;
  const given = sayIn('zsh', ['-f'], program);
  expect(given.filter((line) => line.endsWith(wanted)).length).toBeGreaterThan(0);
});
