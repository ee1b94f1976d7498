import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { ProviderError } from '../../engine/ports.ts';
import type { Credentials } from '../credentials.ts';
import { createHttp, type Http } from '../http.ts';
import { identityUrl, issueToken } from './tokens.ts';

const DOMAIN = { id: 'default' };
const PASSWORD: Credentials = {
  kind: 'password',
  user: { name: 'berth', domain: DOMAIN },
  password: 'hunter2',
  scope: { kind: 'project', project: { name: 'gpus', domain: { name: 'Lab' } } },
};
const CREDENTIAL: Credentials = { kind: 'applicationCredential', credential: { id: 'i' }, secret: 'hunter2' };
const TOKEN: Credentials = { kind: 'token', token: 'hunter2', scope: { kind: 'trust', trustId: 't1' } };
const SYSTEM: Credentials = { ...PASSWORD, user: { id: 'u1' }, scope: { kind: 'system' } };
const REFUSED = {
  error: { code: 401, title: 'Unauthorized', message: 'The request requires authentication.' },
};

test.each([
  ['http://ks', 'http://ks/v3'],
  ['http://ks:5000//', 'http://ks:5000/v3'],
  ['https://ks/identity/v3/', 'https://ks/identity/v3'],
])('the address of Keystone at %s', (written, url) => {
  expect(identityUrl(written)).toBe(url);
});

test.each<[string, Credentials, Response, ProviderError['code'], RegExp]>([
  [
    'a password',
    PASSWORD,
    refusal(401),
    'unauthorized',
    /correct the name or password of the user 'berth' of the domain with the id 'default', or give it a role on the project 'gpus' of the domain 'Lab'/,
  ],
  ['a user by id', SYSTEM, refusal(401), 'unauthorized', /the user with the id 'u1', .* role on the system/],
  [
    'an application credential',
    CREDENTIAL,
    refusal(401),
    'unauthorized',
    /unknown, has expired, or its secret/,
  ],
  ['a token', TOKEN, refusal(401), 'unauthorized', /has expired, or is not good for the trust 't1'/],
  ['a token that has ended', TOKEN, refusal(404), 'not_found', /the token has expired/],
  ['a scope', TOKEN, refusal(403), 'forbidden', /no token for the trust 't1'/],
  ['other versions', PASSWORD, new Response('{}', { status: 300 }), 'unavailable', /no Keystone v3 answers/],
  [
    'a redirect',
    PASSWORD,
    new Response('', { status: 301, headers: { location: 'https://ks/v3/auth/tokens' } }),
    'unavailable',
    /set auth_url to https:\/\/ks\/v3\)/,
  ],
  [
    'a page that is no Keystone',
    PASSWORD,
    new Response('<h1>Not Found</h1>', { status: 404 }),
    'not_found',
    /no Keystone v3 answers at http:\/\/ks\/v3: correct auth_url/,
  ],
  [
    'a page that welcomes',
    PASSWORD,
    new Response('<h1>Hi</h1>', { status: 201 }),
    'unavailable',
    /is not a token/,
  ],
  [
    'a failure of its own',
    PASSWORD,
    new Response('', { status: 503 }),
    'unavailable',
    /^identity .*: 503 no reason/,
  ],
])('says what to correct: %s', async (_title, credentials, reply, code, message) => {
  const failure = await failureOf(credentials, () => Promise.resolve(reply));
  expect(failure).toMatchObject({ code, effect: 'none', message: expect.stringMatching(message) });
  expect(failure.message).not.toContain('hunter2');
});

test('says where nobody answers', async () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5000'), { code: 'ECONNREFUSED' });
  const failure = await failureOf(PASSWORD, () => Promise.reject(new TypeError('fetch failed', { cause })));
  expect(failure.message).toBe(
    'identity POST /auth/tokens: cannot connect to http://ks (connect ECONNREFUSED 10.0.0.1:5000)',
  );
});

function refusal(status: number): Response {
  return Response.json({ error: { ...REFUSED.error, code: status } }, { status });
}

async function failureOf(credentials: Credentials, answer: () => Promise<Response>): Promise<ProviderError> {
  const http: Http = createHttp({ fetch: answer, clock: systemClock, timeoutMs: 5000 });
  const outcome = await issueToken(http, 'http://ks', credentials).catch((error: unknown) => error);
  if (outcome instanceof ProviderError) return outcome;
  throw new Error(`expected a ProviderError, got ${JSON.stringify(outcome)}`);
}
