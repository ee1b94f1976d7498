import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../src/base/clock.ts';
import { asId } from '../../src/base/ids.ts';
import { createGrants } from '../../src/openstack/grants.ts';
import { readApplicationCredential } from '../../src/openstack/keystone/application-credentials.ts';
import { ownProjects } from '../../src/openstack/keystone/projects.ts';
import { findRoleId } from '../../src/openstack/keystone/roles.ts';
import { createTrust, listTrustsForMe } from '../../src/openstack/keystone/trusts.ts';
import { createTokenValidator, type TokenValidator } from '../../src/openstack/keystone/validation.ts';
import type { OpenStackSession } from '../../src/openstack/session.ts';
import {
  afterwards,
  anything,
  passwordOf,
  projectIdOf,
  projectNamed,
  refusal,
  tokenOf,
  type Bench,
} from './bench.ts';

export function identityContract(bench: () => Bench): void {
  describe('Identity', () => {
    loginCases(bench);
    validationCases(bench);
    delegationCases(bench);
  });
}

function loginCases(bench: () => Bench): void {
  test('a password, an application credential and a token log the same user in', async () => {
    const { demo, session, target } = bench();
    const { secret, credential } = await applicationCredential(bench());
    const token = await tokenOf(bench(), passwordOf(target, 'demo'));
    const scope = projectNamed(target.account('demo').project);
    const identities = await Promise.all([
      session(passwordOf(target, 'demo')).identity(),
      session({ kind: 'applicationCredential', credential, secret }).identity(),
      session({ kind: 'token', token, scope }).identity(),
      session({ kind: 'token', token, scope: { kind: 'default' } }).identity(),
    ]);
    const { userId, projectId } = await demo.identity();
    for (const identity of identities) expect(identity).toMatchObject({ userId, projectId });
    expect(identities[0].roles).toContain('member');
    expect(identities[1].roles).toContain('member');
  });

  test('whoever may not log in is unauthorized, with a word on why', async () => {
    const { session, target } = bench();
    const demo = passwordOf(target, 'demo');
    const wrong = [
      { ...demo, password: 'no such password' },
      { ...demo, user: { name: 'nobody-like-this', domain: { id: 'default' } } },
      { ...demo, scope: projectNamed('no-such-project') },
      { ...demo, scope: projectNamed(target.account('lab2').project) },
      { ...demo, scope: { kind: 'project', project: { id: 'f'.repeat(32) } } },
    ] as const;
    for (const credentials of wrong) {
      const { code, message } = await refusal(session(credentials).identity());
      expect(code).toBe('unauthorized');
      expect(message).toMatch(/401 The request you have made requires authentication.* \(correct the name/);
    }
  });

  test('an application credential has its own project alone, and delegates nothing', async () => {
    const { session, target, admin } = bench();
    const { secret, credential } = await applicationCredential(bench());
    const bound = session({ kind: 'applicationCredential', credential, secret });
    const { userId, projectId } = await bound.identity();
    expect((await readApplicationCredential(bound, userId, credential.id)).expiresAtMs).toBeNull();

    const token = await tokenOf(bench(), { kind: 'applicationCredential', credential, secret });
    const rescoped = session({ kind: 'token', token, scope: projectNamed(target.account('demo').project) });
    expect(await refusal(rescoped.identity())).toMatchObject({ effect: 'none' });
    const trustee = (await admin.identity()).userId;
    const trust = { trustorToken: token, trustorUserId: userId, trusteeUserId: trustee, roles: ['member'] };
    const made = createTrust(bound, { ...trust, projectId: projectId ?? '' });
    expect(await refusal(made)).toMatchObject({ code: 'forbidden', effect: 'none' });
  });

  test('a token that is revoked between two calls costs one login and one repetition', async () => {
    const { session, target, sent } = bench();
    const mine = session(passwordOf(target, 'demo'));
    await ownProjects(mine);
    const revoked = sent.at(-1)?.token ?? '';
    await revoke(mine, revoked);
    const from = sent.length;
    expect((await ownProjects(mine)).map(({ name }) => name)).toEqual([target.account('demo').project]);
    const path = (url: string): string => new URL(url).pathname.replace(/^.*\/v3/, '');
    expect(sent.slice(from).map(({ method, url, status }) => `${method} ${path(url)} ${status}`)).toEqual([
      'GET /auth/projects 401',
      'POST /auth/tokens 201',
      'GET /auth/projects 200',
    ]);
  });
}

function validationCases(bench: () => Bench): void {
  test('Keystone tells an administrator whose a token is, and whether it is still good', async () => {
    const { admin, target, demo } = bench();
    const token = await tokenOf(bench(), passwordOf(target, 'demo'));
    const { userId, projectId, userName } = await demo.identity();
    const verdict = await validator(bench(), admin).validate(token);
    expect(verdict).toMatchObject({
      kind: 'valid',
      caller: { userId, userName, projectId, canDelegate: true, roles: expect.arrayContaining(['member']) },
    });
    const unknown = { kind: 'unknown' };
    expect(await validator(bench(), admin).validate(`gAAAAA${'x'.repeat(178)}`)).toEqual(unknown);
    expect(await validator(bench(), admin).validate('no-token-at-all')).toEqual(unknown);
    await revoke(demo, token);
    expect(await validator(bench(), admin).validate(token)).toEqual(unknown);
  });

  test('an ordinary member learns the same from the token itself', async () => {
    const { lab2, target, demo } = bench();
    const token = await tokenOf(bench(), passwordOf(target, 'demo'));
    const { userId } = await demo.identity();
    const mine = validator(bench(), lab2);
    expect(await mine.validate(token)).toMatchObject({ kind: 'valid', caller: { userId } });
    expect(await mine.validate(`gAAAAA${'x'.repeat(178)}`)).toEqual({ kind: 'unknown' });
    await revoke(demo, token);
    expect(await validator(bench(), lab2).validate(token)).toEqual({ kind: 'unknown' });
  });

  test('tokens without project, and of application credentials, are told apart', async () => {
    const { admin, target } = bench();
    const unscoped = await tokenOf(bench(), passwordOf(target, 'demo', { kind: 'unscoped' }));
    expect(await validator(bench(), admin).validate(unscoped)).toMatchObject({ kind: 'unusable' });
    const bound = await applicationCredential(bench());
    const token = await tokenOf(bench(), { kind: 'applicationCredential', ...bound });
    const verdict = await validator(bench(), admin).validate(token);
    expect(verdict).toMatchObject({ kind: 'valid', caller: { canDelegate: false } });
    const limited = await applicationCredential(bench(), [
      { service: 'compute', method: 'GET', path: '/v2.1/servers' },
    ]);
    const restricted = await tokenOf(bench(), { kind: 'applicationCredential', ...limited });
    expect(await validator(bench(), admin).validate(restricted)).toMatchObject({
      kind: 'unusable',
      why: expect.stringContaining('access rules'),
    });
  });
}

function delegationCases(bench: () => Bench): void {
  test('roles are found by name', async () => {
    const { admin, demo } = bench();
    expect(await findRoleId(admin, 'member')).toMatch(/^[0-9a-f]{32}$/);
    expect(await findRoleId(admin, 'no-such-role')).toBeNull();
    expect(await refusal(findRoleId(demo, 'member'))).toMatchObject({ code: 'forbidden' });
  });

  test('a grant lets Berth into a project, and its end throws it out', async () => {
    const { admin, session, target, lab2 } = bench();
    const scope = projectNamed(target.account('lab2').project);
    const inside = () => session(passwordOf(target, 'admin', scope));
    const kind = { ownership: 'project', isBoundToProject: false } as const;
    const grants = createGrants({ session: admin, placement: 'nova', ...kind });
    const found = await grants.find(target.account('lab2').project, null);
    const project = found.ok ? found.value : expect.fail('the project is found by its name');
    expect(project.id).toBe(await projectIdOf(lab2));
    // Whoever used this cloud before may have left a role of either placement.
    await grants.remove(project);
    await createGrants({ session: admin, placement: 'pinned', ...kind }).remove(project);
    expect(await refusal(inside().identity())).toMatchObject({ code: 'unauthorized' });

    afterwards(() => grants.remove(project));
    expect(await grants.add(project)).toMatchObject({ ok: true, value: { roles: ['member'] } });
    expect((await grants.list()).map(({ id }) => id)).toContain(project.id);
    expect((await inside().identity()).roles).toContain('member');

    // Tokens of before are good for as long as Keystone remembers them ([cache] expiration_time, 600 s).
    expect(await grants.remove(project)).toMatchObject({ ok: true, value: { roles: [] } });
    expect(await refusal(inside().identity())).toMatchObject({ code: 'unauthorized' });
    expect(await grants.remove(project)).toMatchObject({ ok: true });
  });

  test('who is no administrator cannot grant', async () => {
    const { demo, lab2 } = bench();
    const kind = { ownership: 'project', placement: 'nova', isBoundToProject: false } as const;
    const grants = createGrants({ session: demo, ...kind });
    const id = asId<'project'>(await projectIdOf(lab2));
    const refused = { ok: false, refusal: { code: 'not_allowed' } };
    expect(await grants.add({ id, name: 'lab2', domainId: 'default', roles: null })).toMatchObject(refused);
    expect(await grants.find('lab2', null)).toMatchObject(refused);
  });

  test('a trust is made with the token of its trustor, and acts as that user in that project', async () => {
    const { admin, target, session, demo } = bench();
    const trustorToken = await tokenOf(bench(), passwordOf(target, 'demo'));
    const { userId, projectId } = await demo.identity();
    const trustee = (await admin.identity()).userId;
    const wanted = {
      trustorToken,
      trustorUserId: userId,
      trusteeUserId: trustee,
      projectId: projectId ?? '',
      roles: ['member'],
    };
    const trustId = await createTrust(admin, wanted);
    afterwards(() => deleteTrust(demo, trustId));
    expect(await listTrustsForMe(admin)).toContainEqual(
      expect.objectContaining({ id: trustId, trustorUserId: userId, projectId }),
    );
    const acting = session(passwordOf(target, 'admin', { kind: 'trust', trustId }));
    expect(await acting.identity()).toMatchObject({
      userId,
      projectId,
      roles: expect.arrayContaining(['member']),
    });
    const tooMuch = createTrust(admin, { ...wanted, roles: ['admin'] });
    expect(await refusal(tooMuch)).toMatchObject({ effect: 'none' });

    const other = session(passwordOf(target, 'lab2', { kind: 'trust', trustId }));
    expect((await refusal(other.identity())).effect).toBe('none');
    const token = await tokenOf(bench(), passwordOf(target, 'admin', { kind: 'trust', trustId }));
    const verdict = await validator(bench(), admin).validate(token);
    expect(verdict).toMatchObject({ kind: 'valid', caller: { userId, canDelegate: false } });
    await deleteTrust(demo, trustId);
    expect(await refusal(ownProjects(acting))).toMatchObject({ effect: 'none' });
    expect((await listTrustsForMe(admin)).map(({ id }) => id)).not.toContain(trustId);
  });
}

export function deleteTrust(trustor: OpenStackSession, id: string): Promise<unknown> {
  const call = { service: 'identity', method: 'DELETE', path: `/OS-TRUST/trusts/${id}` } as const;
  return trustor.send({ ...call, expect: [204], reply: anything });
}

export function validator({ fetch, target }: Bench, session: OpenStackSession): TokenValidator {
  const { authUrl } = target;
  return createTokenValidator({ providerId: asId('contract'), session, authUrl, fetch, clock: systemClock });
}

async function revoke(session: OpenStackSession, token: string): Promise<void> {
  const headers = { 'x-subject-token': token };
  const call = { service: 'identity', method: 'DELETE', path: '/auth/tokens', headers } as const;
  await session.send({ ...call, expect: [204], reply: anything });
}

interface MadeCredential {
  readonly credential: { readonly id: string };
  readonly secret: string;
}

/** Of the user demo, until the end of the test. */
async function applicationCredential(
  { demo }: Bench,
  accessRules?: readonly object[],
): Promise<MadeCredential> {
  const { userId } = await demo.identity();
  const path = `/users/${userId}/application_credentials`;
  const name = `berth-contract-${crypto.randomUUID()}`;
  const { application_credential: made } = await demo.send({
    service: 'identity',
    method: 'POST',
    path,
    body: { application_credential: { name, ...(accessRules && { access_rules: accessRules }) } },
    expect: [201],
    reply: z.object({ application_credential: z.object({ id: z.string(), secret: z.string() }) }),
  });
  afterwards(() =>
    demo.send({
      service: 'identity',
      method: 'DELETE',
      path: `${path}/${made.id}`,
      expect: [204],
      reply: anything,
    }),
  );
  return { credential: { id: made.id }, secret: made.secret };
}
