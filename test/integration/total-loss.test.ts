/** A data folder that is lost and restored from a backup older than the cloud. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/base/units.ts';
import { asId } from '../../src/base/ids.ts';
import { NO_REFS } from '../../src/domain/model/lease.ts';
import { backUp, checkBackup, restore } from '../../src/main/backup.ts';
import { markMoved } from '../../src/store/sqlite/moved.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { eventually } from '../support/process.ts';
import { leaseId, SimulatedService } from '../support/simulated-service.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const run = promisify(execFile);

let dir: string;
let data: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-loss-'));
  data = join(dir, 'data');
  file = join(dir, 'backup.tar');
  mkdirSync(data, { mode: 0o700 });
});
afterEach(() => rmSync(dir, { recursive: true }));

const where = { configPath: null, storeUrl: null, passphrasePath: null };
const backUpNow = async (keyOnly = false, path = file): Promise<unknown> =>
  backUp({ ...where, path, dataDir: data, keyOnly }, Date.now(), createWriteStream('/dev/null'));
const restoreNow = async (force = false): ReturnType<typeof restore> =>
  restore({ ...where, path: file, dataDir: data, force }, systemClock);

const serviceOn = (after?: SimulatedService): SimulatedService =>
  new SimulatedService({ storePath: join(data, 'berth.sqlite'), ...(after !== undefined && { after }) });

/** Everything of Berth in the cloud, by kind. */
function serverStatuses(service: SimulatedService): readonly string[] {
  return [...service.cloud.servers.values()]
    .filter(({ vmState }) => vmState !== 'deleted')
    .map(({ name, vmState }) => `${name} ${vmState}`)
    .toSorted();
}

async function adoptServerOf(service: SimulatedService, id: string): Promise<void> {
  const found = service.controllers.adoptable().find(({ server }) => server.berth?.leaseId === id);
  if (found === undefined) throw new Error(`${id} cannot be adopted`);
  const { server, portId, floatingIpId, address } = found;
  const flavor = [...service.engine.world.flavors.values()].find(({ name }) => name === server.flavorName);
  const outcome = await service.give({
    type: 'lease.adopt',
    leaseId: leaseId(id),
    projectId: asId('demo'),
    ownerId: 'ann',
    name: id,
    flavorId: flavor?.id ?? asId('none'),
    running: {
      hostId: server.hostId ?? asId('none'),
      connection: { host: address ?? '', port: 22, user: 'ubuntu' },
    },
    refs: { ...NO_REFS, serverId: server.id, portId, floatingIpId, address },
    durationMs: HOUR_MS,
    atEnd: 'delete',
  });
  expect(outcome).toMatchObject({ ok: true });
}

describe('after a total loss and the restore of a backup that is older', () => {
  /** Until the backup: `kept`, `longer`, `returned`. After it: `longer` extended, `returned` gone, `younger` made. */
  async function lost(): Promise<SimulatedService> {
    const first = await serviceOn().open();
    await first.borrow(['kept', 'longer', 'returned'], { durationMs: HOUR_MS });
    for (const name of ['kept', 'longer', 'returned']) await first.reach(name, 'active');
    await backUpNow();
    const until = first.engine.nowMs() + 2 * DAY_MS;
    for (const name of ['kept', 'longer'])
      await first.give({ type: 'lease.extend', role: 'member', leaseId: leaseId(name), expiresAtMs: until });
    await first.give({ type: 'lease.release', leaseId: leaseId('returned') });
    await first.reach('returned', 'ended');
    await first.borrow(['younger'], { durationMs: DAY_MS });
    await first.reach('younger', 'active');
    await first.crash();
    rmSync(data, { recursive: true });
    return first;
  }

  test(
    'nothing is taken away, however long nobody looks; adopted, the counts are right again',
    { timeout: 60_000 },
    async () => {
      const first = await lost();
      const servers = ['kept active', 'longer active', 'younger active'];
      expect(serverStatuses(first)).toEqual(servers);
      const { deploymentId } = await restoreNow();
      expect(deploymentId).toBe(first.engine.world.control.deploymentId);

      const second = await serviceOn(first).open();
      expect(second.engine.world.control.freeze?.reason).toContain('restored from a backup');
      // Past the ends that the backup knows, and past every time-out of a call.
      await second.clock.run(90 * MINUTE_MS);
      expect(serverStatuses(second)).toEqual(servers);
      expect([...second.engine.world.findings.values()].map(({ code }) => code)).toContain('orphan');

      await adoptServerOf(second, 'younger');
      const until = second.engine.nowMs() + DAY_MS;
      for (const name of ['kept', 'longer'])
        await second.give({
          type: 'lease.extend',
          role: 'member',
          leaseId: leaseId(name),
          expiresAtMs: until,
        });
      await second.give({ type: 'service.thaw' });
      await second.reach('returned', 'ended');
      await second.clock.run(10 * MINUTE_MS);
      expect(serverStatuses(second)).toEqual(servers);
      const states = [...second.engine.world.leases.values()].map(({ id, state }) => `${id} ${state.kind}`);
      expect(states.toSorted()).toEqual(servers);
      expect([...second.engine.world.findings.values()]).toEqual([]);
      // Two hosts with two cards each: the fourth is free again, and the fifth is not there.
      await second.borrow(['fourth', 'fifth'], { durationMs: HOUR_MS });
      await second.reach('fourth', 'active');
      expect(second.lease('fifth')?.state.kind).toBe('queued');
      for (const name of ['kept', 'longer', 'younger', 'fourth', 'fifth'])
        await second.give({ type: 'lease.release', leaseId: leaseId(name) });
      await second.clock.run(10 * MINUTE_MS);
      expect(second.outside()).toEqual({ servers: 0, ports: 0, floatingIps: 0 });
      expect(second.bugs).toEqual([]);
    },
  );

  test('it is on record, with an epoch that no earlier process has', async () => {
    await lost();
    await restoreNow();
    const db = new DatabaseSync(join(data, 'berth.sqlite'));
    expect(db.prepare('SELECT type, actor FROM events ORDER BY seq DESC LIMIT 1').get()).toEqual({
      type: 'service.restored',
      actor: 'system:restore',
    });
    expect(db.prepare('SELECT epoch FROM epoch').get()).toEqual({ epoch: 2 });
    db.close();
  });
});

describe('the folder', () => {
  async function fill(): Promise<void> {
    await (await openStore()).close();
    writeFileSync(join(data, 'secrets.key'), 'k'.repeat(32), { mode: 0o600 });
  }

  test('with a store is left alone, or with force moved aside whole', async () => {
    await fill();
    await backUpNow();
    const before = readFileSync(join(data, 'berth.sqlite'));
    writeFileSync(join(data, 'secrets.key'), 'newer'.repeat(4));
    await expect(restoreNow()).rejects.toThrow('--force moves what is there aside');
    expect(readFileSync(join(data, 'berth.sqlite'))).toEqual(before);
    const { asideDir } = await restoreNow(true);
    expect(readFileSync(join(asideDir ?? '', 'berth.sqlite'))).toEqual(before);
    expect(readFileSync(join(asideDir ?? '', 'secrets.key'), 'utf8')).toBe('newer'.repeat(4));
    expect(readFileSync(join(data, 'secrets.key'), 'utf8')).toBe('k'.repeat(32));
    await (await openStore()).close();
  });

  test('of a server that runs is backed up, and not restored', async () => {
    await fill();
    const store = await openStore();
    await backUpNow();
    await expect(restoreNow(true)).rejects.toThrow(`in use by process ${process.pid}`);
    await store.close();
    await restoreNow(true);
  });

  test('is as it was after a backup that is no good', async () => {
    await fill();
    const db = new DatabaseSync(join(data, 'berth.sqlite'));
    db.exec("INSERT INTO schema_migrations (id, name, checksum) VALUES (999, '0999-later.sql', 'x')");
    db.close();
    await backUpNow();
    const names = readdirSync(data);
    await expect(restoreNow(true)).rejects.toThrow('newer Berth');
    await expect(checkBackup(file, null)).rejects.toThrow('newer Berth');
    writeFileSync(file, 'noise');
    await expect(restoreNow(true)).rejects.toThrow('no backup of Berth');
    expect(readdirSync(data)).toEqual(names);
  });

  test('whose store has moved to a database is not backed up, but its key is', async () => {
    await fill();
    markMoved(join(data, 'berth.sqlite'), 'postgresql://berth@db1.example.org/berth');
    await expect(backUpNow()).rejects.toThrow(
      /moved to postgresql:\/\/berth@db1.example.org\/berth.*store.url/,
    );
    expect(existsSync(file)).toBe(false);
    await backUpNow(true);
    expect(await checkBackup(file, null)).toMatchObject({ hasKey: true, revision: null });
  });

  test('is not overwritten by a backup, and a key alone replaces the key alone', async () => {
    await fill();
    await backUpNow(true);
    await expect(backUpNow()).rejects.toThrow('exists');
    expect(await checkBackup(file, null)).toMatchObject({ hasKey: true, revision: null, deploymentId: null });
    const store = readFileSync(join(data, 'berth.sqlite'));
    rmSync(join(data, 'secrets.key'));
    await restoreNow();
    expect(existsSync(join(data, 'secrets.key'))).toBe(true);
    expect(readFileSync(join(data, 'berth.sqlite'))).toEqual(store);
  });
});

test('a backup under constant commits is whole, as of one of them', { timeout: 60_000 }, async () => {
  const store = await openStore();
  const loaded = await store.load();
  let { revision } = loaded;
  const writer = { isOver: false };
  const write = async (): Promise<void> => {
    while (!writer.isOver) {
      revision += 1;
      const { control } = loaded.snapshot;
      await store.commit({
        batchId: `b${revision}`,
        epoch: loaded.epoch,
        revision,
        atMs: revision,
        // Says which commit it is of, as the batch does.
        changes: [{ entity: 'control', id: 'control', after: { ...control, queueSeq: revision } }],
        events: [],
      });
    }
  };
  const writing = write();
  for (const round of [1, 2]) {
    const before = revision;
    const path = `${file}-${round}`;
    await run(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      MAIN,
      'backup',
      '--data',
      data,
      path,
    ]);
    expect(revision).toBeGreaterThan(before);
    const out = mkdtempSync(join(dir, 'out-'));
    await run('tar', ['xf', path, '-C', out]);
    const db = new DatabaseSync(join(out, 'berth.sqlite'));
    const { said } = { ...db.prepare("SELECT json_extract(body, '$.queueSeq') AS said FROM control").get() };
    const { last } = { ...db.prepare('SELECT max(revision) AS last FROM batches').get() };
    db.close();
    expect(said).toBe(last);
    expect(last).toBeGreaterThanOrEqual(before - 1);
  }
  writer.isOver = true;
  await writing;
  await store.close();
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a backup that %s ends leaves nothing behind',
  { timeout: 60_000 },
  async (signal) => {
    await (await openStore()).close();
    const argv = ['--disable-warning=ExperimentalWarning', MAIN, 'backup', '--data', data, '-'];
    // Nobody reads what it writes, so it stands with its stage full.
    const program = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(program, 'exit');
    const isFull = (name: string): boolean => existsSync(join(data, name, 'SHA256SUMS'));
    await eventually('the stage', 40_000, () => readdirSync(data).some(isFull));
    program.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect(readdirSync(data).filter((name) => name.startsWith('.'))).toEqual([]);
  },
);

test('what a kill has left behind is swept by the next backup, and nothing else', async () => {
  await (await openStore()).close();
  const old = new Date(Date.now() - DAY_MS);
  for (const name of ['.backup-abc123', '.backup-notours', '.backup-new123']) mkdirSync(join(data, name));
  for (const name of ['.backup-abc123', '.backup-notours']) utimesSync(join(data, name), old, old);
  await backUpNow();
  const names = readdirSync(data).filter((name) => name.startsWith('.backup-'));
  expect(names.toSorted()).toEqual(['.backup-new123', '.backup-notours']);
});

function openStore(): ReturnType<typeof openSqliteStore> {
  return openSqliteStore({ dir: data, version: '0.0.0', clock: systemClock, ids: { next: () => 'dep' } });
}
