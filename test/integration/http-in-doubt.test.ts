/** A client that follows events, and loses its connection now and then, while answers to COMMIT are lost. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventJson } from '../../src/api/events.ts';
import { systemClock } from '../../src/base/clock.ts';
import { parseStream } from '../../src/client/event-stream.ts';
import { StoreError, type EventQuery, type StoredEvent } from '../../src/engine/ports.ts';
import { ReadModel } from '../../src/engine/read-model.ts';
import { Service } from '../../src/engine/service.ts';
import { EngineSession, type Outside } from '../../src/engine/session.ts';
import { createEventStreams, type EventStreams } from '../../src/server/event-streams.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { startRig, type Rig } from '../support/engine-rig.ts';
import { create, flavor, slotHost } from '../support/worlds.ts';

const EVENTS_WANTED = 60;
/** After so many events the client hangs up and comes back. */
const READ_AT_ONCE = 7;

/** How far the writer may be ahead of the reader: streams begin in the past, and go on with what comes. */
const AHEAD_MAX = 4;

const OUTSIDE: Outside = {
  providers: () => [],
  plannedSteps: () => [],
  adoptable: () => [],
  admit: async () => null,
};

/** Its store answers late, so that what is read of the past and what is told meanwhile overlap. */
class SlowSession extends EngineSession {
  override async events(query: Omit<EventQuery, 'projectId'>): Promise<readonly StoredEvent[]> {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    return super.events(query);
  }
}

/** Number, and of which lease. */
type Seen = readonly [seq: number, about: string];

let rig: Rig;
let server: Server;
let streams: EventStreams;
let url: string;

beforeAll(async () => {
  rig = await startRig({ hosts: [slotHost('s1', { V100: 4 })], flavors: [flavor('one', { V100: 1 })] });
  const service = new Service({ engine: rig.engine, outside: { ...OUTSIDE, ready: () => true } });
  const read = new ReadModel(rig.engine, () => []);
  const logger = { logs: () => false, log: () => undefined };
  streams = createEventStreams(systemClock, createMetrics(service, 'test'), logger);
  server = createServer((request, response) => {
    streams.open({
      session: new SlowSession(rig.engine, read, OUTSIDE, { kind: 'system', name: 'test' }),
      filter: { leaseId: null, type: null },
      afterSeq: Number(request.headers['last-event-id']),
      response,
      headers: {},
      stillValid: async () => true,
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${isAddress(address) ? address.port : 0}`;
});

afterAll(async () => {
  streams.close();
  rig.engine.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('sees each event once, in order, whatever became of the commits', async () => {
  const seen: Seen[] = [];
  const writing = writeInDoubt(seen);
  while (seen.length < EVENTS_WANTED) await follow(seen);
  await writing;
  const query = { afterSeq: 0, limit: 1000, projectId: null, leaseId: null, type: null, newestFirst: false };
  const stored = await rig.store.readEvents(query);
  expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_event, index) => index + 1));
  expect(seen).toEqual(stored.map(({ seq, id }) => [seq, id]).slice(0, seen.length));
  expect(rig.engine.stats.reloads).toBeGreaterThan(10);
});

/** Requests leases; of three batches one is not there, one is there without an answer, one is answered. */
async function writeInDoubt(seen: readonly Seen[]): Promise<void> {
  const { engine, faults } = rig;
  let written = 0;
  engine.subscribe((_changes, events) => (written = events.at(-1)?.seq ?? written));
  for (let batch = 0; seen.length < EVENTS_WANTED; batch++) {
    while (written > seen.length + AHEAD_MAX) await new Promise(setImmediate);
    const point = (['beforeCommit', 'afterCommit'] as const)[batch % 3];
    if (point !== undefined) {
      faults[point] = () => {
        faults[point] = () => undefined;
        throw new StoreError('in_doubt', 'no reply');
      };
    }
    await Promise.allSettled([
      engine.command('test', create(`a${batch}`, 'one')),
      engine.command('test', create(`b${batch}`, 'one')),
    ]);
    await new Promise(setImmediate);
  }
}

/** Adds the next events; then the connection is gone. */
async function follow(seen: Seen[]): Promise<void> {
  const last = seen.at(-1)?.[0] ?? 0;
  const reply = await fetch(url, { headers: { 'last-event-id': String(last) } });
  let count = 0;
  for await (const { id, data } of parseStream(reply.body ?? new ReadableStream())) {
    if (data === '') continue;
    const event = eventJson.parse(JSON.parse(data));
    seen.push([Number(id), event.id]);
    count += 1;
    if (count === READ_AT_ONCE) break;
  }
}

function isAddress(address: ReturnType<Server['address']>): address is AddressInfo {
  return address !== null && typeof address === 'object';
}
