import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { asId } from '../../base/ids.ts';
import type { TokenVerdict } from '../../engine/clouds.ts';
import { ProviderError } from '../../engine/ports.ts';
import type { Fetch } from '../http.ts';
import { createSession } from '../session.ts';
import { createTokenValidator, type TokenValidator } from './validation.ts';

const T0 = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

/** What this Keystone knows; tests change it. */
const tokens = new Map<string, object>();
let nowMs = 0;
let mayAskForOthers = true;
let failure: Response | null = null;
let asked: Readonly<Record<string, string>>[] = [];
let validator: TokenValidator;

beforeEach(() => {
  tokens.clear();
  tokens.set('theirs', body({ project: { id: 'p1', name: 'demo' } }));
  nowMs = 0;
  mayAskForOthers = true;
  failure = null;
  asked = [];
  validator = open();
});

function open(): TokenValidator {
  const clock: Clock = {
    wallMs: () => T0 + nowMs,
    monotonicMs: () => nowMs,
    setTimer: () => () => undefined,
  };
  const credentials = {
    kind: 'password',
    user: { id: 'berth' },
    password: 'pw',
    scope: { kind: 'project', project: { id: 'service' } },
  } as const;
  const authUrl = 'http://keystone';
  const session = createSession({
    authUrl,
    credentials,
    region: null,
    interfaces: ['public'],
    fetch: keystone,
    clock,
    callTimeoutMs: 1000,
  });
  return createTokenValidator({ providerId: asId('north'), session, authUrl, fetch: keystone, clock });
}

const keystone: Fetch = async (_url, { method, headers }) => {
  const date = new Date(T0 + nowMs).toUTCString();
  if (method === 'POST') {
    return Response.json({ token: body({}) }, { status: 201, headers: { 'x-subject-token': 'ours', date } });
  }
  asked.push(headers);
  if (failure !== null) return failure;
  const subject = headers['x-subject-token'] ?? '';
  const asker = headers['x-auth-token'] ?? '';
  if (asker !== 'ours' && !tokens.has(asker)) return Response.json({}, { status: 401 });
  if (asker === 'ours' && !mayAskForOthers) return Response.json({}, { status: 403 });
  const token = tokens.get(subject);
  if (token !== undefined) return Response.json({ token }, { headers: { date } });
  const message = `Could not find token: ${subject}.`;
  return Response.json({ error: { code: 404, message } }, { status: 404 });
};

function body(more: object, validForMs = HOUR_MS): object {
  return {
    expires_at: new Date(T0 + nowMs + validForMs).toISOString(),
    methods: ['password'],
    user: { id: 'u1', name: 'ann' },
    roles: [{ id: 'r', name: 'member' }],
    ...more,
  };
}

async function kindOf(token: string): Promise<TokenVerdict['kind']> {
  return (await validator.validate(token)).kind;
}

test('says who the caller is, and how Keystone was asked', async () => {
  expect(await validator.validate('theirs')).toEqual({
    kind: 'valid',
    caller: {
      providerId: 'north',
      token: 'theirs',
      userId: 'u1',
      userName: 'ann',
      projectId: 'p1',
      projectName: 'demo',
      roles: ['member'],
      canDelegate: true,
    },
    expiresAtMs: T0 + HOUR_MS,
  });
  expect(asked[0]).toMatchObject({
    'x-auth-token': 'ours',
    'x-subject-token': 'theirs',
    'openstack-identity-access-rules': '1',
  });
});

test.each([
  [{ domain: { id: 'd' } }, 'the token is for a domain, and leases belong to a project'],
  [{ system: { all: true } }, 'the token is for the whole system, and leases belong to a project'],
  [{}, 'the token is not for any project, and leases belong to a project'],
  [
    { project: { id: 'p', name: 'p' }, application_credential: { id: 'a', access_rules: [] } },
    'the token comes from an application credential whose access rules do not include Berth',
  ],
])('%j cannot be used', async (more, why) => {
  tokens.set('odd', body(more));
  expect(await validator.validate('odd')).toMatchObject({ kind: 'unusable', why });
});

test('what was delegated cannot be delegated on', async () => {
  const project = { id: 'p', name: 'p' };
  tokens.set('credential', body({ project, application_credential: { id: 'a' } }));
  tokens.set('trust', body({ project, 'OS-TRUST:trust': { id: 't' } }));
  for (const token of ['credential', 'trust']) {
    expect(await validator.validate(token)).toMatchObject({ caller: { canDelegate: false } });
  }
});

describe('remembers', () => {
  test('a good token for five minutes, so that a revoked one is refused then', async () => {
    expect(await kindOf('theirs')).toBe('valid');
    tokens.delete('theirs');
    nowMs = 299_999;
    expect(validator.remembered('theirs')).toMatchObject({ kind: 'valid', caller: { token: 'theirs' } });
    expect(await kindOf('theirs')).toBe('valid');
    nowMs = 300_000;
    expect(validator.remembered('theirs')).toBe(null);
    expect(await kindOf('theirs')).toBe('unknown');
    expect(asked).toHaveLength(2);
  });

  test('a token never past its end, and takes none that has ended', async () => {
    tokens.set('short', body({ project: { id: 'p', name: 'p' } }, 60_000));
    expect(await kindOf('short')).toBe('valid');
    nowMs = 60_000;
    expect(await kindOf('short')).toBe('unknown');
  });

  test('a bad token for ten seconds', async () => {
    expect(await kindOf('new')).toBe('unknown');
    tokens.set('new', body({ project: { id: 'p', name: 'p' } }));
    nowMs = 9999;
    expect(await kindOf('new')).toBe('unknown');
    nowMs = 10_000;
    expect(await kindOf('new')).toBe('valid');
  });

  test('no failure', async () => {
    failure = Response.json({}, { status: 503, headers: { 'retry-after': '7' } });
    const error = await validator.validate('theirs').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ code: 'unavailable', retryAfterMs: 7000 });
    failure = null;
    expect(await kindOf('theirs')).toBe('valid');
  });
});

test('callers at the same time share one question', async () => {
  const verdicts = await Promise.all(Array.from({ length: 100 }, () => kindOf('theirs')));
  expect(new Set(verdicts)).toEqual(new Set(['valid']));
  expect(asked).toHaveLength(1);
});

test('asks at most 64 questions at once', async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 70 }, (_, index) => kindOf(`guess-${index}`)),
  );
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(6);
  expect(asked).toHaveLength(64);
});

test('where Berth may not ask about others, the token asks for itself', async () => {
  mayAskForOthers = false;
  expect(await kindOf('theirs')).toBe('valid');
  expect(asked.at(-1)).toMatchObject({ 'x-auth-token': 'theirs', 'x-subject-token': 'theirs' });
  expect(await kindOf('invented')).toBe('unknown');
});

test('a token stands in no message, and what cannot be one is not asked about', async () => {
  failure = Response.json({ error: { code: 400, message: 'no Fernet token theirs' } }, { status: 400 });
  const error = await validator.validate('theirs').catch((thrown: unknown) => thrown);
  expect(String(error)).toContain('[secret]');
  expect(String(error)).not.toContain('theirs');
  asked = [];
  for (const token of ['', 'two words', 'ü', 'x'.repeat(9000)]) expect(await kindOf(token)).toBe('unknown');
  expect(asked).toEqual([]);
});
