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

// Completion runs in zsh's line editor only, so in a terminal of its own, where what is offered is written down.
test.runIf(has('zsh')).each(cases.slice(2, 4))(
  'zsh completes %j',
  async (...one) => {
    const [words] = one;
    const driver = `
zmodload zsh/zpty
folder=$(mktemp -d); trap 'rm -rf $folder' EXIT
print -r -- ${quote(await scriptFor('zsh'))} > $folder/berth.zsh
cat > $folder/start.zsh <<'END'
autoload -U compinit; compinit -u -D; source $folder/berth.zsh; PROMPT='<ready>'
compadd() { local -a hits; builtin compadd -O hits "$@"; print -l -- $hits >> $folder/found; builtin compadd "$@" }
offer() { zle complete-word; print >> $folder/done }
zle -N offer; bindkey '^I' offer
END
zpty shell "folder=$folder zsh -f -i"
zpty -w shell "source $folder/start.zsh"
zpty -r -m shell shown '*<ready>*'
zpty -w -n shell ${quote(`berth ${words.join(' ')}`)}$'\\t'
until [[ -e $folder/done ]]; do sleep 0.02; done
zpty -d shell
cat $folder/found`;
    expectOffers(sayIn('zsh', ['-f'], driver), one);
  },
  30_000,
);

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
