/** What a server process must do however it is stopped, whatever it stores in. */
import { randomInt, randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { createdLeases, type LeaseJson } from '../../src/api/leases.ts';
import { createPrng } from '../../src/base/prng.ts';
import { CrashSite, eventually, type ServerProcess, type SiteStore } from '../support/process.ts';
import { allEvents, cloudOf, differences, liveLeases, logFaults, madeIn } from '../support/process-cloud.ts';
import { crashAt } from '../support/process-crash.ts';

const BORROWS = 100;
const CLIENTS = 10;
const HOSTS = 10;
const GPUS = 2 * HOSTS;
/** All starts or all ends, 16 calls at once, on two busy cores. */
const SETTLE_MS_MAX = 45_000;
/** The promise to operators and their service managers. */
const STOP_MS_MAX = 10_000;

/** `createStore`: a store for one site; undefined: SQLite in its data folder. */
export function describeCrashes(title: string, createStore: () => Promise<SiteStore | undefined>): void {
  describe(title, () => {
    let site: CrashSite | null = null;
    afterEach(async () => {
      await site?.remove();
      site = null;
    });

    test('SIGKILL amid 100 borrows: every key makes one lease, and cloud and leases agree', async () => {
      const seed = randomInt(2 ** 31);
      const prng = createPrng(seed);
      const killAfter = 1 + prng.below(BORROWS - CLIENTS);
      const killAtServers = 1 + prng.below(GPUS - 1);
      console.info(`seed ${seed}: killed after ${killAfter} answers, then at ${killAtServers} servers`);
      site = new CrashSite(HOSTS, await createStore());
      const borrows = Array.from({ length: BORROWS }, (_, index): Borrow => ({
        key: randomUUID(),
        name: `borrow-${index}`,
        leaseId: null,
      }));

      const first = await site.start();
      await askAll(first, borrows, (answers) => {
        if (answers === killAfter) process.kill(first.pid, 'SIGKILL');
      });
      await first.exited;
      const acknowledged = borrows.filter(({ leaseId }) => leaseId !== null).length;
      expect(acknowledged).toBeGreaterThanOrEqual(killAfter);
      expect(acknowledged).toBeLessThan(BORROWS);

      const second = await site.start();
      // All again: the acknowledged ones must be answered with the lease that they have.
      await askAll(second, borrows);
      expect(borrows.filter(({ leaseId }) => leaseId === null)).toEqual([]);
      await eventually(
        `${killAtServers} servers in the cloud`,
        SETTLE_MS_MAX,
        async () => (await cloudOf(second)).servers.length >= killAtServers,
      );
      await second.end('SIGKILL');

      const third = await site.start();
      const isQuiet = async (): Promise<boolean> => (await found(third)).length === 0;
      await eventually('cloud and leases to agree', SETTLE_MS_MAX, isQuiet, () => found(third));
      const leases = await liveLeases(third);
      expect(namesById(leases)).toEqual(new Map(borrows.map(({ leaseId, name }) => [leaseId, name])));
      expect(leases.filter(({ state }) => state === 'active')).toHaveLength(GPUS);
      expect(logFaults(await allEvents(third), leases)).toEqual([]);
      await releaseAll(third, leases);
    }, 120_000);

    test.concurrent.each([
      ['before_intent', 'createServer'],
      ['after_reply', 'createServer'],
      ['after_reply', 'unshelve'],
      ['before_send', 'deleteServer'],
    ] as const)(
      'SIGKILL %s of %s: one server, and nothing left at the end',
      async (point, step) => crashAt(point, step, await createStore()),
      60_000,
    );

    test('one server per store: a second one names the first, and follows at once when that is killed', async () => {
      site = new CrashSite(2, await createStore());
      const first = await site.start();
      const refused = await site.startInVain();
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(
        / is in use by process \d+ on .+: one server per (?:data folder|database)/,
      );
      expect(refused.stderr).toContain(`process ${first.pid} `);
      expect((await first.client.getStatus()).ready).toBe(true);
      await first.end('SIGKILL');
      await site.start();
    }, 60_000);

    test('SIGTERM ends the streams with a last word, and the process with 0', async () => {
      site = new CrashSite(2, await createStore());
      const server = await site.start();
      const stream = await fetch(`${server.url}/v1/events?after=0`, {
        headers: { accept: 'text/event-stream' },
      });
      expect(stream.headers.get('content-type')).toContain('text/event-stream');
      const text = stream.text();
      const startedMs = performance.now();
      expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(performance.now() - startedMs).toBeLessThan(STOP_MS_MAX);
      expect(await text).toMatch(/event: berth\.end\n[^]*"reason":"stopping"[^]*\n\n$/);
    }, 60_000);

    test('a server that cannot start says why and ends, and the next one gets its store', async () => {
      const own = new CrashSite(2, await createStore());
      try {
        const failed = await own.startInVain({ args: ['--cloud', 'nosuch'] });
        expect(failed.code).toBe(1);
        expect(failed.stderr).toContain('nosuch');
        const server = await own.start();
        await server.end('SIGTERM');
      } finally {
        await own.remove();
      }
    }, 60_000);
  });
}

interface Borrow {
  readonly key: string;
  readonly name: string;
  /** null: no answer yet. */
  leaseId: string | null;
}

/** What is wrong now; the leases are read again after the cloud, so that both belong together. */
async function found(server: ServerProcess): Promise<readonly string[]> {
  const before = await liveLeases(server);
  const cloud = await cloudOf(server);
  const leases = await liveLeases(server);
  if (before.some((lease, index) => lease.generation !== leases[index]?.generation)) return ['still moving'];
  return differences(leases, cloud);
}

/** Those who wait first, so that nobody starts in their place. */
async function releaseAll(server: ServerProcess, leases: readonly LeaseJson[]): Promise<void> {
  const { client } = server;
  for (const lease of leases.toSorted(
    (a, b) => Number(b.state === 'queued') - Number(a.state === 'queued'),
  )) {
    await client.releaseLease(lease.id);
  }
  await eventually('an empty cloud', SETTLE_MS_MAX, async () => {
    const left = await liveLeases(server);
    return left.length === 0 && madeIn(await cloudOf(server)).length === 0;
  });
  const ended = await Promise.all(leases.map(async ({ id }) => (await client.getLease(id)).lease));
  expect(new Set(ended.map(({ end_reason: reason }) => reason))).toEqual(new Set(['released', 'cancelled']));
  const events = await allEvents(server);
  expect(logFaults(events, ended)).toEqual([]);
  const granted = events.filter(({ type }) => type === 'lease.granted').map(({ id }) => id);
  expect(granted).toHaveLength(GPUS);
  expect(new Set(granted).size).toBe(GPUS);
  const { flavors } = await client.listFlavors();
  expect(flavors.find(({ name }) => name === 'gpu_tiny')).toMatchObject({ available: GPUS, total: GPUS });
}

/** Asks for each that has no answer, several clients at a time; a broken connection is no answer. */
async function askAll(
  server: ServerProcess,
  borrows: readonly Borrow[],
  onAnswer: (answers: number) => void = () => undefined,
): Promise<void> {
  const waiting = [...borrows];
  let answers = 0;
  const ask = async (): Promise<void> => {
    for (let borrow = waiting.pop(); borrow !== undefined; borrow = waiting.pop()) {
      const leaseId = await askFor(server, borrow);
      if (leaseId === null) continue;
      if (borrow.leaseId !== null) expect(leaseId).toBe(borrow.leaseId);
      borrow.leaseId = leaseId;
      onAnswer(++answers);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, ask));
}

/** The id of the lease; null: the server is gone. */
async function askFor(server: ServerProcess, { key, name }: Borrow): Promise<string | null> {
  let status: number;
  let body: unknown;
  try {
    const response = await fetch(`${server.url}/v1/leases`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ flavor: 'gpu_tiny', duration: '1h', name }),
    });
    status = response.status;
    body = await response.json();
  } catch {
    return null;
  }
  expect({ status, body }).toMatchObject({ status: 201 });
  const { leases } = createdLeases.parse(body);
  expect(leases).toHaveLength(1);
  return leases[0]?.id ?? null;
}

function namesById(leases: readonly LeaseJson[]): ReadonlyMap<string, string> {
  return new Map(leases.map(({ id, name }) => [id, name]));
}
