import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { ProviderError } from '../engine/ports.ts';
import type { Credentials } from './credentials.ts';
import type { Fetch } from './http.ts';
import { listAll } from './paging.ts';
import { nothing, orNull } from './reply.ts';
import { createSession, type Call, type OpenStackSession, type SessionOptions } from './session.ts';

const PASSWORD: Credentials = {
  kind: 'password',
  user: { name: 'berth', domain: { id: 'default' } },
  password: 'pw',
  scope: { kind: 'project', project: { name: 'service', domain: { id: 'default' } } },
};
const GET = {
  service: 'compute',
  method: 'GET',
  path: '/things',
  expect: [200],
  reply: z.object({ a: z.int() }),
} as const;
const POST = { ...GET, method: 'POST', body: {}, expect: [202] } as const;

test('logs in once for all, and sends token and microversion', async () => {
  const cloud = fakeCloud(() => Response.json({ a: 1 }));
  const session = cloud.session();
  const call = { ...GET, microversion: '2.87', query: { tags: 'berth:a:b', limit: '5' } };
  expect(await Promise.all([session.send(call), session.send(call)])).toEqual([{ a: 1 }, { a: 1 }]);
  expect(cloud.seen.map(({ url }) => url)).toEqual([
    'http://keystone/v3/auth/tokens',
    'http://nova/v2.1/things?tags=berth%3Aa%3Ab&limit=5',
    'http://nova/v2.1/things?tags=berth%3Aa%3Ab&limit=5',
  ]);
  expect(JSON.parse(cloud.seen[0]?.body ?? '')).toEqual({
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: 'berth', domain: { id: 'default' }, password: 'pw' } },
      },
      scope: { project: { name: 'service', domain: { id: 'default' } } },
    },
  });
  expect(cloud.seen[1]?.headers).toMatchObject({
    'x-auth-token': 'token1',
    'openstack-api-version': 'compute 2.87',
  });
  expect(session.dateMs()).toBe(Date.parse('2026-01-01T00:00:00Z'));
});

test('logs in with an application credential without any scope', async () => {
  const cloud = fakeCloud(() => Response.json({ a: 1 }));
  const credentials: Credentials = { kind: 'applicationCredential', credential: { id: 'ac' }, secret: 's' };
  await cloud.session({ credentials }).send(GET);
  expect(JSON.parse(cloud.seen[0]?.body ?? '')).toEqual({
    auth: {
      identity: { methods: ['application_credential'], application_credential: { id: 'ac', secret: 's' } },
    },
  });
});

test('renews the token two minutes before its end', async () => {
  const cloud = fakeCloud(() => Response.json({ a: 1 }));
  const session = cloud.session();
  await session.send(GET);
  cloud.advance(3_600_000 - 120_001);
  await session.send(GET);
  expect(cloud.logins()).toBe(1);
  cloud.advance(1);
  await session.send(GET);
  expect(cloud.logins()).toBe(2);
});

test('after a 401 logs in and repeats once, and only once', async () => {
  const cloud = fakeCloud(({ headers }) =>
    headers['x-auth-token'] === 'token1'
      ? new Response('', { status: 401 })
      : Response.json({ a: 1 }, { status: 202 }),
  );
  expect(await cloud.session().send(POST)).toEqual({ a: 1 });
  expect(cloud.logins()).toBe(2);
  const hostile = fakeCloud(() => new Response('', { status: 401 }));
  expect(await failure(hostile.session(), POST)).toMatchObject({ code: 'unauthorized', effect: 'none' });
  expect(hostile.seen).toHaveLength(4);
});

test.each([
  [400, { badRequest: { code: 400, message: 'Invalid flavorRef' } }, 'bad_request', 'none'],
  [403, { forbidden: { code: 403, message: 'Quota exceeded for cores' } }, 'quota', 'none'],
  [403, { forbidden: { code: 403, message: 'Policy does not allow this' } }, 'forbidden', 'none'],
  [404, { itemNotFound: { code: 404, message: 'Instance could not be found' } }, 'not_found', 'none'],
  [
    409,
    { conflictingRequest: { code: 409, message: 'Cannot shelve while it is in task_state' } },
    'conflict',
    'none',
  ],
  [
    409,
    { NeutronError: { type: 'OverQuota', message: 'Quota exceeded for ports', detail: '' } },
    'quota',
    'none',
  ],
  [
    409,
    {
      errors: [
        { status: 409, title: 'Conflict', detail: 'Inventory changed', code: 'placement.concurrent_update' },
      ],
    },
    'conflict',
    'none',
  ],
  [406, { computeFault: { message: 'Version 2.99 is not supported' } }, 'unsupported', 'none'],
  [500, { computeFault: { code: 500, message: 'Unexpected API Error' } }, 'unavailable', 'unknown'],
  [503, '<html><head><title>x</title></head><body>No <b>server</b></body></html>', 'unavailable', 'unknown'],
])('translates %i %j', async (status, body, code, effect) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const error = await failure(fakeCloud(() => new Response(text, { status })).session(), POST);
  expect(error).toMatchObject({ code, effect, retryAfterMs: null });
  expect(error.message).toMatch(/^compute POST \/things: \d{3} [A-Z]/);
  expect(error.message).not.toContain('<');
  const read = await failure(fakeCloud(() => new Response(text, { status })).session(), GET);
  expect(read.effect).toBe('none');
});

test('reads how long to wait', async () => {
  const limited = fakeCloud(() => new Response('', { status: 429, headers: { 'retry-after': '7' } }));
  expect(await failure(limited.session(), POST)).toMatchObject({ code: 'rate_limited', retryAfterMs: 7000 });
});

test('a call that may have reached the cloud leaves its effect unknown', async () => {
  const reset = fakeCloud(() =>
    Promise.reject(new TypeError('fetch failed', { cause: withCode('ECONNRESET') })),
  );
  expect(await failure(reset.session(), POST)).toMatchObject({ code: 'no_reply', effect: 'unknown' });
  const refused = fakeCloud(() =>
    Promise.reject(new TypeError('fetch failed', { cause: withCode('ECONNREFUSED') })),
  );
  expect(await failure(refused.session(), POST)).toMatchObject({ code: 'unavailable', effect: 'none' });
  const garbled = fakeCloud(() => new Response('{"b":', { status: 202 }));
  expect(await failure(garbled.session(), POST)).toMatchObject({ code: 'no_reply', effect: 'unknown' });
});

test('gives up after the time-out', async () => {
  const silent = fakeCloud(() => 'hang');
  const failed = failure(silent.session(), POST);
  await silent.reached;
  silent.advance(30_000);
  expect(await failed).toMatchObject({
    code: 'no_reply',
    effect: 'unknown',
    message: expect.stringContaining('30000 ms'),
  });
});

test('says when Keystone refuses, and which endpoint is missing', async () => {
  const wrong = fakeCloud(() => Response.json({ a: 1 }), 401);
  expect(await failure(wrong.session(), POST)).toMatchObject({ code: 'unauthorized', effect: 'none' });
  const cloud = fakeCloud(() => Response.json({ a: 1 }));
  expect((await failure(cloud.session({ region: 'West' }), GET)).message).toBe(
    "the cloud's catalog has no public endpoint for 'compute' in region 'West'; it has 'East'",
  );
  const image = { ...GET, service: 'image', path: '/images' } as const;
  await cloud.session({ interfaces: ['internal', 'public'] }).send(image);
  expect(cloud.seen.at(-1)?.url).toBe('http://glance/v2/images');
  await cloud
    .session({ endpointOverrides: { network: 'http://other:9696/' } })
    .send({ ...GET, service: 'network' });
  expect(cloud.seen.at(-1)?.url).toBe('http://other:9696/v2.0/things');
});

test('what Keystone does not find is never taken for what was asked for', async () => {
  const gone = fakeCloud(() => Response.json({ a: 1 }), 404);
  expect(await failure(gone.session(), GET)).toMatchObject({ code: 'unauthorized', effect: 'none' });
  await expect(orNull(gone.session().send(GET))).rejects.toThrow(/Keystone gives no token/);
});

test('a service may have a microversion of its own, for the calls without one, or be disabled', async () => {
  const cloud = fakeCloud(() => Response.json({ a: 1 }));
  const session = cloud.session({
    services: { compute: { microversion: '2.60' }, image: { disabled: true } },
  });
  await session.send(GET);
  await session.send({ ...GET, microversion: '2.87' });
  expect(cloud.seen.slice(1).map(({ headers }) => headers['openstack-api-version'])).toEqual([
    'compute 2.60',
    'compute 2.87',
  ]);
  expect(await failure(session, { ...GET, service: 'image' })).toMatchObject({
    code: 'unsupported',
    message: "'image' is not to be called: has_image is false in the cloud's configuration",
  });
});

test('walks pages by marker, and stops where the cloud says so', async () => {
  const cloud = fakeCloud(({ url }) => {
    const marker = new URL(url).searchParams.get('marker');
    if (marker === null)
      return Response.json({
        things: [{ id: '1' }, { id: '2' }],
        things_links: [{ rel: 'next', href: 'x' }],
      });
    return Response.json({ things: [{ id: marker === '2' ? '3' : 'wrong' }] });
  });
  const list = {
    service: 'compute',
    path: '/things',
    key: 'things',
    item: z.object({ id: z.string() }),
  } as const;
  expect(await listAll(cloud.session(), list)).toEqual([{ id: '1' }, { id: '2' }, { id: '3' }]);
  const endless = fakeCloud(() =>
    Response.json({ things: [{ id: '1' }], things_links: [{ rel: 'next', href: 'x' }] }),
  );
  await expect(listAll(endless.session(), list)).rejects.toMatchObject({ code: 'unsupported' });
  expect(endless.seen).toHaveLength(101);
});

test('an object that is not understood fails a list, or is reported where that is allowed', async () => {
  const cloud = fakeCloud(() => Response.json({ things: [{ id: '1' }, { id: '2', size: 'x' }] }));
  const item = z.object({ id: z.string(), size: z.int().default(0) });
  const list = { service: 'compute', path: '/things', key: 'things', item } as const;
  await expect(listAll(cloud.session(), list)).rejects.toMatchObject({ code: 'unavailable' });
  const reported: string[] = [];
  const onUnreadable = (id: string): number => reported.push(id);
  expect(await listAll(cloud.session(), { ...list, onUnreadable })).toEqual([{ id: '1', size: 0 }]);
  expect(reported).toEqual(['2']);
});

test('orNull takes away "not found" and nothing else', async () => {
  const gone = fakeCloud(() => new Response('', { status: 404 }));
  expect(await orNull(gone.session().send({ ...GET, reply: nothing }))).toBeNull();
  const broken = fakeCloud(() => new Response('', { status: 500 }));
  await expect(orNull(broken.session().send({ ...GET, reply: nothing }))).rejects.toBeInstanceOf(
    ProviderError,
  );
});

interface SeenRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}
type Answer = (request: SeenRequest) => Response | Promise<Response> | 'hang';

interface FakeCloud {
  readonly seen: SeenRequest[];
  /** Resolves when a request hangs. */
  readonly reached: Promise<void>;
  session(more?: Partial<SessionOptions>): OpenStackSession;
  logins(): number;
  readonly advance: (ms: number) => void;
}

/** Keystone by itself; everything else is answered by `answer`. Its tokens live for an hour. */
function fakeCloud(answer: Answer, loginStatus = 201): FakeCloud {
  const seen: SeenRequest[] = [];
  const { promise: reached, resolve: hangs } = Promise.withResolvers<void>();
  const time = manualClock();
  const logins = (): number => seen.filter(({ url }) => url.endsWith('/auth/tokens')).length;
  const fetch: Fetch = async (url, init) => {
    const request = { url, headers: init.headers, body: init.body };
    seen.push(request);
    if (url.endsWith('/auth/tokens')) return tokenReply(logins(), loginStatus);
    const reply = await answer(request);
    if (reply !== 'hang') return reply;
    hangs();
    return new Promise((_resolve, reject) => {
      init.signal.addEventListener('abort', () => reject(init.signal.reason as Error));
    });
  };
  const options: SessionOptions = {
    authUrl: 'http://keystone',
    credentials: PASSWORD,
    region: null,
    interfaces: ['public'],
    fetch,
    clock: time.clock,
    callTimeoutMs: 30_000,
  };
  const session = (more: Partial<SessionOptions> = {}): OpenStackSession =>
    createSession({ ...options, ...more });
  return { seen, reached, session, logins, advance: time.advance };
}

function tokenReply(count: number, status: number): Response {
  const token = {
    issued_at: '2026-01-01T00:00:00.000000Z',
    expires_at: '2026-01-01T01:00:00.000000Z',
    user: { id: 'u' },
    project: { id: 'p' },
    catalog: [
      { type: 'compute', endpoints: [endpoint('http://nova/v2.1')] },
      { type: 'image', endpoints: [endpoint('http://glance')] },
    ],
  };
  const headers = { 'x-subject-token': `token${count}`, date: 'Thu, 01 Jan 2026 00:00:00 GMT' };
  return Response.json(status === 201 ? { token } : { error: { code: status, message: 'no' } }, {
    status,
    headers,
  });
}

function endpoint(url: string): object {
  return { interface: 'public', region: 'East', region_id: 'East', url };
}

function manualClock(): { readonly clock: Clock; readonly advance: (ms: number) => void } {
  let nowMs = 0;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  const clock: Clock = {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    setTimer(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const advance = (ms: number): void => {
    nowMs += ms;
    for (const timer of timers) if (timer.atMs <= nowMs && timers.delete(timer)) timer.callback();
  };
  return { clock, advance };
}

async function failure(session: OpenStackSession, call: Call<unknown>): Promise<ProviderError> {
  const outcome = await session.send(call).catch((error: unknown) => error);
  if (outcome instanceof ProviderError) return outcome;
  throw new Error(`expected a ProviderError, got ${String(outcome)}`);
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
