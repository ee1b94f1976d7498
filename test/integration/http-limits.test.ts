/** Limits of callers and addresses, also behind a proxy and for streams. */
import { afterEach, expect, test } from 'vitest';
import { RATE_LIMIT_DEFAULT } from '../../src/server/options.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';

let server: TestServer;
afterEach(() => server.close());

/** How many wrong tokens an address may send at once. */
const GUESSES = 20;

/** The status of a guess that a proxy passes on; `forwarded` is its X-Forwarded-For. */
async function guess(forwarded: string): Promise<number> {
  const headers = { 'x-auth-token': 'guess', 'x-forwarded-for': forwarded };
  const reply = await fetch(`${server.url}/v1/status`, { headers });
  await reply.arrayBuffer();
  return reply.status;
}

async function exhaust(forwarded: (index: number) => string): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < GUESSES + 3; index++) statuses.push(await guess(forwarded(index)));
  return statuses;
}

test('behind a declared proxy each address has its own limit', async () => {
  server = await startTestServer({
    server: { rateLimit: RATE_LIMIT_DEFAULT, trustedProxies: ['127.0.0.1'] },
  });
  expect((await exhaust(() => '192.0.2.1')).at(-1)).toBe(429);
  expect(await guess('192.0.2.2')).toBe(401);
});

test('what a caller makes up before its proxy changes nothing', async () => {
  server = await startTestServer({
    server: { rateLimit: RATE_LIMIT_DEFAULT, trustedProxies: ['127.0.0.1'] },
  });
  // The proxy appends whom it sees; what stands before came from the caller.
  expect((await exhaust((index) => `198.51.100.${index}, 192.0.2.1`)).at(-1)).toBe(429);
  // A made-up proxy before the real address does not help either.
  expect(await guess('198.51.100.99, 127.0.0.1, 192.0.2.1')).toBe(429);
});

test('without a declared proxy the header is not believed', async () => {
  server = await startTestServer({ server: { rateLimit: RATE_LIMIT_DEFAULT } });
  expect((await exhaust((index) => `198.51.100.${index}`)).at(-1)).toBe(429);
});

test('the addresses of one IPv6 network count as one', async () => {
  server = await startTestServer({
    server: { rateLimit: RATE_LIMIT_DEFAULT, trustedProxies: ['127.0.0.1'] },
  });
  expect((await exhaust((index) => `2001:db8:1:2::${index + 1}`)).at(-1)).toBe(429);
  expect(await guess('2001:db8:1:3::1')).toBe(401);
});

test('replies tell how the limit stands; streams count as requests', async () => {
  server = await startTestServer({ server: { rateLimit: { perSecond: 0.1, burst: 3 } } });
  const headers = { 'x-auth-token': await server.token('reader', 'demo') };
  const first = await fetch(`${server.url}/v1/queue`, { headers });
  expect([first.headers.get('ratelimit-policy'), first.headers.get('ratelimit')]).toEqual([
    '"caller";q=3;w=30',
    '"caller";r=2;t=10',
  ]);
  const streams = { ...headers, accept: 'text/event-stream' };
  const statuses: number[] = [];
  for (let index = 0; index < 3; index++) {
    const abort = new AbortController();
    const reply = await fetch(`${server.url}/v1/events`, { headers: streams, signal: abort.signal });
    statuses.push(reply.status);
    if (reply.status === 429) expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    abort.abort();
  }
  expect(statuses).toEqual([200, 200, 429]);
});
