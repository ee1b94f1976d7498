import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createPrng } from '../base/prng.ts';
import { routes } from '../api/routes.ts';
import { cloudTokens } from './authorization.ts';
import { call, type Transport } from './call.ts';
import { followEvents } from './event-stream.ts';

/** A server that accepts the tokens of this set, and a Keystone that hands out t1, t2, … */
function bench(accepted: readonly string[]) {
  const sent: (string | null)[] = [];
  let issued = 0;
  const transport: Transport = {
    baseUrl: 'http://berth.test',
    authorization: cloudTokens(async () => ({ token: `t${(issued += 1)}`, cloud: 'north' })),
    timeoutMs: 1000,
    clock: systemClock,
    prng: createPrng(1),
    fetch: async (_url, init) => {
      const token = new Headers(init?.headers).get('x-auth-token');
      sent.push(token);
      const isGood = token !== null && accepted.includes(token);
      const stream = new Headers(init?.headers).get('accept')?.startsWith('text/event-stream') === true;
      if (isGood) return stream ? new Response('id: 7\n\n') : Response.json({ flavors: [] });
      return Response.json({ ...PROBLEM, status: 401 }, { status: 401 });
    },
  };
  return { transport, sent, logins: () => issued };
}

const PROBLEM = {
  type: 'urn:berth:error:unauthenticated',
  title: 'Not authenticated',
  detail: 'the token is unknown',
  code: 'unauthenticated',
  field: null,
  fix: '',
  details: {},
  request_id: 'req-1',
};

test('nobody logs in before something is sent, and once for all that is', async () => {
  const { transport, sent, logins } = bench(['t1']);
  expect(logins()).toBe(0);
  await Promise.all([1, 2, 3].map(() => call(transport, routes.listFlavors)));
  expect([logins(), sent]).toEqual([1, ['t1', 't1', 't1']]);
});

test('a token that the server no longer accepts is renewed once, for all at the same time', async () => {
  const { transport, sent, logins } = bench(['t2']);
  await Promise.all([1, 2].map(() => call(transport, routes.listFlavors)));
  expect(logins()).toBe(2);
  expect(sent.filter((token) => token === 't1')).toHaveLength(2);
  expect(sent.filter((token) => token === 't2')).toHaveLength(2);
});

test('a server that accepts no token is asked twice and not more', async () => {
  const { transport, sent } = bench([]);
  await expect(call(transport, routes.listFlavors)).rejects.toMatchObject({ status: 401 });
  expect(sent).toEqual(['t1', 't2']);
});

test('a stream goes on with a new token', async () => {
  const { transport, sent } = bench(['t2']);
  const stop = new AbortController();
  const fetchOnce = transport.fetch;
  const watching: Transport = {
    ...transport,
    fetch: async (url, init) => {
      const reply = await fetchOnce(url, init);
      if (reply.ok) stop.abort();
      return reply;
    },
  };
  for await (const _ of followEvents(watching, { signal: stop.signal })) stop.abort();
  expect(sent).toEqual(['t1', 't2']);
});
