// The Debian package on a Debian that has nothing of ours: installed, served from as user berth, borrowed
// from, upgraded, removed, purged.

import { spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDeb } from '../../scripts/package/deb.ts';
import { startDebian, type Debian, type Ran } from '../support/debian.ts';

const absent = process.env['BERTH_NO_DEBIAN'];
const CONFIG = 'etc/berth/berth.yaml';
const UNIT = 'usr/lib/systemd/system/berth.service';
/** The bundle and Node's 120 MB, on a busy machine. */
const BUILD_MS_MAX = 150_000;
/** A start under Node, with a first look at the simulated cloud. */
const START_MS_MAX = 60_000;

describe.runIf(absent === undefined)('the Debian package', () => {
  let debian: Debian;
  let folder: string;
  let deb: string;
  let service: ChildProcess | null = null;
  const said = { stdout: '', stderr: '' };

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(tmpdir(), 'berth-package-'));
    debian = startDebian();
    deb = await buildDeb('x64', { folder, compression: 'none' });
  }, BUILD_MS_MAX);

  afterAll(async () => {
    await stop();
    debian.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const inside = (name: string): string => path.join(debian.root, name);
  const berth = (...args: string[]): Ran => debian.run(['berth', ...args]);

  function install(file: string): Ran {
    fs.copyFileSync(file, inside('tmp/berth.deb'));
    return debian.run(['dpkg', '-i', '/tmp/berth.deb']);
  }

  /** As the unit has it, without systemd. */
  function startService(): ChildProcess {
    const unit = fs.readFileSync(inside(UNIT), 'utf8');
    const command = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
    const user = /^User=(.*)$/m.exec(unit)?.[1] ?? '';
    const started = debian.start(command, { user: `${user}:${user}` });
    started.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
    started.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    return started;
  }

  async function greeting(text: string): Promise<void> {
    const deadlineMs = performance.now() + START_MS_MAX;
    while (!said.stdout.includes(text)) {
      if (performance.now() > deadlineMs) throw new Error(`waited in vain for '${text}': ${said.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function stop(): Promise<number | null> {
    const running = service;
    service = null;
    if (running === null || running.exitCode !== null) return running?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => running.once('exit', resolve));
    running.kill('SIGTERM');
    return ended;
  }

  test('installs, and brings a command, a user, a folder of its own, and a valid configuration', () => {
    const installed = install(deb);
    expect(installed).toMatchObject({ code: 0, stderr: '' });
    expect(berth('version')).toEqual({ code: 0, stdout: 'berth 0.1.0\n', stderr: '' });
    expect(berth('config', 'check')).toMatchObject({ code: 0, stderr: 'The configuration is valid.\n' });
    expect(debian.run(['stat', '-c', '%U %G %a', '/var/lib/berth']).stdout).toBe('berth berth 700\n');
    expect(debian.run(['getent', 'passwd', 'berth']).stdout).toMatch(/:\/usr\/sbin\/nologin\n$/);
    for (const file of ['share/man/man1/berth.1.gz', 'share/bash-completion/completions/berth']) {
      expect(fs.existsSync(inside(`usr/${file}`))).toBe(true);
    }
  });

  test('with nothing to lend, the service says what is missing and ends', async () => {
    const started = startService();
    const code = await new Promise((resolve) => started.once('exit', resolve));
    expect(code).toBe(1);
    expect(said.stderr).toContain('there is nothing to lend');
  });

  test('the service runs as user berth; somebody borrows and returns', async () => {
    const text = fs.readFileSync(inside(CONFIG), 'utf8');
    const changed = text
      .replace('listen: 127.0.0.1:8080', 'listen: 127.0.0.1:0')
      .replace('#simulated: { hosts: 2 }', 'simulated: { hosts: 2 }');
    fs.writeFileSync(inside(CONFIG), changed);
    service = startService();
    await greeting('token create');
    const url = /serves at (\S+);/.exec(said.stdout)?.[1] ?? '';
    const token = /shown once and ends in 24 h: (\S+)/.exec(said.stdout)?.[1] ?? '';
    const env = { BERTH_URL: url, BERTH_TOKEN: token };
    const borrowed = debian.run(['berth', 'borrow', 'gpu_tiny', '--for', '1h', '--name', 'first'], { env });
    expect(borrowed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ssh -p 22 ubuntu@/) });
    const returned = debian.run(['berth', 'return', 'first'], { env });
    expect(returned).toMatchObject({ code: 0, stderr: expect.stringContaining('1 V100 free again') });
    const page = await fetch(`${url}/ui/static/swagger-ui-bundle.js`);
    expect([page.status, (await page.text()).length > 1e6]).toEqual([200, true]);
  }, 120_000);

  test('the doctor examines the cloud', () => {
    const simulated = /simulated cloud is at (\S+);/.exec(said.stdout)?.[1] ?? '';
    const login = { username: 'cyborg', password: 'cyborg', project_name: 'service' };
    const domains = { user_domain_id: 'default', project_domain_id: 'default' };
    const auth = { auth_url: `${simulated}/identity/v3`, ...login, ...domains };
    fs.writeFileSync(inside('etc/berth/clouds.yaml'), JSON.stringify({ clouds: { lab: { auth } } }));
    const env = { OS_CLIENT_CONFIG_FILE: '/etc/berth/clouds.yaml' };
    const examined = debian.run(['berth', 'doctor', '--cloud', 'lab'], { env });
    expect(examined.stderr).toContain('in lab.');
    expect(examined.stderr).not.toContain('Error');
  });

  test('an upgrade keeps the configuration and the leases', async () => {
    expect(await stop()).toBe(0);
    const tree = path.join(folder, 'newer');
    must('dpkg-deb', ['-R', deb, tree]);
    const control = path.join(tree, 'DEBIAN/control');
    fs.writeFileSync(control, fs.readFileSync(control, 'utf8').replace(/^Version: .*$/m, 'Version: 9.0.0-1'));
    must('dpkg-deb', ['--root-owner-group', '-Znone', '-b', tree, path.join(folder, 'newer.deb')]);
    expect(install(path.join(folder, 'newer.deb'))).toMatchObject({ code: 0 });
    expect(fs.readFileSync(inside(CONFIG), 'utf8')).toContain('\nsimulated: { hosts: 2 }');
    said.stdout = '';
    service = startService();
    await greeting('serves at');
    expect(said.stdout).not.toContain('First start');
    expect(await stop()).toBe(0);
  }, 150_000);

  test('removing keeps configuration and store; purging leaves nothing but the user', () => {
    expect(debian.run(['dpkg', '-r', 'berth'])).toMatchObject({ code: 0 });
    expect(fs.existsSync(inside('usr/lib/berth'))).toBe(false);
    expect(fs.existsSync(inside(CONFIG))).toBe(true);
    expect(fs.existsSync(inside('var/lib/berth/berth.sqlite'))).toBe(true);
    fs.rmSync(inside('etc/berth/clouds.yaml'));
    expect(debian.run(['dpkg', '-P', 'berth'])).toMatchObject({ code: 0 });
    for (const gone of ['etc/berth', 'etc/default/berth', 'var/lib/berth', UNIT]) {
      expect([gone, fs.existsSync(inside(gone))]).toEqual([gone, false]);
    }
    expect(debian.run(['getent', 'passwd', 'berth']).code).toBe(0);
  });

  test(
    'the same sources give the same package',
    async () => {
      const again = await buildDeb('x64', { folder: path.join(folder, 'again'), compression: 'none' });
      expect(fs.readFileSync(again).equals(fs.readFileSync(deb))).toBe(true);
    },
    BUILD_MS_MAX,
  );
});

function must(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  expect({ program, status, stderr }).toMatchObject({ status: 0 });
}
