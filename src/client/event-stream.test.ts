import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { STREAM_END } from '../api/events.ts';
import { systemClock } from '../base/clock.ts';
import { createPrng } from '../base/prng.ts';
import { bearer } from './authorization.ts';
import type { Transport } from './call.ts';
import { ApiError, ConnectionError } from './errors.ts';
import { followEvents, parseStream, type StreamMessage } from './event-stream.ts';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test('a stream reads the same however it is cut', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replaceAll(/[\r\n]/g, ''));
  const message = fc.record({ id: fc.nat().map(String), data: text.filter((value) => value !== '') });
  await fc.assert(
    fc.asyncProperty(fc.array(message), fc.integer({ min: 1, max: 7 }), async (messages, size) => {
      const wire = messages.map(({ id, data }) => `: beat\n\nid: ${id}\ndata: ${data}\n\n`).join('');
      const read = await collect(parseStream(inPieces(new TextEncoder().encode(wire), size)));
      expect(read).toEqual(messages.map((each): StreamMessage => ({ ...each, event: 'message' })));
    }),
  );
});

test('lines may end in carriage returns, and data may have several lines', async () => {
  const wire = new TextEncoder().encode('event: x\r\ndata: a\r\ndata:b\r\n\r\nid: 7\n\n');
  expect(await collect(parseStream(inPieces(wire, 3)))).toEqual([
    { id: null, event: 'x', data: 'a\nb' },
    { id: '7', event: 'message', data: '' },
  ]);
});

const event = (seq: number): string =>
  `id: ${seq}\ndata: ${JSON.stringify({
    seq,
    at: '2026-11-21T14:32:00Z',
    actor: 'system:test',
    type: 'lease.granted',
    entity: 'lease',
    id: 'l',
    project_id: null,
    reason: null,
    data: {},
    before: null,
    after: null,
  })}\n\n`;

/** A server of which every connection answers the next of these: a stream, or a failure. */
function transportOf(
  answers: readonly (string | Error | Response)[],
): Transport & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    baseUrl: 'http://berth.test',
    authorization: bearer(null),
    timeoutMs: 1000,
    clock: {
      ...systemClock,
      setTimer: (delayMs, callback) => systemClock.setTimer(Math.min(delayMs, 1), callback),
    },
    prng: createPrng(1),
    fetch: async (url) => {
      const answer = answers[asked.length] ?? new Error('no more');
      asked.push(new Request(url).url);
      if (answer instanceof Error) throw answer;
      return typeof answer === 'string' ? new Response(answer) : answer;
    },
  };
}

describe('following', () => {
  test('resumes after the last event when a stream broke, was ended, or could not be opened', async () => {
    const end = `event: ${STREAM_END}\ndata: {"reason":"slow","detail":"","after":4}\n\n`;
    const transport = transportOf([
      `id: 2\n\n${event(3)}`,
      new TypeError('fetch failed'),
      event(4) + end,
      new Response('busy', { status: 503 }),
      event(5),
    ]);
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const { seq } of followEvents(transport, { signal: stop.signal })) {
      seen.push(seq);
      if (seq === 5) stop.abort();
    }
    expect(seen).toEqual([3, 4, 5]);
    expect(transport.asked.map((url) => new URL(url).searchParams.get('after'))).toEqual([
      null,
      '3',
      '3',
      '4',
      '4',
    ]);
  });

  test('gives up where repeating cannot help', async () => {
    const end = `event: ${STREAM_END}\ndata: {"reason":"unauthenticated","detail":"revoked","after":4}\n\n`;
    await expect(collect(followEvents(transportOf([end]), {}))).rejects.toBeInstanceOf(ApiError);
    const denied = new Response('{}', { status: 403 });
    await expect(collect(followEvents(transportOf([denied]), {}))).rejects.toMatchObject({ status: 403 });
  });

  test('gives up after many failures in a row', async () => {
    const transport = transportOf([]);
    await expect(collect(followEvents(transport, {}))).rejects.toBeInstanceOf(ConnectionError);
    expect(transport.asked.length).toBe(13);
  });
});
