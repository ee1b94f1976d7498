import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import type { Credentials, Scope } from './credentials.ts';
import type { Fetch } from './http.ts';
import { logIn } from './login.ts';

const PROJECT: Scope = { kind: 'project', project: { id: 'lab2' } };
const password = (scope: Scope): Credentials => ({
  kind: 'password',
  user: { id: 'ann' },
  password: 'pw',
  scope,
});

async function failure(fetch: Fetch, credentials: Credentials = password(PROJECT)): Promise<unknown> {
  const options = { authUrl: 'https://keystone', credentials, clock: systemClock, callTimeoutMs: 1000 };
  const issued = await logIn({ ...options, fetch });
  return issued.ok ? issued.value : issued.error;
}

const answering =
  (status: number): Fetch =>
  async () =>
    Response.json({ error: { code: status, message: 'no' } }, { status });
const broken =
  (code: string): Fetch =>
  () =>
    Promise.reject(new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) }));

/** Good for Keystone itself, not for the project. */
const withoutRole: Fetch = async (url, { body }) => {
  if (url.endsWith('/auth/projects')) {
    return Response.json({ projects: [{ id: 'p1', name: 'demo', domain_id: 'default' }] });
  }
  if (body?.includes('"scope":"unscoped"') !== true) return Response.json({}, { status: 401 });
  const token = { expires_at: '2099-01-01T00:00:00Z', user: { id: 'ann' } };
  return Response.json({ token }, { status: 201, headers: { 'x-subject-token': 't' } });
};

test('a wrong password and a wrong project are told apart', async () => {
  expect(await failure(answering(401))).toEqual({ kind: 'bad_credentials' });
  expect(await failure(withoutRole)).toEqual({ kind: 'bad_project', projects: ['demo'] });
});

test('so are a certificate that is not trusted, a silent host, and what is no Keystone', async () => {
  const why = 'DEPTH_ZERO_SELF_SIGNED_CERT';
  expect(await failure(broken(why))).toEqual({ kind: 'untrusted_certificate', why });
  expect(await failure(broken('ECONNREFUSED'))).toMatchObject({ kind: 'unreachable' });
  expect(await failure(answering(503))).toMatchObject({ kind: 'unreachable' });
  expect(await failure(answering(404))).toMatchObject({ kind: 'refused' });
});

test('a token without a scope is taken as it is; another has to be good for the project', async () => {
  expect(
    await failure(broken('ECONNREFUSED'), { kind: 'token', token: 't', scope: { kind: 'default' } }),
  ).toBe('t');
  const ended: Credentials = { kind: 'token', token: 't', scope: PROJECT };
  expect(await failure(answering(404), ended)).toEqual({ kind: 'bad_credentials' });
});
