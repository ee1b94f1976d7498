/** `berth project add|list|remove` against the simulated cloud's Keystone. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import { createPrng } from '../../src/base/prng.ts';
import type { CloudPlacement, Ownership } from '../../src/engine/cloud-account.ts';
import type { Cloud } from '../../src/engine/clouds.ts';
import { createCloud } from '../../src/openstack/cloud.ts';
import { probeRights } from '../../src/openstack/rights.ts';
import { createSession, type OpenStackSession } from '../../src/openstack/session.ts';
import { SimCloud } from '../../src/sim/cloud.ts';
import { createSimFetch } from '../../src/sim/sim-fetch.ts';
import { createCliTest, type CliTest } from '../support/cli-io.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';
import { keystoneLogin } from '../support/keystone-login.ts';

let server: TestServer;
let admin: CliTest;
beforeEach(async () => {
  server = await startTestServer();
  admin = createCliTest({ env: { BERTH_URL: server.url, BERTH_TOKEN: await server.token('admin', 'ops') } });
});
afterEach(() => server.close());

async function rows(): Promise<readonly Record<string, unknown>[]> {
  admin.stdout();
  expect(await admin.run('project', 'list', '-f', 'json')).toBe(0);
  return JSON.parse(admin.stdout());
}

test('a project is let in by name, listed, and let go; both can be repeated', async () => {
  for (let times = 0; times < 2; times++) {
    expect(await admin.run('project', 'add', 'demo', '-f', 'json')).toBe(0);
    expect(JSON.parse(admin.stdout())).toMatchObject({ name: 'demo', cloud: 'sim', roles: ['member'] });
  }
  expect(await rows()).toContainEqual(expect.objectContaining({ Name: 'demo', Granted: ['sim'] }));
  for (let times = 0; times < 2; times++) expect(await admin.run('project', 'remove', 'demo')).toBe(0);
  expect(await rows()).toContainEqual(expect.objectContaining({ Name: 'demo', Granted: [] }));
});

test('limits are set by the name of a project, too', async () => {
  await admin.run('project', 'add', 'demo');
  expect(await admin.run('project', 'set', 'demo', '--gpus', '2')).toBe(0);
  const named = (await rows()).filter((row) => row['Name'] === 'demo');
  expect(named).toMatchObject([{ GPUs: 2, Granted: ['sim'] }]);
  expect(named[0]?.['ID']).not.toBe('demo');
});

test('what is unknown, and the own project, are refused', async () => {
  expect(await admin.run('project', 'add', 'nowhere')).toBe(1);
  expect(admin.stderr()).toContain("the cloud has no project 'nowhere'");
  expect(await admin.run('project', 'add', 'demo', '--domain', 'nowhere')).toBe(1);
  expect(admin.stderr()).toContain("the cloud has no domain 'nowhere'");
  expect(await admin.run('project', 'add', 'demo', '--cloud', 'south')).toBe(1);
  expect(admin.stderr()).toContain("Berth has no cloud 'south' that knows projects; it has sim.");
  expect(await admin.run('project', 'remove', 'service')).toBe(1);
  expect(admin.stderr()).toContain('Berth logs in for project service itself');
});

test('a project is not let go while its leases live, unless that is wanted', async () => {
  const token = await keystoneLogin(server.simFetch, 'demo');
  const body = JSON.stringify({ flavor: 'gpu_tiny', duration: '1h' });
  const headers = { 'x-auth-token': token, 'content-type': 'application/json' };
  expect((await fetch(`${server.url}/v1/leases`, { method: 'POST', headers, body })).status).toBe(201);
  await admin.run('project', 'add', 'demo');
  expect(await admin.run('project', 'remove', 'demo')).toBe(1);
  expect(admin.stderr()).toContain('1 lease of project demo live');
  expect(await admin.run('project', 'remove', 'demo', '--force')).toBe(0);
});

/** An account of another simulated cloud. */
function account(
  name: string,
  project: string,
  kind: {
    readonly ownership?: Ownership;
    readonly placement?: CloudPlacement;
    readonly bound?: boolean;
  } = {},
): { readonly session: OpenStackSession; readonly cloud: Cloud; readonly simFetch: typeof fetch } {
  const authUrl = 'http://sim.invalid/identity/v3';
  const clock = systemClock;
  const simFetch = createSimFetch(new SimCloud(), clock, createPrng(1));
  const domain = { id: 'default' };
  const session = createSession({
    authUrl,
    credentials: {
      kind: 'password',
      user: { name, domain },
      password: name,
      scope: { kind: 'project', project: { name: project, domain } },
    },
    region: null,
    interfaces: ['public'],
    fetch: simFetch,
    clock,
    callTimeoutMs: 1000,
  });
  const { ownership = 'project', placement = 'nova', bound: isBoundToProject = false } = kind;
  const options = { authUrl, session, fetch: simFetch, clock, isBoundToProject, ownership, placement };
  return { session, cloud: createCloud({ id: asId('sim'), ...options }), simFetch };
}

test('an account that may not grant says which command an administrator runs', async () => {
  const { cloud, session } = account('demo', 'demo');
  const { userId } = await session.identity();
  expect(await cloud.findProject('lab2', null)).toMatchObject({
    ok: false,
    refusal: {
      code: 'not_allowed',
      fix: `Let an administrator of the cloud run: openstack role add --project lab2 --user ${userId} member`,
    },
  });
  expect(await cloud.grantedProjects()).toMatchObject([{ name: 'demo', roles: null }]);
});

test('where Berth picks the hosts it needs the role admin; where a role would not help none is given', async () => {
  const lab2 = async (cloud: Cloud) => {
    const found = await cloud.findProject('lab2', 'Default');
    if (!found.ok) throw new Error(found.refusal.why);
    return cloud.grant(found.value);
  };
  const pinned = account('admin', 'admin', { placement: 'pinned' });
  expect(await lab2(pinned.cloud)).toMatchObject({ ok: true, value: { roles: ['admin'] } });
  for (const kind of [{ ownership: 'service' as const }, { bound: true }]) {
    const { cloud } = account('admin', 'admin', kind);
    expect(cloud.whyNoGrants).toMatchObject({ code: 'not_useful' });
    expect(await lab2(cloud)).toMatchObject({ ok: false, refusal: { code: 'not_useful' } });
  }
});

test('rights are what four cheap calls may see', async () => {
  expect(await probeRights(account('admin', 'admin').session)).toEqual({ rights: 'full', missing: [] });
  expect(await probeRights(account('demo', 'demo').session)).toEqual({
    rights: 'member',
    missing: ['hypervisors', 'aggregates', 'servers of all projects', 'placement'],
  });
});

test('a member account knows callers too: their tokens ask for themselves', async () => {
  const { cloud, simFetch } = account('demo', 'demo');
  const token = await keystoneLogin(simFetch, 'lab2');
  expect(await cloud.validate(token)).toMatchObject({ kind: 'valid', caller: { projectName: 'lab2' } });
  expect(await cloud.validate('gAAAAAinvented')).toEqual({ kind: 'unknown' });
});
