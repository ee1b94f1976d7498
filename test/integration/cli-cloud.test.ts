/** The command line with a clouds.yaml, against a simulated cloud that listens. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createPrng } from '../../src/base/prng.ts';
import { createCloudLogins } from '../../src/main/cloud-login.ts';
import { listenSimCloud, type SimListener } from '../../src/sim/listen.ts';
import { createCliTest, type CliTest } from '../support/cli-io.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';
import { keystoneLogin } from '../support/keystone-login.ts';

const SECRET = 'not-the-password';
let server: TestServer;
let keystone: SimListener;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  const own = { host: '127.0.0.1', port: 0, clock: systemClock, prng: createPrng(3) };
  keystone = await listenSimCloud(server.cloud, own);
  folder = mkdtempSync(join(tmpdir(), 'berth-clouds-'));
  const cloud = (user: string, project: string, password = user, url = `${keystone.url}/identity`): string =>
    `{auth: {auth_url: '${url}', username: ${user}, password: ${password}, project_name: ${project}, ` +
    `user_domain_name: Default, project_domain_name: Default}}`;
  const clouds = [
    `demo: ${cloud('demo', 'demo')}`,
    `wrong: ${cloud('demo', 'demo', SECRET)}`,
    `other: ${cloud('demo', 'lab2')}`,
    `away: ${cloud('demo', 'demo', 'demo', 'http://127.0.0.1:9/v3')}`,
    `nothing: ${cloud('demo', 'demo', 'demo', keystone.url)}`,
    'typo: {auth: {auth_url: http://127.0.0.1:9, username: demo, pasword: x, project_name: demo}}',
  ];
  writeFileSync(join(folder, 'clouds.yaml'), `clouds:\n${clouds.map((line) => `  ${line}\n`).join('')}`);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await keystone.close();
  await server.close();
});

function cliWith(env: Readonly<Record<string, string>>): CliTest {
  const own = { ...env, XDG_CONFIG_HOME: folder, HOME: folder };
  const clouds = createCloudLogins({ env: own, folder, clock: systemClock });
  return createCliTest({ env: { ...own, BERTH_URL: server.url }, clouds });
}

async function actor(cli: CliTest, ...argv: readonly string[]): Promise<unknown> {
  const code = await cli.run(...argv, 'status', '-f', 'json');
  expect({ code, stderr: cli.stderr() }).toMatchObject({ code: 0 });
  return JSON.parse(cli.stdout()).actor;
}

test('who names a cloud borrows as its user, and the lease shows the name of the project', async () => {
  const cli = cliWith({ OS_CLOUD: 'demo' });
  expect(await actor(cli)).toMatchObject({ user_name: 'demo', project_name: 'demo', role: 'member' });
  expect(await cli.run('borrow', 'gpu_tiny', '--for', '1h', '--name', 'mine')).toBe(0);
  expect(cli.stdout()).toMatch(/^ssh /);
  expect(await cli.run('lease', 'show', 'mine', '-f', 'json')).toBe(0);
  expect(JSON.parse(cli.stdout())).toMatchObject({ name: 'mine', project_name: 'demo' });
  expect(await cli.run('return', 'mine')).toBe(0);
});

test('--os-cloud, BERTH_TOKEN, and OS_CLOUD: the first that is given counts', async () => {
  const secret = await server.token('reader', 'ml', undefined, 'ada');
  expect(await actor(cliWith({ OS_CLOUD: 'wrong' }), '--os-cloud', 'demo')).toMatchObject({ role: 'member' });
  const both = cliWith({ OS_CLOUD: 'demo', BERTH_TOKEN: secret });
  expect(await actor(both)).toMatchObject({ user_name: 'ada', role: 'reader' });
  expect(await actor(both, '--os-cloud', 'demo')).toMatchObject({ user_name: 'demo' });
  expect(await both.run('status', '--os-cloud', 'demo', '--token', secret)).toBe(2);
  expect(both.stderr()).toContain('--token and --os-cloud are both given');
});

test('OS_* describe a cloud without a file, also with a token alone', async () => {
  const described = {
    OS_AUTH_URL: `${keystone.url}/identity/v3`,
    OS_USERNAME: 'demo',
    OS_PASSWORD: 'demo',
    OS_PROJECT_NAME: 'demo',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
  };
  expect(await actor(cliWith(described))).toMatchObject({ user_name: 'demo' });
  const token = await keystoneLogin(server.simFetch, 'demo');
  const alone = cliWith({ OS_AUTH_URL: described.OS_AUTH_URL, OS_TOKEN: token });
  expect(await actor(alone)).toMatchObject({ user_name: 'demo' });
  const ended = cliWith({ OS_AUTH_URL: described.OS_AUTH_URL, OS_TOKEN: 'gAAAAAended' });
  expect(await ended.run('status')).toBe(4);
  expect(ended.stderr()).toContain('unknown to Berth and to sim, or revoked');
});

test.each([
  ['wrong', 4, 'Keystone does not accept the user demo with this password'],
  ['other', 4, 'not good for the project lab2.\nChoose one of yours: demo'],
  ['away', 3, 'cannot be reached'],
  ['nothing', 1, 'no token from'],
  ['typo', 2, 'pasword'],
  ['absent', 2, 'absent'],
])('the cloud %s fails with %i and its own text', async (cloud, code, text) => {
  const cli = cliWith({ OS_CLOUD: cloud });
  expect(await cli.run('status')).toBe(code);
  const said = cli.stderr();
  expect(said).toContain(text);
  expect(said).not.toContain(SECRET);
  expect(said.split('\n')).toHaveLength(3);
});

test('a clouds.yaml that lies around is mentioned, not used', async () => {
  const cli = cliWith({});
  expect(await cli.run('status')).toBe(4);
  expect(cli.stderr()).toContain('clouds.yaml (demo, wrong, other, away, nothing, typo): OS_CLOUD=demo.');
});
