/** A primary that is killed under load, and its synchronous standby that takes over. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createdLeases } from '../../src/api/leases.ts';
import { PostgresServer } from '../support/postgres.ts';
import { CrashSite, eventually, type ServerProcess } from '../support/process.ts';
import { liveLeases } from '../support/process-cloud.ts';

const HOSTS = 5;
const CARDS_PER_HOST = 8;
const CLIENTS = 8;
/** What is acknowledged before the primary dies, and after its successor has begun. */
const ACKNOWLEDGED_BEFORE = 150;
const ACKNOWLEDGED_AFTER = 50;
const WAIT_MS_MAX = 60_000;
/** The promise to operators. */
const BACK_MS_MAX = 5000;

let dir: string;
let primary: PostgresServer;
let standby: PostgresServer;
let database: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-failover-'));
  primary = await PostgresServer.start();
  standby = await PostgresServer.start({ standbyOf: { primary, name: 'second' } });
  database = await primary.createDatabase();
});
afterAll(async () => {
  await standby.remove();
  await primary.remove();
  rmSync(dir, { recursive: true, force: true });
});

/** What the callers were told. */
class Callers {
  /** Leases whose creation was acknowledged: kept, being returned, or with that acknowledged too. */
  readonly leases = new Map<string, 'kept' | 'returning' | 'returned'>();
  readonly refusals: string[] = [];
  /** When the last creation or return was acknowledged, ms. */
  readonly acknowledgedAtMs: number[] = [];
  #stopped = false;
  readonly #clients: readonly Promise<void>[];

  constructor(server: ServerProcess) {
    this.#clients = Array.from({ length: CLIENTS }, () => this.#run(server));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  /** Each borrows and returns by turns, and keeps one in eight for good while there are cards. */
  async #run({ url, client }: ServerProcess): Promise<void> {
    for (let turn = 1; !this.#stopped; turn++) {
      try {
        const response = await fetch(`${url}/v1/leases`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
          body: JSON.stringify({ flavor: 'v100', duration: '1h' }),
          signal: AbortSignal.timeout(20_000),
        });
        if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
        const id = createdLeases.parse(await response.json()).leases[0]?.id ?? '';
        const isKept = turn % 8 === 0 && this.keptCount() < HOSTS * CARDS_PER_HOST - CLIENTS;
        this.#acknowledge(id, isKept ? 'kept' : 'returning');
        if (isKept) continue;
        await client.releaseLease(id);
        this.#acknowledge(id, 'returned');
      } catch (error) {
        // Refused or unanswered: nobody was promised anything. Not at once again, as a caller would do.
        this.refusals.push(error instanceof Error ? error.message : String(error));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  keptCount(): number {
    return [...this.leases.values()].filter((state) => state === 'kept').length;
  }

  #acknowledge(id: string, state: 'kept' | 'returning' | 'returned'): void {
    this.leases.set(id, state);
    this.acknowledgedAtMs.push(performance.now());
  }
}

test('SIGKILL of the primary under load: nothing acknowledged is lost, no card is lent twice, back in 5 s', async () => {
  const site = new CrashSite(1, storeAt(`127.0.0.1:${primary.port},127.0.0.1:${standby.port}`));
  try {
    const warned = await site.start({ isSimulated: false });
    expect(warned.stderr()).toContain('none is synchronous');
    await warned.end('SIGTERM');
    await primary.configure({ synchronous_standby_names: 'second' });

    const server = await site.start({ isSimulated: false });
    expect(server.stderr()).not.toContain('none is synchronous');
    const callers = new Callers(server);
    const acknowledged = (): number => callers.acknowledgedAtMs.length;
    await eventually(
      'the load to run',
      WAIT_MS_MAX,
      () => acknowledged() >= ACKNOWLEDGED_BEFORE,
      acknowledged,
    );
    const killedAtMs = performance.now();
    primary.kill();
    await standby.promote();
    const promotedAtMs = performance.now();
    const firstAfter = (): number | undefined => callers.acknowledgedAtMs.find((atMs) => atMs > promotedAtMs);
    await eventually(
      'an acknowledgement',
      WAIT_MS_MAX,
      () => firstAfter() !== undefined,
      () => server.stderr(),
      5,
    );
    const total = acknowledged() + ACKNOWLEDGED_AFTER;
    await eventually(
      'the load to go on',
      WAIT_MS_MAX,
      () => acknowledged() >= total,
      () => callers.refusals.at(-1),
    );
    await callers.stop();
    const backMs = (firstAfter() ?? Number.NaN) - promotedAtMs;
    console.info(
      [
        `acknowledged before the kill: ${callers.acknowledgedAtMs.filter((atMs) => atMs <= killedAtMs).length}`,
        'killed at:                    0 ms',
        `promoted at:                  ${Math.round(promotedAtMs - killedAtMs)} ms`,
        `first acknowledged at:        ${Math.round(promotedAtMs + backMs - killedAtMs)} ms`,
        `back after the promotion in:  ${Math.round(backMs)} ms`,
        `refused or unanswered:        ${callers.refusals.length} of ${callers.refusals.length + acknowledged()}`,
      ].join('\n'),
    );
    expect(backMs).toBeLessThan(BACK_MS_MAX);
    await expectBooks(server, callers);
    await expectNoCardTwice();
    await expectOldPrimaryRefused(server);
  } finally {
    await site.remove();
  }
}, 240_000);

function storeAt(hosts: string): ConstructorParameters<typeof CrashSite>[1] {
  const path = join(dir, 'berth.yaml');
  const gpus = Array.from({ length: CARDS_PER_HOST }, () => ({ class: 'v100' }));
  const size = { vcpus: 64, memory_mib: 262_144, disk_gib: 1000 };
  const declared = Array.from({ length: HOSTS }, (_unused, host) => ({
    name: `gpu-${host}`,
    connection: { host: '192.0.2.7', user: 'ubuntu' },
    gpus,
    ...size,
  }));
  writeFileSync(path, stringify({ declared: { hosts: declared }, rate_limit: null }));
  const url = `postgresql://postgres@${hosts}/${database}`;
  return {
    args: ['--config', path, '--store', url],
    newestIntent: async () => null,
    remove: async () => undefined,
  };
}

/** All that was acknowledged is in the books, as it was acknowledged. */
async function expectBooks(server: ServerProcess, callers: Callers): Promise<void> {
  const wrong: string[] = [];
  for (const [id, told] of callers.leases) {
    const { lease } = await server.client.getLease(id);
    const isOver = lease.state === 'ending' || lease.state === 'ended';
    // A return that was sent and not acknowledged may have been done.
    if (told !== 'returning' && isOver !== (told === 'returned'))
      wrong.push(`${id}: ${told}, but ${lease.state}`);
  }
  expect(wrong).toEqual([]);
  expect(callers.keptCount()).toBeGreaterThan(0);
  const byHost = new Map<string | null, number>();
  for (const { host, state } of await liveLeases(server)) {
    if (state !== 'queued') byHost.set(host, (byHost.get(host) ?? 0) + 1);
  }
  expect(Math.max(...byHost.values())).toBeLessThanOrEqual(CARDS_PER_HOST);
}

/** By counting rows, not by the index that should see to it. */
async function expectNoCardTwice(): Promise<void> {
  const twice = await standby.sql(
    'SELECT device_id FROM claim_devices WHERE held = 1 GROUP BY device_id HAVING count(*) > 1',
    database,
  );
  expect(twice).toEqual([]);
  const wrong = await standby.sql(
    'SELECT host_id FROM host_capacity WHERE used > total OR used <> ' +
      '(SELECT coalesce(sum(count), 0) FROM claim_classes AS c ' +
      'WHERE c.held = 1 AND c.host_id = host_capacity.host_id AND c.device_class = host_capacity.device_class)',
    database,
  );
  expect(wrong).toEqual([]);
  const [events] = await standby.sql('SELECT count(*) AS count, max(seq) AS last FROM events', database);
  expect(events?.['count']).toBe(events?.['last']);
}

/** It still asks for its standby, so it confirms nothing; and who has seen the new one does not go back. */
async function expectOldPrimaryRefused(server: ServerProcess): Promise<void> {
  await primary.resume();
  const believer = new CrashSite(1, storeAt(`127.0.0.1:${primary.port}`));
  try {
    const refused = await believer.startInVain({ isSimulated: false });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('the database does not answer');
  } finally {
    await believer.remove();
  }
  await standby.sql(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'berth %'",
  );
  let id = '';
  await eventually('a lease on the new primary', WAIT_MS_MAX, async () => {
    try {
      id = (await server.client.createLease({ flavor: 'v100', duration: '1h' })).lease?.id ?? '';
      return true;
    } catch {
      return false;
    }
  });
  expect(await standby.sql('SELECT id FROM leases WHERE id = $1', database, [id])).toHaveLength(1);
}
