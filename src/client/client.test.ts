import { expect, test } from 'vitest';
import type { Route } from '../api/route.ts';
import { routes } from '../api/routes.ts';
import { systemClock } from '../base/clock.ts';
import { createClient } from './client.ts';
import { ApiError, ConnectionError } from './errors.ts';

const freeze = '{"freeze":{"frozen":false,"since":null,"reason":null,"actor":null}}';
const clock = {
  ...systemClock,
  setTimer: (_: number, callback: () => void) => systemClock.setTimer(0, callback),
};

interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
}

/** A client whose requests are answered by these in turn. */
function clientOf(...answers: readonly (Response | Error)[]) {
  const asked: Asked[] = [];
  const client = createClient({
    baseUrl: 'http://berth.test/',
    token: 'secret',
    clock,
    fetch: async (url, init) => {
      const answer = answers[asked.length] ?? new Error('no more');
      asked.push({
        url: new Request(url).url,
        method: init?.method ?? '',
        headers: new Headers(init?.headers),
      });
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  return { client, asked };
}

const broken = (): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }) });
const refusedConnection = (): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });

test('has a method for every operation that answers JSON', () => {
  const names = Object.entries<Route>(routes)
    .filter(([, route]) => route.response !== null)
    .map(([id]) => id);
  expect(names.length).toBeGreaterThan(25);
  expect(Object.keys(clientOf().client)).toEqual(expect.arrayContaining(names));
});

test('repeats a command after a broken connection, under the same key', async () => {
  const { client, asked } = clientOf(broken(), broken(), new Response(freeze));
  await client.thaw();
  expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(
    Array(3).fill('DELETE http://berth.test/v1/freeze'),
  );
  const keys = asked.map(({ headers }) => headers.get('idempotency-key'));
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(keys).size).toBe(1);
  expect(asked[0]?.headers.get('authorization')).toBe('Bearer secret');
});

test('gives up after three tries, and at once where nothing can have arrived', async () => {
  const lost = clientOf(broken(), broken(), broken(), new Response(freeze));
  await expect(lost.client.getFreeze()).rejects.toBeInstanceOf(ConnectionError);
  expect(lost.asked.length).toBe(3);
  const unsent = clientOf(refusedConnection());
  await expect(unsent.client.getFreeze()).rejects.toMatchObject({
    unsent: true,
    fix: expect.stringContaining('berth serve'),
  });
  expect(unsent.asked.length).toBe(1);
});

test('does not repeat what has no key', async () => {
  const { client, asked } = clientOf(broken());
  await expect(client.createToken({ name: 'ci' })).rejects.toBeInstanceOf(ConnectionError);
  expect(asked.length).toBe(1);
  expect(asked[0]?.headers.has('idempotency-key')).toBe(false);
});

test('tells what the server said, and what is no server of ours', async () => {
  const problem = {
    type: 'urn:berth:error:not_found',
    title: 'Not found',
    status: 404,
    detail: 'There is no lease x.',
    code: 'not_found',
    field: null,
    fix: 'List what there is.',
    details: { tried: 1 },
    request_id: 'req-1',
  };
  const said = clientOf(new Response(JSON.stringify(problem), { status: 404 }));
  await expect(said.client.getLease('x')).rejects.toMatchObject({
    code: 'not_found',
    requestId: 'req-1',
    details: { tried: 1 },
  });
  for (const answer of [
    new Response('<html>', { status: 502 }),
    new Response('<html>'),
    new Response('{"lease":1}'),
  ]) {
    const error: unknown = await clientOf(answer)
      .client.getLease('x')
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'unexpected_reply' });
  }
});

test('puts ids into the path so that they stay one part of it', async () => {
  const { client, asked } = clientOf(new Error('a'), new Error('b'), new Error('c'));
  await client.getHost('rack 1/gpu?#').catch(() => undefined);
  expect(new URL(asked[0]?.url ?? '').pathname).toBe('/v1/hosts/rack%201%2Fgpu%3F%23');
});
