/** `berth ssh` as a process of its own, with a program called ssh that tells what it was given. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import { VERSION } from '../../src/main/version.ts';
import { createCliTest } from '../support/cli-io.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';
import { create } from '../support/worlds.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Tells its words, and ends with 7, or when it is told to. */
const FAKE_SSH = `#!/bin/sh
for word in "$@"; do echo "[$word]"; done
case "$*" in
  *wait-for-signal) trap 'echo terminated; exit 3' TERM; echo waiting; while :; do sleep 0.05; done ;;
  *kill-yourself) kill -KILL $$ ;;
esac
exit 7
`;

let server: TestServer;
let dir: string;
let token: string;
/** Leases that are active from the beginning: one to log in to, one to be shelved. */
let training: string;
let tired: string;

beforeAll(async () => {
  server = await startTestServer({ server: { version: VERSION } });
  token = await server.token('member', 'ml');
  dir = mkdtempSync(join(tmpdir(), 'berth-ssh-'));
  writeFileSync(join(dir, 'ssh'), FAKE_SSH);
  chmodSync(join(dir, 'ssh'), 0o755);
  training = await borrowed('training');
  tired = await borrowed('tired');
  await until(() => [training, tired].every((one) => stateOf(one)?.kind === 'active'), 'the starts');
});

afterAll(async () => {
  rmSync(dir, { recursive: true });
  await server.close();
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real program with our ssh as the only one there is; `path` replaces where it looks. */
function berth(
  words: readonly string[],
  path = `${dir}:${process.env['PATH'] ?? ''}`,
): { readonly child: ChildProcess; readonly output: () => string; readonly ended: Promise<Ended> } {
  const env = { HOME: dir, PATH: path, BERTH_URL: server.url, BERTH_TOKEN: token };
  const child = spawn(process.execPath, [MAIN, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, output: () => stdout, ended };
}

async function borrowed(name: string): Promise<string> {
  const id = randomUUID();
  const more = { projectId: asId<'project'>('ml'), name };
  const outcome = await server.engine.command('test', create(id, 'gpu_tiny', more));
  expect(outcome.ok).toBe(true);
  return id;
}

const stateOf = (id: string) => server.engine.world.leases.get(asId<'lease'>(id))?.state;

const inProcess = () => createCliTest({ env: { BERTH_URL: server.url, BERTH_TOKEN: token } });

test('ssh gets the address, the key and the words; its exit code is ours', async () => {
  const host = server.engine.world.leases.get(asId<'lease'>(training))?.refs.address ?? '';
  const words = ['ssh', 'training', '--identity', 'my key', '--', 'ls', '-h', '--help'];
  const { code, stdout, stderr } = await berth(words).ended;
  expect({ code, stderr }).toEqual({ code: 7, stderr: '' });
  const given = [...stdout.matchAll(/^\[(.*)\]$/gm)].map(([, word]) => word);
  expect(given.slice(0, 6)).toEqual(['-p', '22', '-l', 'ubuntu', '-i', 'my key']);
  expect(given).toContain(`UserKnownHostsFile=${dir}/.local/state/berth/known_hosts/${training}`);
  expect(given.slice(-5)).toEqual([host, '--', 'ls', '-h', '--help']);
  expect(existsSync(join(dir, '.local/state/berth/known_hosts'))).toBe(true);

  // The same as text: a shell that takes it gives ssh the same words.
  const printed = await berth(['ssh', training.slice(0, 8), '--identity', 'my key', '--print']).ended;
  expect(printed.stdout).toMatch(/^ssh -p 22 -l ubuntu -i 'my key' -o .* [\d.]+\n$/);
});

test('signals reach ssh, and one that ends it is told as a shell does', async () => {
  const running = berth(['ssh', training, 'wait-for-signal']);
  await until(() => running.output().includes('waiting'), 'ssh');
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ code: 3, stdout: expect.stringContaining('terminated') });
  expect((await berth(['ssh', training, 'kill-yourself']).ended).code).toBe(128 + 9);
});

test('without an ssh program it says so', async () => {
  const { code, stderr } = await berth(['ssh', training], '/nonexistent').ended;
  expect(code).toBe(1);
  expect(stderr).toContain('there is no ssh program on this machine');
  expect(stderr).toContain(`berth ssh ${training.slice(0, 8)} --print`);
});

test('what has not started is waited for only with --wait', async () => {
  server.cloud.arm({ kind: 'buildHangs' });
  const slow = await borrowed('slow');
  await until(() => stateOf(slow)?.kind === 'starting', 'the grant');
  const cli = inProcess();
  expect(await cli.run('ssh', 'slow')).toBe(1);
  expect(cli.stderr()).toMatch(/cannot be entered yet: .+\nWait for it with 'berth ssh \w{8} --wait'\./);

  const waiting = cli.run('ssh', 'slow', '--wait');
  await cli.said('building the machine');
  const connection = { host: '203.0.113.7', port: 22, user: 'ubuntu' };
  await server.engine.command('test', { type: 'lease.ready', leaseId: asId<'lease'>(slow), connection });
  expect(await waiting).toBe(0);
  expect(cli.programs).toMatchObject([
    ['ssh', '-p', '22', '-l', 'ubuntu', ...Array(8).fill(expect.anything()), '203.0.113.7'],
  ]);
});

test('Ctrl-C while waiting leaves the lease as it is', async () => {
  server.cloud.arm({ kind: 'buildHangs' });
  const patient = await borrowed('patient');
  const cli = inProcess();
  const waiting = cli.run('ssh', patient, '--wait');
  await cli.said('building the machine');
  cli.interrupt();
  expect(await waiting).toBe(130);
  expect(stateOf(patient)?.kind).toBe('starting');
  expect(cli.programs).toEqual([]);
});

test('what is on the shelf or over names the next step, and host keys go with their machine', async () => {
  await server.engine.command('test', { type: 'lease.shelve', leaseId: asId<'lease'>(tired) });
  const cli = inProcess();
  expect(await cli.run('ssh', 'tired', '--wait')).toBe(1);
  expect(cli.stderr()).toContain(`Bring it back with 'berth lease unshelve ${tired.slice(0, 8)}'`);
  expect(cli.removed).toEqual([]);
  await server.engine.command('test', { type: 'lease.release', leaseId: asId<'lease'>(tired) });
  await until(() => stateOf(tired) === undefined, 'the end');
  expect(await cli.run('ssh', tired)).toBe(1);
  expect(cli.stderr()).toMatch(/is over: given back\.\nBorrow anew with 'berth borrow gpu_tiny/);
  expect(cli.removed).toEqual([`/home/ada/.local/state/berth/known_hosts/${tired}`]);
});
