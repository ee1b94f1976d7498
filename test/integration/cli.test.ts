import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCliTest, type CliTest } from '../support/cli-io.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';

/** Two hosts with two V100 each. */
const GPUS = 4;
const FLAVOR = 'gpu_tiny';

let server: TestServer;
let cli: CliTest;

beforeEach(async () => {
  server = await startTestServer();
  cli = await cliAs('member');
});

afterEach(() => server.close());

async function cliAs(role: 'reader' | 'member' | 'manager' | 'admin', project = 'ml'): Promise<CliTest> {
  return createCliTest({ env: { BERTH_URL: server.url, BERTH_TOKEN: await server.token(role, project) } });
}

/** The output of a command that has to succeed. */
async function ok(who: CliTest, ...argv: string[]): Promise<string> {
  const code = await who.run(...argv);
  const stderr = who.stderr();
  expect({ argv, code, stderr }).toMatchObject({ argv, code: 0 });
  return who.stdout();
}

async function list(who: CliTest, ...argv: string[]): Promise<Record<string, unknown>[]> {
  return JSON.parse(await ok(who, ...argv, '-f', 'json'));
}

async function availableNow(): Promise<unknown> {
  const flavors = await list(cli, 'flavor', 'list');
  return flavors.find((flavor) => flavor['Name'] === FLAVOR)?.['Available'];
}

test('borrow waits until ready, prints the ssh line alone, and return frees the GPU', async () => {
  expect(await availableNow()).toBe(GPUS);
  expect(await cli.run('borrow', FLAVOR, '--for', '1h', '--name', 'training')).toBe(0);
  expect(cli.stdout()).toMatch(/^ssh -p 22 ubuntu@[\d.]+\n$/);
  const told = cli.stderr();
  expect(told).toContain('No SSH public key');
  expect(told).toMatch(/Ready after .+: \w{8} \(training\) on .+, ends in /);
  const id = /berth return (\w{8})/.exec(told)?.[1] ?? '';
  expect(told).toContain(`Log in with: berth ssh ${id}`);
  expect(await availableNow()).toBe(GPUS - 1);
  expect(await list(cli, 'lease', 'list')).toMatchObject([
    { Name: 'training', State: 'active', Flavor: FLAVOR },
  ]);
  expect(await ok(cli, 'lease', 'show', id, '-f', 'value', '-c', 'ssh')).toMatch(/^ssh /);

  expect(await cli.run('return', id)).toBe(0);
  expect(cli.stderr()).toContain('(training) is given back; 1 V100 free again.');
  expect(await availableNow()).toBe(GPUS);
  expect(await list(cli, 'lease', 'list', '--ended')).toMatchObject([{ Name: 'training', State: 'ended' }]);
});

test('Ctrl-C while waiting cancels the request; with --keep it stays', async () => {
  await ok(cli, 'lease', 'create', FLAVOR, '--for', '1h', '--count', String(GPUS));
  const waiting = cli.run('borrow', FLAVOR, '--for', '1h', '--name', 'late');
  await cli.said('number 1 in the queue');
  cli.interrupt();
  expect(await waiting).toBe(130);
  expect(cli.stderr()).toMatch(/the request \w{8} \(late\) is cancelled/);
  expect(cli.stdout()).toBe('');
  expect(await list(cli, 'queue', 'list')).toEqual([]);

  const kept = cli.run('borrow', FLAVOR, '--for', '1h', '--name', 'later', '--keep');
  await cli.said('number 1 in the queue');
  cli.interrupt();
  expect(await kept).toBe(130);
  expect(await list(cli, 'queue', 'list')).toMatchObject([{ '#': 1, Flavor: FLAVOR }]);
});

test('one who waits is told the place and the reason, and gets in when a GPU is given back', async () => {
  await ok(cli, 'lease', 'create', FLAVOR, '--for', '1h', '--count', String(GPUS));
  await until(
    async () => (await list(cli, 'lease', 'list')).every((lease) => lease['State'] === 'active'),
    'all to start',
  );
  const other = await cliAs('member');
  const waiting = other.run('borrow', FLAVOR, '--for', '1h');
  await other.said('number 1 in the queue, expected to start in');
  expect(await ok(cli, 'explain', FLAVOR)).toMatch(/^gpu_tiny would not start now\. It could start in /);
  const [first] = await list(cli, 'lease', 'list');
  await ok(cli, 'return', String(first?.['ID']));
  expect(await waiting).toBe(0);
  expect(other.stdout()).toMatch(/^ssh /);
});

test('--detach answers at once with the id; now-or-never is refused where nothing is free', async () => {
  const id = (await ok(cli, 'borrow', FLAVOR, '--for', '1h', '--detach')).trim();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  await ok(cli, 'lease', 'create', FLAVOR, '--for', '1h', '--count', String(GPUS - 1));
  expect(await cli.run('borrow', FLAVOR, '--for', '1h', '--wait', 'no')).toBe(1);
  expect(cli.stderr()).toMatch(/Error: .+\n.+\n$/);
  expect(cli.stdout()).toBe('');

  await ok(cli, 'lease', 'create', FLAVOR, '--for', '1h', '--name', 'queued');
  expect(await cli.run('return', 'queued')).toBe(0);
  expect(cli.stderr()).toContain('(queued) is cancelled; it held no GPU.');
});

test('who returns a lease while the service is frozen is told why nothing happens', async () => {
  const admin = await cliAs('admin');
  const id = (await ok(cli, 'borrow', FLAVOR, '--for', '1h', '--detach')).trim();
  await until(
    async () => (await list(cli, 'lease', 'list')).some((lease) => lease['State'] === 'active'),
    'the start',
  );
  await ok(admin, 'freeze', 'looking');
  const returning = cli.run('return', id);
  await cli.said('The service is frozen (looking): machines are taken away after the thaw.');
  await ok(admin, 'thaw');
  expect(await returning).toBe(0);
});

test('a window in the past is refused', async () => {
  expect(await cli.run('borrow', FLAVOR, '--for', '1h', '--from', '2020-01-01T00:00:00Z')).toBe(1);
  expect(cli.stderr()).toContain('which is not after now');
});

test('a lease is extended, shelved, brought back, and deleted', async () => {
  await ok(cli, 'borrow', FLAVOR, '--for', '1h');
  const [lease] = await list(cli, 'lease', 'list');
  const id = String(lease?.['ID']);
  const stateIs = (state: string) => async (): Promise<boolean> =>
    (await ok(cli, 'lease', 'show', id, '-f', 'value', '-c', 'state')) === `${state}\n`;

  await ok(cli, 'lease', 'extend', id, '--for', '2h');
  const [longer] = await list(cli, 'lease', 'list');
  expect(Date.parse(String(longer?.['Ends'])) - Date.parse(String(lease?.['Ends']))).toBe(7_200_000);
  await ok(cli, 'lease', 'shelve', id);
  await until(stateIs('shelved'), 'the shelf');
  await ok(cli, 'lease', 'unshelve', id, '--for', '30m');
  await until(stateIs('active'), 'the way back');
  await ok(cli, 'lease', 'delete', id);
  await until(stateIs('ended'), 'the end');
});

test('operators drain hosts, freeze the service, set limits, and make tokens; others may not', async () => {
  const admin = await cliAs('admin');
  const [host] = await list(admin, 'host', 'list');
  const name = String(host?.['Name']);
  await ok(admin, 'host', 'drain', name, '--reason', 'driver update', '--until', '+2h');
  expect(await list(admin, 'host', 'list')).toMatchObject([{ Name: name, Reason: 'driver update' }, {}]);
  await ok(admin, 'host', 'undrain', name);
  await ok(admin, 'freeze', 'looking', 'into', 'it');
  expect(JSON.parse(await ok(admin, 'status', '-f', 'json'))).toMatchObject({
    frozen: { reason: 'looking into it' },
  });
  await ok(admin, 'thaw');

  await ok(admin, 'project', 'set', 'ml', '--gpus', '8');
  await ok(admin, 'project', 'set', 'ml', '--leases', '3', '--gpus', 'V100=4', '--gpu-hours', '500');
  expect(await list(admin, 'project', 'list')).toContainEqual({
    ID: 'ml',
    Name: 'ml',
    GPUs: 8,
    'GPUs By Class': { V100: 4 },
    Leases: 3,
    'GPU Hours': 500,
    Longest: null,
    Granted: [],
  });
  const secret = (
    await ok(admin, 'token', 'create', '--name', 'ada', '--project', 'ml', '-f', 'value', '-c', 'secret')
  ).trim();
  const ada = createCliTest({ env: { BERTH_URL: server.url, BERTH_TOKEN: secret } });
  expect(JSON.parse(await ok(ada, 'status', '-f', 'json'))).toMatchObject({
    actor: { user_id: 'ada', role: 'member' },
  });
  expect(await ok(admin, 'finding', 'list', '-f', 'json')).toBe('[]\n');
  expect(await ok(admin, 'adopt')).toBe('');

  expect(await ada.run('freeze', 'no')).toBe(4);
  const [token] = (await list(admin, 'token', 'list')).filter((each) => each['Name'] === 'ada');
  await ok(admin, 'token', 'revoke', String(token?.['ID']));
  expect(await ada.run('status')).toBe(4);
});

test('limits of one user are never taken for those of the project, and are never left out', async () => {
  const admin = await cliAs('admin');
  const set = (...more: string[]): Promise<number> => admin.run('project', 'set', 'ml', ...more);
  const refusals: readonly (readonly [string, string])[] = [
    ['--user ada --gpus 3', 'Use --user-gpus for this user, or --gpus in a call without --user.'],
    ['--user ada --user-gpus 2 --max-duration 3d', '--max-duration limits the whole project'],
    ['--user ada --gpus V100=3', '--gpus limits the whole project'],
    ['--user ada', 'Add one, such as --user-gpus 2, or --like-others.'],
    ['--user ada --like-others --user-leases 2', '--like-others would take --user-leases away again'],
    ['--like-others', 'Name the user with --user ID.'],
  ];
  for (const [options, told] of refusals) {
    expect([options, await set(...options.split(' '))]).toEqual([options, 2]);
    expect(admin.stderr()).toContain(told);
  }
  expect((await list(admin, 'project', 'list')).map(({ Name }) => Name)).not.toContain('ml');
  await ok(admin, 'project', 'set', 'ml', '--user', 'ada', '--user-gpus', '3');
  const { users, gpus } = JSON.parse(
    await ok(admin, 'project', 'set', 'ml', '--user', 'bob', '--user-leases', '1', '-f', 'json'),
  );
  expect([users, gpus]).toEqual([['ada: {"gpus":3}', 'bob: {"leases":1}'], null]);
});

test('events are listed, and followed until Ctrl-C', async () => {
  const id = (await ok(cli, 'borrow', FLAVOR, '--for', '1h', '--detach')).trim();
  expect(
    await list(cli, 'event', 'list', '--lease', id.slice(0, 8), '--type', 'lease.requested'),
  ).toHaveLength(1);
  const following = cli.run('event', 'list', '--follow', '--lease', id);
  const lines: string[] = [];
  await until(() => {
    lines.push(cli.stdout());
    return lines.join('').includes('starting → active');
  }, 'the event of the start');
  cli.interrupt();
  expect(await following).toBe(130);
});
