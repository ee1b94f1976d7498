/** What is left of the audit log says where it begins, as a page and as a stream. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import type { RemovedEventsJson } from '../../src/api/events.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { createCliTest } from '../support/cli-io.ts';
import { startTestServer, type TestServer } from '../support/engine.ts';

let server: TestServer;
let token: string;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  token = await server.token('admin', 'ops');
  client = createClient({ baseUrl: server.url, token });
  for (const name of ['a', 'b', 'c', 'd'])
    await server.engine.command('test', { type: 'project.seen', projectId: asId('p'), name });
  expect(await client.listEvents({ after: 0 })).toMatchObject({ removed: null });
  const eventFloor = { seq: 3, atMs: Date.UTC(2026, 10, 21) };
  await server.engine.command('test', { type: 'records.remove', leaseIds: [], eventFloor });
});
afterAll(() => server.close());

const REMOVED = { through: 3, at: '2026-11-21T00:00:00Z' };

test('a page that begins before the floor tells what is missing; one after it does not', async () => {
  const page = await client.listEvents({ after: 0 });
  expect(page.removed).toEqual(REMOVED);
  expect(page.events[0]?.seq).toBe(4);
  expect((await client.listEvents({ after: 2 })).removed).toEqual(REMOVED);
  expect((await client.listEvents({ after: 3 })).removed).toBeNull();
});

test('a stream that resumes before the floor is told first, and goes on after it', async () => {
  const removed: RemovedEventsJson[] = [];
  const events = client.events({ after: 1, onRemoved: (told) => removed.push(told) });
  const first = await events.next();
  expect(first.value?.seq).toBe(4);
  expect(removed).toEqual([REMOVED]);
  await events.return(undefined);
});

test('the command line says so', async () => {
  const cli = createCliTest({ env: { BERTH_URL: server.url, BERTH_TOKEN: token } });
  expect(await cli.run('event', 'list')).toBe(0);
  expect(cli.stderr()).toContain('Events up to 3 (2026-11-21T00:00:00Z) are kept no longer.');
});
