/** Borrowing on a real OpenStack as its users do it: with the command line, from the first look to the return. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { LeaseJson } from '../../src/api/leases.ts';
import { eventually } from '../support/process.ts';
import { counts, ofBerth, ofLease, type RealApi, type RealServer } from '../support/real-api.ts';
import {
  REAL_CLOUD_START_MS_MAX,
  startRealCloud,
  whyNoRealCloud,
  type RealCloud,
} from '../support/real-cloud.ts';
import { RealSite, type Serving, type ServeSetup } from '../support/real-site.ts';

const reason = whyNoRealCloud();
if (reason !== null) console.warn(`no real OpenStack here: it ${reason}`);

const SETTLE_MS_MAX = 60_000;
/** Looks cost the cloud as much as the work that is waited for. */
const LOOK_MS = 500;

describe.skipIf(reason !== null)('borrowing on a real OpenStack', { timeout: 300_000 }, () => {
  let cloud: RealCloud;
  let site: RealSite;
  let admin: RealApi;
  let demo: RealApi;
  let lab2: RealApi;
  let serving: Serving | null = null;

  beforeAll(async () => {
    cloud = await startRealCloud();
    site = await RealSite.open(cloud);
    admin = site.admin;
    demo = await site.logIn('demo');
    lab2 = await site.logIn('lab2');
  }, REAL_CLOUD_START_MS_MAX);

  afterEach(async () => {
    await serving?.end('SIGTERM');
    site.loseData();
    expect(counts(ofBerth(await admin.outside()))).toEqual([0, 0, 0]);
  });

  afterAll(async () => {
    await site.remove();
    await cloud.release();
  });

  async function serve(setup: ServeSetup = {}): Promise<void> {
    serving = await site.serve(setup);
  }

  async function lease(id: string): Promise<LeaseJson> {
    return (await site.client(admin).getLease(id)).lease;
  }

  async function reaches(id: string, state: LeaseJson['state']): Promise<void> {
    const isThere = async (): Promise<boolean> => (await lease(id)).state === state;
    await eventually(`${id} to be ${state}`, SETTLE_MS_MAX, isThere, () => lease(id), LOOK_MS);
  }

  /** The server of a lease; there is one. */
  async function serverOf(id: string): Promise<RealServer> {
    const { servers } = ofLease(await admin.outside(), id);
    expect(servers).toHaveLength(1);
    return servers[0]!;
  }

  async function borrowed(as: string, name: string, ...args: readonly string[]): Promise<string> {
    const key = ['--key', `${site.key}.pub`];
    const ssh = await site.out(as, 'borrow', 'gpu_tiny', '--for', '1h', '--name', name, ...key, ...args);
    expect(ssh).toMatch(/^ssh /);
    const rows = (await site.out(as, 'lease', 'list', '-f', 'value', '-c', 'ID', '-c', 'Name')).split('\n');
    const id = rows.find((row) => row.endsWith(` ${name}`))?.split(' ')[0] ?? '';
    expect(await hostname(as, id)).toBe(name);
    return id;
  }

  function hostname(as: string, id: string): Promise<string> {
    return site.out(as, 'ssh', id, '--identity', site.key, '--', 'hostname');
  }

  test('counts what others use, hands out, queues, and serves the next by itself', async () => {
    const plain = await bootPlain(demo);
    try {
      await serve();
      const { flavors } = reportSchema.parse(await (await fetch(`${site.url}/gpus/flavors`)).json());
      const report = (name: string): unknown => {
        const found = flavors.find((flavor) => flavor.flavor_name === name);
        return found && [found.total, found.available];
      };
      expect(report('de.NBI GPU V100 medium')).toEqual([4, 3]);
      expect(report('de.NBI GPU V100 large')).toEqual([4, 3]);
      expect(report('de.NBI 2 GPU V100 large')).toEqual([2, 1]);

      await site.out('admin', 'project', 'add', 'demo');
      await site.out('admin', 'project', 'add', 'lab2');
      const first = await borrowed('demo', 'first');
      expect(await serverOf(first)).toMatchObject({
        tenant_id: demo.projectId,
        user_id: admin.userId,
        name: 'first',
      });
      const others = [
        await site.borrow('demo', 'gpu_tiny', '--for', '1h'),
        await site.borrow('demo', 'gpu_medium', '--for', '1h'),
      ];
      for (const id of others) await reaches(id, 'active');
      const next = await site.borrow('demo', 'gpu_tiny', '--for', '1h', '--name', 'next');
      expect(await lease(next)).toMatchObject({ state: 'queued', position: 1 });
      expect((await lease(next)).forecast_at).not.toBeNull();
      const last = await site.borrow('lab2', 'gpu_tiny', '--for', '1h', '--name', 'last');
      expect(await lease(last)).toMatchObject({ state: 'queued', position: 2 });
      expect(await site.out('lab2', 'lease', 'list', '-f', 'value', '-c', 'ID')).toBe(last);
      const hidden = await site.berth('lab2', 'lease', 'show', first);
      expect(hidden).toMatchObject({ code: 1, stderr: expect.stringContaining('no lease') });

      await site.out('demo', 'return', first);
      expect(counts(ofLease(await admin.outside(), first))).toEqual([0, 0, 0]);
      await reaches(next, 'active');
      await site.out('demo', 'return', next);
      await reaches(last, 'active');
      expect(await serverOf(last)).toMatchObject({ tenant_id: lab2.projectId });
      expect(await hostname('lab2', last)).toBe('last');
      await site.out('demo', 'return', ...others);
      await site.out('lab2', 'return', last);
    } finally {
      await demo.call('compute', 'DELETE', `/servers/${plain}`);
    }
  });

  test('ends on time: deleted, or on the shelf and back with the same address', async () => {
    await serve();
    await site.out('admin', 'project', 'add', 'demo');
    const short = ['gpu_tiny', '--for', '20s', '--renew', 'no'] as const;
    const deleted = await site.borrow('demo', ...short, '--at-end', 'delete');
    const shelved = await site.borrow('demo', ...short, '--at-end', 'shelve', '--name', 'kept');
    await reaches(shelved, 'active');
    const before = await lease(shelved);
    await site.out('demo', 'ssh', shelved, '--identity', site.key, '--', 'touch', 'work');
    await reaches(deleted, 'ended');
    expect((await lease(deleted)).end_reason).toBe('expired');
    expect(counts(ofLease(await admin.outside(), deleted))).toEqual([0, 0, 0]);

    await reaches(shelved, 'shelved');
    const server = await serverOf(shelved);
    expect(server).toMatchObject({ status: 'SHELVED_OFFLOADED', locked: true });
    const refused = await site.berth('demo', 'ssh', shelved, '--identity', site.key, '--', 'hostname');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('lease unshelve') });
    const past = await demo.call('compute', 'POST', `/servers/${server.id}/action`, { unshelve: null });
    expect(past.status).toBe(409);
    const tiny = (await site.client(demo).listFlavors()).flavors.find(({ name }) => name === 'gpu_tiny');
    expect(tiny).toMatchObject({ total: 4, available: 4 });

    await site.out('demo', 'lease', 'unshelve', shelved, '--for', '1h');
    await reaches(shelved, 'active');
    expect((await lease(shelved)).connection).toEqual(before.connection);
    expect((await serverOf(shelved)).id).toBe(server.id);
    expect(await site.out('demo', 'ssh', shelved, '--identity', site.key, '--', 'ls')).toBe('work');
    await site.out('demo', 'return', shelved);
  });

  test.each([
    ['a trust', { ownership: 'trust' }, 'demo', 'demo'],
    ['its own project', { ownership: 'service', network: 'demo' }, 'admin', 'admin'],
    ["the borrower's project, on the host of Berth's choice", { placement: 'pinned' }, 'demo', 'admin'],
  ] as const)('works with %s', async (_what, settings, project, user) => {
    const users = { admin, demo };
    const network = 'network' in settings ? { network: await privateNetwork(demo) } : {};
    await serve({ config: { clouds: [{ name: 'admin', ...settings, ...network }] } });
    if (!('ownership' in settings)) await site.out('admin', 'project', 'add', 'demo');
    const pinned = 'placement' in settings ? ['--host', 'gpu-v100-02'] : [];
    const id = await borrowed('demo', 'mine', ...pinned);
    const server = await serverOf(id);
    expect(server).toMatchObject({ tenant_id: users[project].projectId, user_id: users[user].userId });
    if (pinned.length > 0) expect(server['OS-EXT-SRV-ATTR:host']).toBe('gpu-v100-02');
    await site.out('demo', 'return', id);
  });

  test('works with an application credential', async () => {
    const path = `/users/${admin.userId}/application_credentials`;
    const made = await admin.call('identity', 'POST', path, { application_credential: { name: site.dir } });
    const { application_credential: credential } = credentialSchema.parse(made.body);
    try {
      const auth = {
        auth_url: cloud.cloud('admin').auth.auth_url,
        application_credential_id: credential.id,
        application_credential_secret: credential.secret,
      };
      const entry = { auth_type: 'v3applicationcredential', auth };
      writeClouds({ app: { region_name: 'RegionOne', ...entry } });
      const settings = { name: 'app', ownership: 'service', network: await privateNetwork(demo) };
      await serve({ as: 'app', config: { clouds: [settings] } });
      const id = await borrowed('demo', 'mine');
      expect(await serverOf(id)).toMatchObject({ tenant_id: admin.projectId, user_id: admin.userId });
      await site.out('demo', 'return', id);
    } finally {
      await admin.call('identity', 'DELETE', `${path}/${credential.id}`);
    }
  });

  test('says what is wrong, each in its own words, and leaves nothing', async () => {
    const away = {
      ...cloud.cloud('demo'),
      auth: { ...cloud.cloud('demo').auth, auth_url: 'http://127.0.0.1:9/v3' },
    };
    const typo = {
      auth: { auth_url: 'http://127.0.0.1:9/v3', username: 'demo', pasword: 'x', project_name: 'demo' },
    };
    writeClouds({ away, typo });
    await serve();
    await site.out('admin', 'project', 'add', 'demo');
    for (const role of ['member', 'admin']) {
      const path = `/projects/${lab2.projectId}/users/${admin.userId}/roles`;
      await admin.call('identity', 'DELETE', `${path}/${await admin.idOf('identity', '/roles', role)}`);
    }
    const borrow = ['borrow', 'gpu_tiny', '--for', '1h', '--key'] as const;
    const good = [...borrow, `${site.key}.pub`] as const;
    const tokens = { OS_AUTH_URL: cloud.cloud('demo').auth.auth_url, OS_TOKEN: 'gAAAAAnobody' };
    const said = [
      await site.berth('demo', ...good, '--image', 'no-such-image'),
      await site.berth('demo', ...borrow, site.key),
      await site.berth('lab2', ...good),
      await site.berth('away', ...good),
      await site.berth('typo', ...good),
      await site.berthWith(tokens, ...good),
      await site.berthWith({ BERTH_TOKEN: 'berth_nobody' }, ...good),
    ];
    await serving?.end('SIGTERM');
    await serve({ config: { clouds: [{ name: 'admin', network: 'no-such-network' }] } });
    said.push(await site.berth('demo', ...good));
    expect(said.map(({ code }) => code)).toEqual([1, 2, 1, 3, 2, 4, 4, 1]);
    const words = [
      /no-such-image/,
      /private key/,
      /berth project add/,
      /cannot be reached/,
      /pasword/,
      /unknown to Berth and to admin/,
      /unknown to Berth/,
      /no-such-network/,
    ];
    for (const [index, { stderr }] of said.entries()) expect(stderr).toMatch(words[index]!);
    expect(new Set(said.map(({ stderr }) => stderr)).size).toBe(said.length);
    expect((await site.client(admin).listLeases()).leases).toEqual([]);
  });

  /** Beside those that there are. */
  function writeClouds(more: Readonly<Record<string, object>>): void {
    const names = ['admin', 'demo', 'lab2'];
    site.writeClouds({ ...Object.fromEntries(names.map((name) => [name, cloud.cloud(name)])), ...more });
  }
});

const reportSchema = z.object({
  flavors: z.array(z.object({ flavor_name: z.string(), available: z.number(), total: z.number() })),
});
const credentialSchema = z.object({
  application_credential: z.object({ id: z.string(), secret: z.string() }),
});
const createdSchema = z.object({ server: z.object({ id: z.string() }) });

function privateNetwork(member: RealApi): Promise<string> {
  return member.idOf('network', '/v2.0/networks', 'private');
}

/** A machine with one V100 that Berth knows nothing of; the id of its server. */
async function bootPlain(member: RealApi): Promise<string> {
  const created = await member.call('compute', 'POST', '/servers', {
    server: {
      name: 'plain',
      flavorRef: await member.idOf('compute', '/flavors', 'de.NBI GPU V100 medium'),
      imageRef: await member.idOf('image', '/v2/images', 'ubuntu-22.04-cuda'),
      networks: [{ uuid: await privateNetwork(member) }],
    },
  });
  const { id } = createdSchema.parse(created.body).server;
  const status = async (): Promise<string> => (await member.server(id)).status;
  const isActive = async (): Promise<boolean> => (await status()) === 'ACTIVE';
  await eventually('the plain server', SETTLE_MS_MAX, isActive, status, LOOK_MS);
  return id;
}
