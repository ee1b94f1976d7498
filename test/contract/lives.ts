import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { asId } from '../../src/base/ids.ts';
import type { CloudPlacement, Ownership } from '../../src/engine/cloud-account.ts';
import { createGrants } from '../../src/openstack/grants.ts';
import { listFloatingIps } from '../../src/openstack/neutron/floatingips.ts';
import { listPorts } from '../../src/openstack/neutron/ports.ts';
import { NOVA_MICROVERSION } from '../../src/openstack/nova/microversion.ts';
import { actOnServer, deleteServer, findServersByTag } from '../../src/openstack/nova/servers.ts';
import { probeRights } from '../../src/openstack/rights.ts';
import type { OpenStackSession } from '../../src/openstack/session.ts';
import {
  afterwards,
  passwordOf,
  projectIdOf,
  projectNamed,
  refusalIn,
  tokenOf,
  type Bench,
} from './bench.ts';
import { deleteTrust, validator } from './identity.ts';
import { createLife, PUBLIC_KEY, type Life, type LifeOptions } from './life.ts';
import { listTrustsForMe } from '../../src/openstack/keystone/trusts.ts';

const FLAVOR = 'gpu_tiny';
const GPU_HOSTS = ['gpu-v100-01', 'gpu-v100-02'];

export function livesContract(bench: () => Bench): void {
  describe('Life of a lease', () => {
    adminInLab2(bench);

    test.each<[Ownership, CloudPlacement]>([
      ['project', 'nova'],
      ['project', 'pinned'],
      ['service', 'nova'],
      ['service', 'pinned'],
    ])('as administrator, ownership %s, placement %s', async (ownership, placement) => {
      const { admin, lab2 } = bench();
      const inLab2 = adminSessionInLab2(bench());
      const own = ownership === 'service' ? inLab2 : admin;
      const projectId = await projectIdOf(lab2);
      const { userId: ownerId } = await lab2.identity();
      const life = lifeOf(bench(), { own, ownership, placement, rights: 'full', ownerId, projectId });
      await life.homes.admit({ userId: ownerId, projectId: asId(projectId), cloud: null, image: null });
      const { userId } = await admin.identity();
      // In one project, Nova takes everybody for the owner: there the lock is no more than a reminder.
      const binds = ownership !== 'service';
      await wholeLife(bench(), life, { own, owner: lab2, binds, placement, projectId, userId });
    });

    test('as administrator, ownership trust', async () => {
      const { admin, demo, target } = bench();
      const caller = await validator(bench(), admin).validate(
        await tokenOf(bench(), passwordOf(target, 'demo')),
      );
      if (caller.kind !== 'valid') expect.fail(`the token is ${caller.kind}`);
      const { userId, projectId } = caller.caller;
      afterwards(async () => {
        const trusts = await listTrustsForMe(admin);
        for (const trust of trusts) if (trust.trustorUserId === userId) await deleteTrust(demo, trust.id);
      });
      const kind = { own: admin, ownership: 'trust', placement: 'nova', rights: 'full' } as const;
      const life = lifeOf(bench(), { ...kind, ownerId: userId, projectId });
      await life.homes.admit({ userId, projectId, cloud: caller.caller, image: null });
      const expected = { own: admin, owner: demo, binds: true, placement: 'nova' } as const;
      await wholeLife(bench(), life, { ...expected, projectId, userId });
    });

    test('as an ordinary member, ownership service', async () => {
      const { demo } = bench();
      expect(await probeRights(demo)).toEqual({
        rights: 'member',
        missing: ['hypervisors', 'aggregates', 'servers of all projects', 'placement'],
      });
      const { userId } = await demo.identity();
      const projectId = await projectIdOf(demo);
      const kind = { own: demo, ownership: 'service', placement: 'nova', rights: 'member' } as const;
      const life = lifeOf(bench(), { ...kind, ownerId: userId, projectId });
      const expected = { own: demo, owner: demo, binds: false, placement: 'nova' } as const;
      await wholeLife(bench(), life, { ...expected, projectId, userId });
    });

    test('an administrator sees all', async () => {
      expect(await probeRights(bench().admin)).toEqual({ rights: 'full', missing: [] });
    });
  });
}

/** For the cases of this `describe`, Berth's user has the role admin in the project lab2. */
export function adminInLab2(bench: () => Bench): void {
  const change = async (act: 'add' | 'remove'): Promise<void> => {
    const { admin, lab2, target } = bench();
    const kind = { ownership: 'project', placement: 'pinned', isBoundToProject: false } as const;
    const { project: name } = target.account('lab2');
    const project = { id: asId<'project'>(await projectIdOf(lab2)), name, domainId: 'default', roles: null };
    const changed = await createGrants({ session: admin, ...kind })[act](project);
    expect(changed.ok).toBe(true);
  };
  beforeAll(() => change('add'));
  afterAll(() => change('remove'));
}

export function adminSessionInLab2({ session, target }: Bench, callTimeoutMs?: number): OpenStackSession {
  const scope = projectNamed(target.account('lab2').project);
  return session(passwordOf(target, 'admin', scope), callTimeoutMs);
}

function lifeOf(bench: Bench, options: Omit<LifeOptions, 'flavorName' | 'inScope' | 'hostName'>): Life {
  const inScope: LifeOptions['inScope'] = (scope) => bench.session(passwordOf(bench.target, 'admin', scope));
  return createLife(bench, { ...options, inScope, flavorName: FLAVOR, hostName: 'gpu-v100-02' });
}

interface Expected {
  readonly own: OpenStackSession;
  readonly owner: OpenStackSession;
  /** Whether the lock keeps the owner from unlocking. */
  readonly binds: boolean;
  readonly placement: CloudPlacement;
  readonly projectId: string;
  readonly userId: string;
}

const shownSchema = z.object({
  server: z.looseObject({
    status: z.string(),
    tenant_id: z.string(),
    user_id: z.string(),
    locked: z.boolean(),
    locked_reason: z.string().nullable(),
    'OS-EXT-SRV-ATTR:host': z.string().nullish(),
    'OS-EXT-SRV-ATTR:user_data': z.string().nullish(),
  }),
});

async function wholeLife(bench: Bench, life: Life, expected: Expected): Promise<void> {
  const { admin } = bench;
  const { own, owner, placement, projectId, userId } = expected;
  const show = async (id: string): Promise<z.output<typeof shownSchema>['server']> => {
    const call = { service: 'compute', method: 'GET', path: `/servers/${id}` } as const;
    const versioned = { ...call, microversion: NOVA_MICROVERSION, expect: [200], reply: shownSchema };
    return (await admin.send(versioned)).server;
  };

  const started = await life.bring('running');
  expect(started.verdict).toEqual({ kind: 'done' });
  expect(started.steps).toEqual(['createPort', 'createServer', 'createFloatingIp']);
  const { id } = await life.server();
  const running = await show(id);
  expect(running).toMatchObject({ status: 'ACTIVE', tenant_id: projectId, user_id: userId, locked: false });
  const host = running['OS-EXT-SRV-ATTR:host'] ?? '';
  expect(placement === 'pinned' ? [GPU_HOSTS[1]] : GPU_HOSTS).toContain(host);
  const userData = Buffer.from(running['OS-EXT-SRV-ATTR:user_data'] ?? '', 'base64').toString();
  expect(userData).toContain(PUBLIC_KEY);
  const before = await life.see();
  expect(before).toMatchObject({ port: { serverId: id }, floatingIp: { portId: before.port?.id } });
  expect(life.provider.connection(subjectOf(life), before)).toMatchObject({
    host: before.floatingIp?.address,
  });

  const shelved = await life.bring('shelved');
  expect(shelved.verdict).toEqual({ kind: 'done' });
  expect(shelved.steps).toEqual(['shelve', 'lock']);
  expect(await show(id)).toMatchObject({
    status: 'SHELVED_OFFLOADED',
    locked: true,
    locked_reason: expect.stringContaining('berth lease unshelve'),
    'OS-EXT-SRV-ATTR:host': null,
  });
  expect(await refusalIn(actOnServer(owner, id, 'unshelve'))).toBe('409 conflict, effect none');
  expect(await refusalIn(deleteServer(owner, id))).toBe('409 conflict, effect none');
  if (expected.binds) {
    expect(await refusalIn(actOnServer(owner, id, 'unlock'))).toBe('403 forbidden, effect none');
  }

  const back = await life.bring('back');
  expect(back.verdict).toEqual({ kind: 'done' });
  expect(back.steps).toEqual(['unlock', 'unshelve']);
  expect(await life.see()).toMatchObject({ port: before.port, floatingIp: before.floatingIp });
  expect(await show(id)).toMatchObject({ status: 'ACTIVE', tenant_id: projectId, locked: false });

  // Where Berth may not act on what is locked, its own lock must not be in its way.
  if (!life.provider.overridesLocks) expect((await life.bring('shelved')).verdict).toEqual({ kind: 'done' });
  const gone = await life.bring('gone');
  expect(gone.verdict).toEqual({ kind: 'done' });
  await expectNothingLeft(own, life);
}

/** Whatever carries the mark of the lease, or its name. */
export async function expectNothingLeft(own: OpenStackSession, life: Life): Promise<void> {
  const { mark } = life;
  const allTenants = life.provider.overridesLocks;
  expect(await findServersByTag(own, { tag: mark, allTenants })).toEqual([]);
  expect(await listPorts(own, { description: mark })).toEqual([]);
  expect(await listFloatingIps(own, { description: mark })).toEqual([]);
}

function subjectOf(life: Life): { readonly deploymentId: string; readonly lease: ReturnType<Life['lease']> } {
  return { deploymentId: life.mark.split(':')[1] ?? '', lease: life.lease() };
}
