/** Usage and limits through the doors: real HTTP, and the command line as people type it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { createCliTest } from '../support/cli-io.ts';
import { startTestServer, until } from '../support/engine.ts';

let server: Awaited<ReturnType<typeof startTestServer>>;
let flavor: string;
let gpuClass: string;

beforeAll(async () => {
  server = await startTestServer();
  const { flavors } = await (await clientAs('admin', 'admin')).listFlavors();
  const single = flavors.find(({ available, gpus }) => (available ?? 0) > 2 && Object.values(gpus)[0] === 1);
  flavor = single?.name ?? '';
  gpuClass = Object.keys(single?.gpus ?? {})[0] ?? '';
});

afterAll(() => server.close());

type Role = Parameters<typeof server.token>[0];

async function clientAs(role: Role, project: string, name?: string): Promise<Client> {
  const token = await server.token(role, project, undefined, name);
  // A thousand requests share one process with the server, on whatever machine this runs.
  return createClient({ baseUrl: server.url, token, timeoutMs: 10 * 60_000 });
}

async function use(client: Client, purpose: 'interactive' | 'ci'): Promise<string> {
  const { lease } = await client.createLease({ flavor, duration: '1h', at_end: 'delete', purpose });
  const id = lease?.id ?? '';
  await until(async () => (await client.getLease(id)).lease.state === 'active', 'the lease to be active');
  await client.releaseLease(id);
  await until(async () => (await client.getLease(id)).lease.state === 'ended', 'the lease to end');
  return id;
}

test('a report is the sum of the leases and of what the events say', { timeout: 60_000 }, async () => {
  const ada = await clientAs('member', 'demo', 'ada');
  const bob = await clientAs('member', 'demo', 'bob');
  const ids = [await use(ada, 'interactive'), await use(ada, 'ci'), await use(bob, 'ci')];
  const { events } = await ada.listEvents({ limit: 1000 });
  const told = events.map(({ data }) => data as { readonly usage?: { readonly gpu_ms: number } });
  const toldMs = told.reduce((sum, { usage }) => sum + (usage?.gpu_ms ?? 0), 0);
  const books = await Promise.all(ids.map((id) => server.engine.readLease(asId(id))));
  const bookedMs = books.reduce((sum, lease) => sum + (lease?.usedDeviceMs ?? 0), 0);
  expect(bookedMs).toBeGreaterThan(0);
  expect(toldMs).toBe(bookedMs);

  const { usage } = await ada.getUsage({ group_by: 'user,class,purpose' });
  expect(usage.rows.map(({ owner_id, class: of, purpose }) => [owner_id, of, purpose])).toEqual([
    ['ada', gpuClass, 'ci'],
    ['ada', gpuClass, 'interactive'],
    ['bob', gpuClass, 'ci'],
  ]);
  expect(usage.total.gpu_seconds).toBe(Math.round(bookedMs / 1000));
  const month = new Date(server.engine.nowMs()).toISOString().slice(0, 7);
  expect(usage).toMatchObject({ from: `${month}-01T00:00:00Z`, zone: 'UTC' });
  const byDay = await ada.getUsage({ group_by: 'day', user: 'bob', zone: 'Pacific/Kiritimati' });
  expect(byDay.usage.rows).toHaveLength(1);
  expect(byDay.usage.from).toMatch(/T10:00:00Z$/);
  expect((await ada.getUsage({ from: '2020-01-01', to: '2020-02-01' })).usage.rows).toEqual([]);
});

test('what is held still counts up to now', async () => {
  const eve = await clientAs('member', 'lab2', 'eve');
  const { lease } = await eve.createLease({ flavor, duration: '1h', at_end: 'delete' });
  const id = lease?.id ?? '';
  const seconds = async (): Promise<number> =>
    (await eve.getUsage({ group_by: 'project,user' })).usage.rows.reduce(
      (sum, row) => sum + row.gpu_hours,
      0,
    );
  await until(async () => (await seconds()) > 0, 'the lease to use something');
  const before = await seconds();
  await until(async () => (await seconds()) > before, 'it to use more');
  await eve.releaseLease(id);
});

test('a project is seen by its own members and by admins', async () => {
  const eve = await clientAs('member', 'lab2', 'eve');
  await expect(eve.getUsage({ project: 'demo' })).rejects.toMatchObject({ status: 404, code: 'not_found' });
  const { usage } = await eve.getUsage({ group_by: 'project' });
  expect(usage.rows.map(({ project_id }) => project_id)).toEqual(['lab2']);
  const admin = await clientAs('admin', 'admin');
  const all = await admin.getUsage({ group_by: 'project' });
  expect(all.usage.rows.map(({ project_id }) => project_id)).toEqual(['demo', 'lab2']);
});

test('questions that make no sense are refused with what to write instead', async () => {
  const client = await clientAs('reader', 'demo');
  const refusal = (query: Parameters<Client['getUsage']>[0]) =>
    client.getUsage(query).then(
      () => null,
      ({ code, field }: { readonly code: string; readonly field: string }) => `${code} ${field}`,
    );
  expect(await refusal({ from: '2026-11-31' })).toBe('malformed_time from');
  expect(await refusal({ from: '2026-11-02', to: '2026-11-02' })).toBe('invalid to');
  expect(await refusal({ group_by: 'day,month' })).toBe('invalid group_by');
  expect(await refusal({ group_by: 'day', from: '2024-01-01', to: '2026-01-01' })).toBe('invalid from');
  expect(await refusal({ zone: 'Europe/Bonn' })).toBe('invalid_field zone');
  expect(await refusal({ group_by: 'team' })).toBe('invalid_field group_by.0');
});

test('the command line shows the sum under its table, and only there', async () => {
  const cli = createCliTest({
    env: { BERTH_URL: server.url, BERTH_TOKEN: await server.token('reader', 'demo', undefined, 'ada') },
  });
  expect(await cli.run('usage', 'show', '--by', 'user,purpose', '--from', '-7d', '--to', 'now')).toBe(0);
  const table = cli.stdout();
  expect(table).toMatch(/User .*Purpose .*GPU Seconds .*GPU Hours/);
  expect(table).toMatch(/Total/);
  cli.stderr();
  expect(await cli.run('usage', 'show', '--by', 'user', '-f', 'csv')).toBe(0);
  expect(cli.stdout().split('\n').slice(0, 3)).toEqual([
    '"User","GPU Seconds","GPU Hours"',
    expect.stringMatching(/^"ada",\d+,[\d.e-]+$/),
    expect.stringMatching(/^"bob",\d+,[\d.e-]+$/),
  ]);
  cli.stderr();
  expect(await cli.run('usage', 'show', '--by', 'users')).toBe(2);
  expect(cli.stderr()).toContain("Did you mean 'user'?");
  expect(await cli.run('usage', 'show', '--zone', 'Mars')).toBe(2);
  expect(cli.stderr()).toContain("--zone: 'Mars' is no time zone");
  for (const [from, to] of [
    ['2026-11-02', '2026-11-01'],
    ['-1d', '-2d'],
    ['-1d', '-1d'],
  ] as const) {
    expect(await cli.run('usage', 'show', '--from', from, '--to', to)).toBe(2);
    expect(cli.stderr()).toMatch(/--to: \S+ is not after --from/);
  }
});

/** What a thousand requests at once are answered: by code, or `ok`. */
async function atOnce(client: Client, wait: 'no' | null): Promise<Readonly<Record<string, number>>> {
  const answers = await Promise.all(
    Array.from({ length: 1000 }, () =>
      client.createLease({ flavor, duration: '1h', at_end: 'delete', wait }).then(
        () => 'ok',
        ({ code }: { readonly code: string }) => code,
      ),
    ),
  );
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

test(
  'of a thousand requests at once a limit lets through as many as it says',
  { timeout: 600_000 },
  async () => {
    const admin = await clientAs('admin', 'admin');
    await admin.putProject('crowd', {
      limits: { gpus_by_class: { [gpuClass]: 2 } },
      per_user: { queued: 10 },
    });
    const client = await clientAs('member', 'crowd', 'many');
    expect(await atOnce(client, 'no')).toEqual({ ok: 2, quota_exceeded: 998 });
    await admin.freeze({ reason: 'everybody waits' });
    expect(await atOnce(client, null)).toEqual({ ok: 10, quota_exceeded: 990 });
    const { use: taken, project } = await client.getProject('crowd');
    expect(project.limits.gpus_by_class).toEqual({ [gpuClass]: 2 });
    expect(taken.project).toMatchObject({ gpus: 2, gpus_by_class: { [gpuClass]: 2 }, leases: 2, queued: 10 });
    expect(taken.user).toMatchObject({ gpus: 2, queued: 10 });
    await admin.thaw();
  },
);

test('an administrator passes a limit with a reason, others may not', async () => {
  const admin = await clientAs('admin', 'admin');
  await admin.putProject('closed', { limits: { gpus: 0 } });
  const body = { flavor, duration: '1h', at_end: 'delete', project_id: 'closed' } as const;
  await expect(admin.createLease(body)).rejects.toMatchObject({ code: 'quota_exceeded' });
  const manager = await clientAs('manager', 'closed');
  const override = { ...body, override_limits: 'deadline of the paper' };
  await expect(manager.createLease(override)).rejects.toMatchObject({ code: 'forbidden' });
  const { lease } = await admin.createLease(override);
  const { events } = await admin.listEvents({ lease: lease?.id ?? '', type: 'lease.limits_overridden' });
  expect(events).toMatchObject([{ reason: 'deadline of the paper', actor: 'user:admin-admin@admin' }]);
});
