import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventJson } from '../../src/api/events.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { parseStream, type StreamMessage } from '../../src/client/event-stream.ts';
import { startTestServer } from '../support/engine.ts';

let server: Awaited<ReturnType<typeof startTestServer>>;
let token: string;
let client: Client;
let flavor: string;

beforeAll(async () => {
  server = await startTestServer();
  token = await server.token('manager', 'demo');
  client = createClient({ baseUrl: server.url, token });
  flavor = (await client.listFlavors()).flavors[0]?.id ?? '';
});

afterAll(() => server.close());

async function borrow(): Promise<string> {
  return (await client.createLease({ flavor, duration: '1h' })).lease?.id ?? '';
}

/** The first `count` events of a stream. */
async function take(events: AsyncGenerator<EventJson>, count: number): Promise<EventJson[]> {
  const taken: EventJson[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

function open(headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${server.url}/v1/events`, {
    headers: { accept: 'text/event-stream', 'x-auth-token': token, ...headers },
  });
}

test('pages and the stream tell the same, in the same order', async () => {
  for (let index = 0; index < 3; index++) await borrow();
  const pages: EventJson[] = [];
  let after = 0;
  for (let next: number | null = 0; next !== null;) {
    const page = await client.listEvents({ after, limit: 2 });
    pages.push(...page.events);
    next = page.next;
    after = next ?? after;
  }
  expect(pages.length).toBeGreaterThan(2);
  expect(await take(client.events({ after: 0 }), pages.length)).toEqual(pages);
  const newest = await client.listEvents({ order: 'newest', limit: 1 });
  expect(newest.events[0]?.seq).toBeGreaterThanOrEqual(pages.at(-1)?.seq ?? Infinity);
});

test('a stream without a position starts with what comes next', async () => {
  const reply = await open();
  expect(reply.headers.get('content-type')).toBe('text/event-stream');
  const messages = parseStream(reply.body ?? new ReadableStream());
  const position: IteratorResult<StreamMessage, void> = await messages.next();
  expect(position.value).toMatchObject({ data: '' });
  const id = await borrow();
  for await (const message of messages) {
    expect(Number(message.id)).toBeGreaterThan(Number(position.value?.id));
    if (message.data.includes(id)) break;
  }
});

test('a stream resumes after the last event that was seen', async () => {
  await borrow();
  const { events } = await client.listEvents({ limit: 1000 });
  const last = events.at(-2)?.seq ?? 0;
  const reply = await open({ 'last-event-id': String(last) });
  const messages = parseStream(reply.body ?? new ReadableStream());
  await messages.next();
  expect((await messages.next()).value).toMatchObject({ id: String(events.at(-1)?.seq) });
  await messages.return();
});

test('a stream can be confined to a lease', async () => {
  const [first, second] = [await borrow(), await borrow()];
  const seen = take(client.events({ after: 0, lease: second }), 1);
  expect((await seen)[0]?.id).toBe(second);
  expect((await client.listEvents({ lease: first, limit: 1000 })).events.map(({ id }) => id)).not.toContain(
    second,
  );
});

test('nobody sees the events of another project', async () => {
  const other = createClient({ baseUrl: server.url, token: await server.token('member', 'elsewhere') });
  const id = await borrow();
  const { events } = await other.listEvents({ limit: 1000 });
  expect(events.filter((event) => event.id === id)).toEqual([]);
  await expect(other.listEvents({ lease: id })).rejects.toMatchObject({ code: 'not_found' });
});

test('a stopping server says goodbye with the position', async () => {
  const own = await startTestServer();
  const reply = await fetch(`${own.url}/v1/events?after=0`, {
    headers: { accept: 'text/event-stream', 'x-auth-token': await own.token('reader', 'demo') },
  });
  const messages = parseStream(reply.body ?? new ReadableStream());
  await messages.next();
  await own.close();
  let last: StreamMessage | undefined;
  for await (const message of messages) last = message;
  expect(last?.event).toBe('berth.end');
  expect(JSON.parse(last?.data ?? '')).toMatchObject({ reason: 'stopping', after: expect.any(Number) });
});
