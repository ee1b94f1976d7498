import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { BUILTIN_PROFILES } from './catalogue.ts';
import { LIBRARY_SCRIPT, RUNNER_SCRIPT } from './builtin/shell.ts';
import { composed, MACHINE, ref } from './profiles.fixtures.ts';
import type { Values } from './profile.ts';
import { readConsoleSetup, stepText } from './progress.ts';
import { renderDocument } from './render.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-runner-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const consoleFile = (): string => join(folder, 'console');
const environment = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  BERTH_CONSOLE: consoleFile(),
  BERTH_LOG: join(folder, 'log'),
});

/** Puts the files of a machine that is to run `hello` into a folder; gives its commands. */
function furnish(params: Values, phoneHomeUrl: string | null = null): readonly (readonly string[])[] {
  const composition = composed([ref('hello', params)]);
  const config = parse(renderDocument({ ...MACHINE, composition, phoneHomeUrl }) ?? '');
  for (const { path, content } of config.write_files as readonly { path: string; content: string }[])
    writeFileSync(join(folder, basename(path)), content, { mode: 0o755 });
  writeFileSync(consoleFile(), '');
  return (config.runcmd as readonly (readonly string[])[]).map(([, ...args]) => args);
}

/** As cloud-init's runcmd: one after the other, whatever becomes of each. Gives the exit codes. */
function runAll(commands: readonly (readonly string[])[]): readonly (number | null)[] {
  return commands.map((args) => spawnSync(join(folder, 'run'), args, { env: environment() }).status);
}

const onConsole = (): readonly string[] =>
  readFileSync(consoleFile(), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

test('tells each step, what is to be known, and the end', () => {
  expect(runAll(furnish({ whom: 'Ada' }))).toEqual([0, 0, 0]);
  expect(onConsole()).toEqual([
    'berth-setup: 1/2 hello: greeting Ada',
    'berth-setup: 2/2 hello: leaving',
    'berth-setup: note hello: greeted Ada',
    'berth-setup: done',
  ]);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toContain('hello Ada\n');
});

test('a failure is told in the words of the step, and ends the work', () => {
  expect(runAll(furnish({ code: '7' }))).toEqual([0, 1, 0]);
  expect(onConsole().at(-1)).toBe('berth-setup: failed hello: leaving: bye from ubuntu');
  expect(readConsoleSetup(readFileSync(consoleFile(), 'utf8')).report).toEqual({
    kind: 'failed',
    why: 'hello: leaving: bye from ubuntu',
  });
});

test('a step that takes too long is stopped', () => {
  furnish({});
  writeFileSync(join(folder, 'step-1.sh'), 'echo begun; sleep 60');
  expect(runAll([['1', '2', '1', 'hello', 'sleeping']])).toEqual([1]);
  expect(onConsole().at(-1)).toBe('berth-setup: failed hello: sleeping: it took longer than 1 s; begun');
});

test('an unset variable or a failing command is a failure', () => {
  for (const script of ['echo "$P_NOTHING"', 'false; true']) {
    furnish({});
    rmSync(join(folder, 'failed'), { force: true });
    writeFileSync(join(folder, 'step-1.sh'), script);
    expect(runAll([['1', '1', '9', 'hello', 'x']])).toEqual([1]);
  }
});

test('where there is an address, each word is a call', async () => {
  const bodies: string[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      bodies.push(`${request.url ?? ''} ${body}`);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const commands = furnish({}, `http://127.0.0.1:${port}/secret`);
    for (const args of commands) {
      await new Promise((resolve) =>
        spawn(join(folder, 'run'), args, { env: environment() }).once('exit', resolve),
      );
    }
    expect(bodies).toEqual([
      '/secret setup=1%2F2+hello%3A+greeting+world',
      '/secret setup=2%2F2+hello%3A+leaving',
      '/secret setup=note+hello%3A+greeted+world',
      '/secret setup=done',
    ]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  // Four starts of Python, on a machine that may be busy.
}, 60_000);

test('every script is one that a POSIX shell can read', () => {
  const scripts = BUILTIN_PROFILES.flatMap(({ steps }) => steps.map(({ script }) => script));
  expect(scripts.length).toBeGreaterThan(7);
  for (const script of [...scripts, RUNNER_SCRIPT, LIBRARY_SCRIPT])
    execFileSync('sh', ['-n'], { input: script, encoding: 'utf8' });
});

test('reads a console on which others write too', () => {
  const text = [
    '[    1.0] boot\r',
    'berth-setup: 1/4 nvidia-driver: installing the NVIDIA driver 550\r',
    '[   30.0] nvidia: loading out-of-tree module',
    'a line that quotes berth-setup: done',
    'berth-setup: 2/4 nvidia-driver: loading\u0007 it',
    'berth-setup: what is this',
  ].join('\n');
  const { report, notes } = readConsoleSetup(text);
  expect(report).toEqual({ kind: 'step', step: 2, steps: 4, title: 'loading it' });
  expect(report.kind === 'step' && stepText(report)).toBe('loading it (2 of 4)');
  expect(notes).toEqual([]);
  expect(readConsoleSetup('').report).toEqual({ kind: 'silent' });
  expect(readConsoleSetup(`${text}\nberth-setup: note cuda: CUDA 12.4\nberth-setup: done`)).toEqual({
    report: { kind: 'done' },
    notes: ['cuda: CUDA 12.4'],
  });
});
