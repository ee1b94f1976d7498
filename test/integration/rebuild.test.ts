/** `berth rebuild` against real servers on one simulated cloud: the second has an empty store. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCliTest, type CliTest } from '../support/cli-io.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';

const WAIT_MS = 60_000;

let first: TestServer;
let second: TestServer | null;
beforeEach(async () => {
  first = await startTestServer();
  second = null;
});
afterEach(async () => {
  await second?.close();
  await first.close();
});

async function adminOf(server: TestServer): Promise<CliTest> {
  return createCliTest({ env: { BERTH_URL: server.url, BERTH_TOKEN: await server.token('admin', 'admin') } });
}

async function ok(cli: CliTest, ...argv: readonly string[]): Promise<string> {
  const code = await cli.run(...argv);
  expect({ code, stderr: cli.stderr() }).toMatchObject({ code: 0 });
  return cli.stdout();
}

type Row = Readonly<Record<string, unknown>>;
const rows = async (cli: CliTest, ...argv: readonly string[]): Promise<readonly Row[]> =>
  JSON.parse(await ok(cli, ...argv, '-f', 'json'));

/** What must be the same afterwards. */
async function leases(cli: CliTest): Promise<readonly Row[]> {
  const columns = ['ID', 'Name', 'State', 'Flavor', 'Host', 'Address', 'Project', 'Owner'];
  const found = await rows(
    cli,
    'lease',
    'list',
    '--all-projects',
    ...columns.flatMap((name) => ['-c', name]),
  );
  return found.toSorted((a, b) => String(a['ID']).localeCompare(String(b['ID'])));
}

/** Everything that Berth has made. */
function made({ cloud }: TestServer): string {
  return JSON.stringify([
    [...cloud.servers.values()],
    [...cloud.ports.values()],
    [...cloud.floatingIps.values()],
  ]);
}

/** Two leases that are active and one on the shelf; then another server with an empty store. */
async function lose(): Promise<{ before: readonly Row[]; cli: CliTest; lost: string }> {
  const admin = await adminOf(first);
  for (const name of ['one', 'two', 'three']) {
    const at = name === 'two' ? ['--at-end', 'delete'] : [];
    await ok(admin, 'borrow', 'gpu_tiny', '--for', '30h', '--name', name, '--project', 'demo', ...at);
  }
  await ok(admin, 'lease', 'shelve', 'three');
  await until(
    () => [...first.engine.world.leases.values()].some(({ state }) => state.kind === 'shelved'),
    'the shelf',
  );
  const before = await leases(admin);
  expect(before).toHaveLength(3);
  const lost = first.engine.world.control.deploymentId;
  first.engine.stop();
  await first.controllers.stop();
  second = await startTestServer({ cloud: first.cloud, deploymentId: 'fresh0000000' });
  return { before, cli: await adminOf(second), lost };
}

describe('an empty store in front of a cloud with marks', { timeout: WAIT_MS }, () => {
  test('gets back what the cloud knows, under its old deployment, and only once', async () => {
    const { before, cli, lost } = await lose();
    const outside = made(first);
    const dry = await rows(cli, 'rebuild', '--dry-run');
    expect(dry.map((row) => row['Result'])).toEqual(Array(3).fill('would be adopted'));
    expect(await leases(cli)).toEqual([]);

    expect(await cli.run('rebuild')).toBe(2);
    expect(cli.stderr()).toContain(`berth rebuild --deployment ${lost}`);
    expect(await leases(cli)).toEqual([]);
    expect(second?.engine.world.control.deploymentId).not.toBe(lost);

    const done = await rows(cli, 'rebuild', '--deployment', lost);
    expect(done.map((row) => row['Result'])).toEqual(Array(3).fill('adopted'));
    expect(await leases(cli)).toEqual(before);
    expect(second?.engine.world.control.deploymentId).toBe(lost);
    expect(made(first)).toBe(outside);
    // Of the 30 hours that the servers tell, nearly all are left.
    const ends = done
      .filter((row) => row['Status'] === 'ACTIVE')
      .map((row) => Date.parse(String(row['Ends'])));
    for (const endMs of ends) expect(endMs - Date.now()).toBeGreaterThan(29.9 * 3_600_000);
    const kept = [...(second?.engine.world.leases.values() ?? [])];
    expect(kept.map(({ name, request }) => `${name} ${request.atEnd}`).toSorted()).toEqual([
      'one shelve',
      'three shelve',
      'two delete',
    ]);

    expect(await rows(cli, 'rebuild')).toEqual([]);
    expect(await leases(cli)).toEqual(before);
  });

  test('what is back can be used: the shelved one comes back, all go at their end', async () => {
    const { cli, lost } = await lose();
    await ok(cli, 'rebuild', '--deployment', lost, '--for', '2h');
    await second?.engine.command('test', { type: 'service.mode', mode: { kind: 'act' } });
    await ok(cli, 'lease', 'unshelve', 'three');
    const state = (name: string): string | undefined =>
      [...(second?.engine.world.leases.values() ?? [])].find((lease) => lease.name === name)?.state.kind;
    await until(() => state('three') === 'active', 'the shelved one to be back');
    for (const name of ['one', 'two', 'three']) await ok(cli, 'return', name);
    await until(() => second?.engine.world.leases.size === 0, 'all to end');
    const { servers, ports, floatingIps } = first.cloud;
    expect([...servers.values()].filter(({ vmState }) => vmState !== 'deleted')).toEqual([]);
    expect([ports.size, floatingIps.size]).toEqual([0, 0]);
  });

  test('what cannot be taken is left, with the reason', async () => {
    const { cli, lost } = await lose();
    for (const server of first.cloud.servers.values()) {
      if (server.name === 'one') Object.assign(server, { vmState: 'stopped' });
      if (server.name === 'two') Object.assign(server.metadata, { berth_duration_s: 'long' });
    }
    const shows = async (): Promise<boolean> => (
      await cli.run('adopt', '-f', 'value', '-c', 'Status'),
      cli.stdout().includes('SHUTOFF')
    );
    await until(shows, 'the cloud to be looked at again');
    expect(await cli.run('rebuild', '--deployment', lost, '-f', 'json')).toBe(1);
    const results = (JSON.parse(cli.stdout()) as readonly Row[]).map(
      (row) => `${String(row['Name'])}: ${String(row['Why'])}`,
    );
    expect(results.toSorted()).toEqual([
      'one: it is SHUTOFF: start it (`openstack server start`), and repeat',
      'three: ',
      'two: it does not say for how long it was lent: give --for',
    ]);
    expect(cli.stderr()).toContain('3 servers found, 1 adopted, 2 left');
    expect(await cli.run('rebuild', '--deployment', lost, '--for', '2h')).toBe(1);
    expect(second?.engine.world.leases.size).toBe(2);
  });

  test('of several deployments one has to be named, and a store in use takes over none', async () => {
    const { cli, lost } = await lose();
    const [one] = first.cloud.servers.values();
    if (one === undefined) throw new Error('there are servers');
    Object.assign(one, { tags: one.tags.map((tag) => tag.replace(lost, 'another00000')) });
    await until(async () => {
      await cli.run('adopt', '-f', 'value', '-c', 'Deployment');
      return cli.stdout().includes('another');
    }, 'the cloud to be looked at again');
    expect(await cli.run('rebuild')).toBe(2);
    expect(cli.stderr()).toContain('several deployments');
    await ok(cli, 'rebuild', '--deployment', lost);
    expect(await cli.run('rebuild', '--deployment', 'another00000')).toBe(1);
    expect(cli.stderr()).toContain('has known leases');
  });
});
