/** The real cloud that other tests stand on: it serves, its faults act and end, its guests answer. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/process.ts';
import {
  REAL_CLOUD_START_MS_MAX,
  startRealCloud,
  whyNoRealCloud,
  type RealCloud,
} from '../support/real-cloud.ts';

const execute = promisify(execFile);
const reason = whyNoRealCloud();
if (reason !== null) console.warn(`no real OpenStack here: it ${reason}`);

describe.skipIf(reason !== null)('a real OpenStack', () => {
  let cloud: RealCloud;
  let scratch: string;

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'berth-cloud-'));
    cloud = await startRealCloud();
  }, REAL_CLOUD_START_MS_MAX);

  afterAll(async () => {
    rmSync(scratch, { recursive: true, force: true });
    await cloud.release();
  });

  test('admits the users of its clouds.yaml', async () => {
    const issued = await cloud.openstack('demo', 'token', 'issue', '-f', 'value', '-c', 'id');
    expect(issued.trim()).toMatch(/^gAAAA/);
    expect(cloud.cloud('demo').auth.project_name).toBe('demo');
    expect(() => cloud.cloud('nobody')).toThrow('no cloud nobody');
  });

  test('faults act at once and end when cleared', async () => {
    const url = cloud.cloud('demo').auth.auth_url;
    await cloud.faults('keystone', [{ path: '^/v3', status: 503 }]);
    expect((await fetch(url)).status).toBe(503);
    await cloud.clearFaults();
    expect((await fetch(url)).status).toBe(200);
  });

  test('the guest of a server answers SSH until the server goes', { timeout: 120_000 }, async () => {
    const key = join(scratch, 'key');
    await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const userData = join(scratch, 'user-data');
    const config = { user: 'borrower', ssh_authorized_keys: [readFileSync(`${key}.pub`, 'utf8')] };
    writeFileSync(userData, `#cloud-config\n${JSON.stringify(config)}\n`);
    const name = `cloud-test-${process.pid}`;
    const server = ['server', 'create', name, '--flavor', 'ci_medium', '--image', 'ubuntu-22.04-cuda'];
    await cloud.openstack('demo', ...server, '--network', 'private', '--user-data', userData, '--wait');
    const floating = ['floating', 'ip', 'create', 'public', '-f', 'value', '-c', 'floating_ip_address'];
    const address = (await cloud.openstack('demo', ...floating)).trim();
    try {
      await cloud.openstack('demo', 'server', 'add', 'floating', 'ip', name, address);
      const hostname = (): Promise<string> => inGuest(key, `borrower@${address}`, 'hostname');
      let said = '';
      await eventually(
        'SSH',
        20_000,
        async () => (said = await hostname()) === name,
        () => said,
      );
      await cloud.openstack('demo', 'server', 'delete', '--wait', name);
      await eventually(
        'no SSH',
        5000,
        async () => (said = await hostname()) !== name,
        () => said,
      );
      expect(said).toMatch(/No route to host/);
    } finally {
      await cloud.openstack('demo', 'floating', 'ip', 'delete', address);
    }
  });
});

/** What a command prints in the guest, or why it cannot be run there. */
async function inGuest(key: string, login: string, command: string): Promise<string> {
  const options = ['BatchMode=yes', 'ConnectTimeout=2', 'StrictHostKeyChecking=no', 'LogLevel=ERROR'];
  const flags = [...options, 'UserKnownHostsFile=/dev/null'].flatMap((option) => ['-o', option]);
  try {
    const { stdout } = await execute('ssh', ['-F', 'none', '-i', key, ...flags, login, command]);
    return stdout.trim();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
