/** `berth ssh` with the real ssh and a real sshd, where this machine has both. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import { probeSsh } from '../../src/openstack/readiness/ssh-banner.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';
import { create } from '../support/worlds.ts';

const execute = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const SSHD = '/usr/sbin/sshd';
const isThere = existsSync(SSHD) && existsSync('/usr/bin/ssh');
if (!isThere) console.warn(`no sshd here: ${SSHD} or ssh is missing`);

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe.skipIf(!isThere)('a real sshd', () => {
  let server: TestServer;
  let dir: string;
  let port: number;
  let sshd: ChildProcess | null = null;

  beforeAll(async () => {
    server = await startTestServer();
    dir = mkdtempSync(join(tmpdir(), 'berth-sshd-'));
    port = await freePort();
    await makeKey('borrower');
  });

  afterEach(() => stopSshd());

  afterAll(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });

  async function makeKey(name: string): Promise<string> {
    const path = join(dir, name);
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
    return path;
  }

  /** A machine with a host key of its own, at the address of all the others. */
  async function startSshd(hostKey: string): Promise<void> {
    // Where root's sshd locks itself up; made by its service where one runs.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    const config = join(dir, 'sshd_config');
    const lines = [
      'ListenAddress 127.0.0.1',
      `HostKey ${await makeKey(hostKey)}`,
      `AuthorizedKeysFile ${join(dir, 'borrower.pub')}`,
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    sshd = spawn(SSHD, ['-D', '-e', '-f', config, '-p', String(port)], { stdio: 'ignore' });
    await until(isUp, 'sshd');
  }

  async function stopSshd(): Promise<void> {
    const running = sshd;
    sshd = null;
    if (running === null || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGTERM');
    await ended;
  }

  const isUp = async () => (await probeSsh({ host: '127.0.0.1', port }, systemClock)).ready;

  /** An active lease whose machine is our sshd. */
  async function lease(): Promise<string> {
    const id = randomUUID();
    server.cloud.arm({ kind: 'buildHangs' });
    await server.engine.command('test', create(id, 'gpu_tiny', { projectId: asId<'project'>('ml') }));
    const leaseId = asId<'lease'>(id);
    await until(() => server.engine.world.leases.get(leaseId)?.state.kind === 'starting', 'the grant');
    const connection = { host: '127.0.0.1', port, user: userInfo().username };
    await server.engine.command('test', { type: 'lease.ready', leaseId, connection });
    return id;
  }

  /** Runs a command on the machine of a lease. */
  async function run(id: string, ...command: string[]): Promise<Ran> {
    const token = await server.token('member', 'ml');
    const env = { ...process.env, HOME: dir, BERTH_URL: server.url, BERTH_TOKEN: token };
    const all = [MAIN, 'ssh', id, '--identity', join(dir, 'borrower'), '--', ...command];
    return new Promise((resolve) => {
      execFile(process.execPath, all, { env }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  }

  test('runs a command there and ends as it did', async () => {
    await startSshd('first');
    const id = await lease();
    expect(await run(id, 'echo', '-n', 'hello')).toMatchObject({ code: 0, stdout: 'hello' });
    expect(await run(id, 'exit', '5')).toMatchObject({ code: 5 });
  });

  test('the next machine at the same address is no attacker; another one in place of ours is', async () => {
    await startSshd('second');
    const before = await lease();
    expect((await run(before, 'true')).code).toBe(0);
    await stopSshd();
    await startSshd('third');
    const after = await lease();
    expect((await run(after, 'true')).code).toBe(0);
    expect(await run(before, 'true')).toMatchObject({
      code: 255,
      stderr: expect.stringContaining('REMOTE HOST IDENTIFICATION HAS CHANGED'),
    });
  });
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
