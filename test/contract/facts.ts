import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../src/base/clock.ts';
import { buildFailure } from '../../src/domain/provision/fault.ts';
import { resolveImage } from '../../src/openstack/glance/images.ts';
import {
  createFloatingIp,
  deleteFloatingIp,
  findFloatingIp,
} from '../../src/openstack/neutron/floatingips.ts';
import { externalNetwork, tenantNetwork } from '../../src/openstack/neutron/networks.ts';
import { createPort, deletePort, findPort } from '../../src/openstack/neutron/ports.ts';
import { readConsole } from '../../src/openstack/nova/console.ts';
import { listFlavors } from '../../src/openstack/nova/flavors.ts';
import { NOVA_MICROVERSION } from '../../src/openstack/nova/microversion.ts';
import { readComputeQuota } from '../../src/openstack/nova/quotas.ts';
import {
  actOnServer,
  createServer,
  deleteServer,
  findServer,
  findServersByTag,
  listChangedServers,
  lockServer,
  unshelveTo,
  type NewServer,
  type Server,
} from '../../src/openstack/nova/servers.ts';
import { ServerWatch } from '../../src/openstack/server-watch.ts';
import type { OpenStackSession } from '../../src/openstack/session.ts';
import { afterwards, anything, projectIdOf, refusal, refusalIn, until, type Bench } from './bench.ts';
import { adminInLab2, adminSessionInLab2 } from './lives.ts';

/** Needs no GPU. */
const PLAIN = 'ci_medium';
const GPU = 'gpu_tiny';
const HOST_WITHOUT_GPU = 'cpu-01';
const NOBODY = '00000000-0000-4000-8000-000000000000';

export function factsContract(bench: () => Bench): void {
  describe('Calls that are refused', () => refusalCases(bench));
  describe('What Nova shows', () => showCases(bench));
  describe('What becomes of servers', () => {
    adminInLab2(bench);
    fateCases(bench);
  });
}

function refusalCases(bench: () => Bench): void {
  test('what is unknown is refused before anything is made', async () => {
    const { demo } = bench();
    const port = await portOf(demo);
    const wanted = await newServer(demo, { portId: port.id });
    const networkId = await tenantNetwork(demo, 'private');
    const mark = { name: 'contract', description: 'contract' };
    const refusals = await inTurn({
      flavor: () => createServer(demo, { ...wanted, flavorId: 'no-such-flavor' }),
      image: () => createServer(demo, { ...wanted, imageId: NOBODY }),
      port: () => createServer(demo, { ...wanted, portId: NOBODY }),
      network: () => createPort(demo, { ...mark, networkId: NOBODY }),
      externalNetwork: () => createFloatingIp(demo, { ...mark, networkId: NOBODY, portId: port.id }),
      innerNetwork: () => createFloatingIp(demo, { ...mark, networkId, portId: port.id }),
      floatingIpForNoPort: async () => {
        const outside = (await externalNetwork(demo, null)) ?? '';
        return createFloatingIp(demo, { ...mark, networkId: outside, portId: NOBODY });
      },
      server: () => actOnServer(demo, NOBODY, 'shelve'),
    });
    expect(refusals).toEqual({
      flavor: '400 bad_request, effect none',
      image: '400 bad_request, effect none',
      port: '400 bad_request, effect none',
      network: '404 not_found, effect none',
      externalNetwork: '404 not_found, effect none',
      innerNetwork: '400 bad_request, effect none',
      floatingIpForNoPort: '404 not_found, effect none',
      server: '404 not_found, effect none',
    });
    expect(await findServer(demo, NOBODY)).toBeNull();
    expect(await findPort(demo, NOBODY)).toBeNull();
    expect(await findFloatingIp(demo, NOBODY)).toBeNull();
    await Promise.all([deletePort(demo, NOBODY), deleteFloatingIp(demo, NOBODY), deleteServer(demo, NOBODY)]);
  });

  test('a microversion that is too new is not acceptable', async () => {
    const { demo } = bench();
    const call = { service: 'compute', method: 'GET', path: '/servers', microversion: '2.999' } as const;
    expect(await refusalIn(demo.send({ ...call, expect: [200], reply: anything }))).toBe(
      '406 unsupported, effect none',
    );
  });

  test('a member may neither look beyond its project nor pick a host', async () => {
    const { demo } = bench();
    const get = (path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> => {
      const call = { service: 'compute', method: 'GET', path, query } as const;
      return demo.send({ ...call, microversion: NOVA_MICROVERSION, expect: [200], reply: anything });
    };
    const port = await portOf(demo);
    const wanted = await newServer(demo, { portId: port.id });
    const refusals = await inTurn({
      allTenants: () => get('/servers/detail', { all_tenants: '1' }),
      hypervisors: () => get('/os-hypervisors/detail'),
      aggregates: () => get('/os-aggregates'),
      host: () => createServer(demo, { ...wanted, host: HOST_WITHOUT_GPU }),
    });
    for (const refused of Object.values(refusals)) expect(refused).toBe('403 forbidden, effect none');
  });

  test('a quota that is used up is told apart from a right that is missing, with its numbers', async () => {
    const { admin, demo } = bench();
    const projectId = await projectIdOf(demo);
    const { cores } = await readComputeQuota(admin, projectId);
    const setCores = (limit: number): Promise<unknown> =>
      admin.send({
        service: 'compute',
        method: 'PUT',
        path: `/os-quota-sets/${projectId}`,
        microversion: NOVA_MICROVERSION,
        body: { quota_set: { cores: limit, force: true } },
        expect: [200],
        reply: anything,
      });
    afterwards(() => setCores(cores.limit));
    await setCores(cores.used + 3);
    expect((await readComputeQuota(demo, projectId)).cores.limit).toBe(cores.used + 3);
    const port = await portOf(demo);
    const refused = await refusal(createServer(demo, await newServer(demo, { portId: port.id })));
    expect(refused).toMatchObject({ code: 'quota', effect: 'none' });
    expect(refused.message).toContain('Quota exceeded for cores: Requested 4, but already used');
    expect(refused.message).toContain(`${cores.used} of ${cores.used + 3} cores`);
  });
}

function showCases(bench: () => Bench): void {
  let server: Server;
  const tag = `contract:${randomUUID().slice(0, 8)}`;
  let undo: () => Promise<void>;
  beforeAll(async () => {
    const { demo } = bench();
    const port = await makePort(demo);
    const id = await createServer(demo, {
      ...(await newServer(demo, { portId: port.id })),
      tags: [tag, 'x'],
    });
    undo = async () => {
      await deleteServer(demo, id);
      await until(
        bench(),
        'gone',
        () => findServer(demo, id),
        (seen) => seen === null,
      );
      await deletePort(demo, port.id);
    };
    server = await active(bench(), demo, id);
  });
  afterAll(() => undo());

  test('servers are found by a tag, exactly', async () => {
    const { demo, admin, lab2 } = bench();
    const ids = async (session: OpenStackSession, wanted: string, allTenants: boolean): Promise<string[]> =>
      (await findServersByTag(session, { tag: wanted, allTenants })).map(({ id }) => id);
    expect(await ids(demo, tag, false)).toEqual([server.id]);
    expect(await ids(admin, tag, true)).toEqual([server.id]);
    expect(await ids(demo, `${tag},x`, false)).toEqual([server.id]);
    expect(await ids(demo, tag.slice(0, -1), false)).toEqual([]);
    expect(await ids(demo, `${tag},y`, false)).toEqual([]);
    expect(await ids(lab2, tag, false)).toEqual([]);
  });

  test('an administrator sees the host, a member does not', async () => {
    const { demo, admin } = bench();
    expect((await findServer(admin, server.id))?.host).toBe(HOST_WITHOUT_GPU);
    expect((await findServer(demo, server.id))?.host).toBeNull();
  });

  test('what has changed since a time includes what changed at that time', async () => {
    const { demo } = bench();
    const call = { service: 'compute', method: 'GET', path: `/servers/${server.id}` } as const;
    const reply = z.object({ server: z.looseObject({ updated: z.string() }) });
    const shown = await demo.send({ ...call, microversion: NOVA_MICROVERSION, expect: [200], reply });
    const changed = async (sinceMs: number): Promise<string[]> =>
      (await listChangedServers(demo, { sinceMs, allTenants: false })).map(({ id }) => id);
    const updatedMs = Date.parse(shown.server.updated);
    expect(await changed(updatedMs)).toContain(server.id);
    expect(await changed(updatedMs + 1000)).not.toContain(server.id);
  });

  test('the console has text, and an unknown server has none', async () => {
    const { demo } = bench();
    const shown = await readConsole(demo, server.id);
    expect(shown.kind === 'text' && shown.text.length).toBeGreaterThan(0);
    expect(await readConsole(demo, NOBODY)).toEqual({ kind: 'none' });
  });

  test('pages follow each other by their last id, and an unknown one is refused', async () => {
    const { demo } = bench();
    const whole = (await listFlavors(demo, () => expect.fail('a flavor is unreadable'))).map(({ id }) => id);
    const seen: string[] = [];
    for (let hasMore = true; hasMore && seen.length <= whole.length;) {
      const page = await flavorPage(demo, seen.at(-1));
      seen.push(...page.ids);
      hasMore = page.hasMore;
    }
    expect(seen).toEqual(whole);
    expect(await refusalIn(flavorPage(demo, 'no-such-flavor'))).toBe('400 bad_request, effect none');
  });

  test('every reply tells the time of the cloud', async () => {
    const { demo } = bench();
    await findServer(demo, server.id);
    expect(Math.abs((demo.dateMs() ?? 0) - Date.now())).toBeLessThan(5000);
  });

  test('a second server on the port of another is refused, and leaves that one alone', async () => {
    const { demo } = bench();
    const port = await portOfServer(demo, server.id);
    const second = createServer(demo, await newServer(demo, { portId: port }));
    expect(await refusalIn(second)).toBe('409 conflict, effect none');
    expect((await findPort(demo, port))?.deviceId).toBe(server.id);
  });

  test('what an administrator has locked, its owner neither shelves nor deletes nor unlocks', async () => {
    const { demo, admin } = bench();
    await lockServer(admin, server.id, 'as the contract wants it');
    const refusals = await inTurn({
      shelve: () => actOnServer(demo, server.id, 'shelve'),
      remove: () => deleteServer(demo, server.id),
      unlock: () => actOnServer(demo, server.id, 'unlock'),
    });
    expect(refusals).toEqual({
      shelve: '409 conflict, effect none',
      remove: '409 conflict, effect none',
      unlock: '403 forbidden, effect none',
    });
    await actOnServer(admin, server.id, 'unlock');
    expect((await findServer(demo, server.id))?.locked).toBe(false);
  });
}

function fateCases(bench: () => Bench): void {
  test('a watched server is seen from its build to its end, with one list per second', async () => {
    const { demo, sent } = bench();
    const port = await portOf(demo);
    const watch = new ServerWatch(demo, systemClock, false);
    const from = sent.length;
    const startedAtMs = performance.now();
    const id = await serverOf(bench(), demo, await newServer(demo, { portId: port.id }));
    const statuses: string[] = [];
    const look = async (): Promise<string> => {
      const seen = await watch.see(id);
      const status = seen?.status ?? 'gone';
      if (statuses.at(-1) !== status) statuses.push(status);
      return status;
    };
    await until(bench(), 'ACTIVE', look, (status) => status !== 'BUILD');
    await deleteServer(demo, id);
    await until(bench(), 'gone', look, (status) => status === 'gone');
    expect(statuses.filter((status) => status !== 'BUILD')).toEqual(['ACTIVE', 'gone']);
    const lists = sent.slice(from).filter(({ url }) => url.includes('changes-since'));
    expect(lists.length).toBeLessThanOrEqual((performance.now() - startedAtMs) / 1000 + 1);
  });

  test('a deleted server is among what has changed', async () => {
    const { demo } = bench();
    const port = await portOf(demo);
    const sinceMs = Date.now() - 2000;
    const id = await serverOf(bench(), demo, await newServer(demo, { portId: port.id }));
    await active(bench(), demo, id);
    await deleteServer(demo, id);
    await until(
      bench(),
      'gone',
      () => findServer(demo, id),
      (seen) => seen === null,
    );
    const changed = await listChangedServers(demo, { sinceMs, allTenants: false });
    expect(changed.find((server) => server.id === id)?.status).toBe('DELETED');
  });

  test('a server that is being built is not shelved, and a console comes later', async () => {
    const { demo } = bench();
    const port = await portOf(demo);
    const id = await serverOf(bench(), demo, await newServer(demo, { portId: port.id }));
    expect(await refusalIn(actOnServer(demo, id, 'shelve'))).toBe('409 conflict, effect none');
    expect(['text', 'not_yet']).toContain((await readConsole(demo, id)).kind);
  });

  test('of two servers that are asked for at once with one port, one runs, and may lose it', async () => {
    const { demo } = bench();
    const port = await portOf(demo);
    const wanted = await newServer(demo, { portId: port.id });
    const asked = await Promise.allSettled([
      serverOf(bench(), demo, wanted),
      serverOf(bench(), demo, { ...wanted, name: `${wanted.name}-again` }),
    ]);
    const ids = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const settled = await Promise.all(ids.map((id) => settledServer(bench(), demo, id)));
    const runs = settled.filter(({ status }) => status === 'ACTIVE');
    expect(runs).toHaveLength(1);
    const [winner] = runs;
    for (const loser of settled.filter(({ status }) => status !== 'ACTIVE')) {
      expect(loser.status).toBe('ERROR');
      await deleteServer(demo, loser.id);
      await until(
        bench(),
        'gone',
        () => findServer(demo, loser.id),
        (seen) => seen === null,
      );
    }
    // The later one is refused only after it has taken the port over, and gives it back to nobody.
    const holder = ids.length === 1 ? winner?.id : null;
    expect((await findPort(demo, port.id))?.deviceId).toBe(holder);
    expect((await findServer(demo, winner?.id ?? ''))?.status).toBe('ACTIVE');
  });

  test('a floating IP outlives its server and its port', async () => {
    const { demo } = bench();
    const port = await portOf(demo);
    const networkId = (await externalNetwork(demo, null)) ?? '';
    const ip = await createFloatingIp(demo, { networkId, portId: port.id, description: 'contract' });
    afterwards(() => deleteFloatingIp(demo, ip.id));
    const id = await serverOf(bench(), demo, await newServer(demo, { portId: port.id }));
    await active(bench(), demo, id);
    await deleteServer(demo, id);
    await until(
      bench(),
      'gone',
      () => findServer(demo, id),
      (seen) => seen === null,
    );
    expect(await findPort(demo, port.id)).toMatchObject({ deviceId: null, address: port.address });
    expect(await findFloatingIp(demo, ip.id)).toEqual({ ...ip, portId: port.id });
    await deletePort(demo, port.id);
    expect(await findFloatingIp(demo, ip.id)).toEqual({ ...ip, portId: null });
  });

  test('a server that no host can take ends in ERROR, and tells why', async () => {
    const own = adminSessionInLab2(bench());
    const port = await portOf(own);
    const wanted = await newServer(own, { portId: port.id, flavorId: GPU, host: HOST_WITHOUT_GPU });
    const id = await serverOf(bench(), own, wanted);
    const { status, fault, taskState, host } = await settledServer(bench(), own, id);
    expect({ status, taskState, host }).toEqual({ status: 'ERROR', taskState: null, host: null });
    expect(fault).toMatch(/^No valid host was found\./);
    expect(buildFailure(fault)).toMatchObject({ code: 'no_valid_host', next: 'other_host' });
  });

  test('an unshelve that no host can take is accepted, and nothing but the task tells', async () => {
    const own = adminSessionInLab2(bench());
    const port = await portOf(own);
    const id = await serverOf(bench(), own, await newServer(own, { portId: port.id, flavorId: GPU }));
    await active(bench(), own, id);
    const see = async (): Promise<Server | null> => findServer(own, id);
    await actOnServer(own, id, 'shelve');
    const isOffloaded = (seen: Server | null): boolean =>
      seen?.status === 'SHELVED_OFFLOADED' && seen.taskState === null;
    await until(bench(), 'offloaded', see, isOffloaded);
    expect(await refusalIn(unshelveTo(own, id, 'no-such-host'))).toBe('400 bad_request, effect none');
    expect(isOffloaded(await see())).toBe(true);
    await unshelveTo(own, id, HOST_WITHOUT_GPU);
    // The task stands before the answer: who looks afterwards and sees none knows that it was in vain.
    await until(bench(), 'given up', see, isOffloaded);
    expect(await see()).toMatchObject({ host: null });
    const { lab2 } = bench();
    expect(await refusalIn(unshelveTo(lab2, id, 'gpu-v100-01'))).toBe('403 forbidden, effect none');
    await lockServer(bench().admin, id, 'kept');
    await deleteServer(own, id);
    await until(bench(), 'gone', see, (seen) => seen === null);
  });
}

// ------------------------------------------------------------------------------------------------- the parts

/** What each refuses, by name, one after the other. */
async function inTurn(
  works: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Record<string, string>> {
  const refusals: Record<string, string> = {};
  for (const [name, work] of Object.entries(works)) refusals[name] = await refusalIn(work());
  return refusals;
}

async function makePort(session: OpenStackSession): Promise<Awaited<ReturnType<typeof createPort>>> {
  const networkId = await tenantNetwork(session, 'private');
  return createPort(session, { networkId, name: `contract-${randomUUID()}`, description: 'contract' });
}

/** Until the end of the test. */
async function portOf(session: OpenStackSession): Promise<Awaited<ReturnType<typeof createPort>>> {
  const port = await makePort(session);
  afterwards(() => deletePort(session, port.id));
  return port;
}

async function newServer(
  session: OpenStackSession,
  wanted: Pick<NewServer, 'portId'> & Partial<NewServer>,
): Promise<NewServer> {
  return {
    name: `contract-${randomUUID().slice(0, 8)}`,
    flavorId: PLAIN,
    imageId: await resolveImage(session, null),
    tags: [],
    metadata: {},
    userData: null,
    configDrive: false,
    host: null,
    ...wanted,
  };
}

/** Until the end of the test, and then waits until it is gone: its GPU is needed by the next one. */
async function serverOf(bench: Bench, session: OpenStackSession, wanted: NewServer): Promise<string> {
  const id = await createServer(session, wanted);
  afterwards(async () => {
    await deleteServer(session, id);
    await until(
      bench,
      'gone',
      () => findServer(session, id),
      (seen) => seen === null,
    );
  });
  return id;
}

async function settledServer(bench: Bench, session: OpenStackSession, id: string): Promise<Server> {
  const seen = await until(
    bench,
    'settled',
    () => findServer(session, id),
    (server) => server?.status !== 'BUILD',
  );
  return seen ?? expect.fail('the server is gone');
}

async function active(bench: Bench, session: OpenStackSession, id: string): Promise<Server> {
  const server = await settledServer(bench, session, id);
  expect(server).toMatchObject({ status: 'ACTIVE' });
  return server;
}

async function portOfServer(session: OpenStackSession, serverId: string): Promise<string> {
  const reply = z.object({ ports: z.array(z.object({ id: z.string() })) });
  const query = { device_id: serverId };
  const call = { service: 'network', method: 'GET', path: '/ports', query } as const;
  const { ports } = await session.send({ ...call, expect: [200], reply });
  return ports[0]?.id ?? expect.fail('the server has a port');
}

const PAGE_ITEMS = 5;

async function flavorPage(
  session: OpenStackSession,
  marker: string | undefined,
): Promise<{ readonly ids: readonly string[]; readonly hasMore: boolean }> {
  const reply = z.object({
    flavors: z.array(z.object({ id: z.string() })).max(PAGE_ITEMS),
    flavors_links: z.array(z.object({ rel: z.string() })).default([]),
  });
  const { flavors, flavors_links: links } = await session.send({
    service: 'compute',
    method: 'GET',
    path: '/flavors/detail',
    query: { is_public: 'None', limit: String(PAGE_ITEMS), ...(marker !== undefined && { marker }) },
    microversion: NOVA_MICROVERSION,
    expect: [200],
    reply,
  });
  return { ids: flavors.map(({ id }) => id), hasMore: links.some(({ rel }) => rel === 'next') };
}
