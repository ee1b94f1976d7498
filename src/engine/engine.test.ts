import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { create, flavor, host, lease, project, slotHost, T0 } from '../../test/support/worlds.ts';
import { startRig, type Rig } from '../../test/support/engine-rig.ts';
import { canonicalJson } from '../base/json.ts';
import { asId } from '../base/ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../base/units.ts';
import type { Actor } from '../domain/actor.ts';
import type { Command } from '../domain/command.ts';
import { checkWorld } from '../domain/invariants.ts';
import { DEFAULT_SETTINGS } from '../domain/settings.ts';
import { freeKey } from '../domain/scheduler/free.ts';
import { World } from '../domain/world.ts';
import { StoreError } from './ports.ts';

const FLAVORS = [flavor('one', { V100: 1 }), flavor('two', { V100: 2 })];
const ann: Actor = { kind: 'user', userId: 'ann', projectId: project('demo'), role: 'member' };

function rig(settings: Parameters<typeof startRig>[0] = {}): Promise<Rig> {
  return startRig({ hosts: [slotHost('s1', { V100: 4 })], flavors: FLAVORS, ...settings });
}

/** Entities and indexes as text; equal for worlds that would decide alike. */
function contents(world: World): string {
  const byId = <T>(entries: Iterable<readonly [string, T]>): readonly (readonly [string, T])[] =>
    [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const pools = byId(world.pools).map(([id, pool]) => [
    id,
    byId(
      [...pool.shapes.shapes()].map((shape) => [shape.key, shape.rows.map((row) => row.host.id).toSorted()]),
    ),
    [...pool.calendar].map((row) => row.host.id).toSorted(),
    byId(pool.capacities).map(([key, { hosts, open }]) => [key, hosts, open]),
  ]);
  const hosts = byId(world.hosts).map(([id, row]) => [
    id,
    row.host,
    freeKey(row.free),
    row.plannedCount,
    byId(row.claims),
  ]);
  const holdings = byId(world.projects).map(([id]) => {
    const { gpus, leases, queued } = world.accounts.ofProject(asId(id));
    return [id, gpus, leases, queued];
  });
  const queue = world.queue.inOrder(world.servedSeq, 1000);
  const plain = [world.control, world.leases, world.projects, world.flavors, world.intents, world.tokens].map(
    (part) => (part instanceof Map ? byId(part as ReadonlyMap<string, unknown>) : part),
  );
  const more = [
    byId(world.findings),
    byId(world.idempotency),
    [...world.promised].toSorted(),
    world.due.nextMs(),
  ];
  return canonicalJson([plain, more, pools, hosts, holdings, queue]);
}

async function fromStore({ store }: Rig): Promise<string> {
  return contents(new World((await store.load()).snapshot, DEFAULT_SETTINGS));
}

describe('group commit', () => {
  test('commands of one turn share a transaction, and each is answered after it', async () => {
    const { engine, batches, faults } = await rig();
    const before = batches.length;
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    faults.beforeCommit = () => gate;
    let answered = 0;
    const all = Array.from({ length: 100 }, (_each, i) =>
      engine.command('test', create(`l${i}`, 'one')).then((outcome) => {
        answered += 1;
        return outcome;
      }),
    );
    await new Promise(setImmediate);
    expect([batches.length - before, answered]).toEqual([1, 0]);
    expect([engine.world.leases.size, engine.world.queue.size, engine.revision]).toEqual([0, 0, 1]);
    open();
    const outcomes = await Promise.all(all);
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect([batches.length - before, engine.world.leases.size, engine.stats.batches]).toEqual([
      1,
      100,
      before + 1,
    ]);
    expect(engine.revision).toBe(101);
  });

  test('commands that come while a batch is written go together into the next', async () => {
    const { engine, batches, faults } = await rig();
    const before = batches.length;
    faults.beforeCommit = () => new Promise((resolve) => setImmediate(resolve));
    const first = engine.command('test', create('a', 'one'));
    await Promise.resolve();
    const later = Array.from({ length: 300 }, (_each, i) => engine.command('test', create(`l${i}`, 'one')));
    await Promise.all([first, ...later]);
    expect(batches.length - before).toBe(3);
    engine.stop();
  });

  test('a refusal alone writes nothing', async () => {
    const { engine, batches } = await rig();
    const before = batches.length;
    expect(await engine.command('test', create('a', 'unknown'))).toMatchObject({ ok: false });
    expect(batches.length).toBe(before);
  });

  test('events are numbered without gaps, in the order of the commands', async () => {
    const { engine, store } = await rig();
    for (let i = 0; i < 5; i++) {
      await Promise.all(
        [1, 2, 3].map((j) => engine.command('test', create(`l${i}-${j}`, j === 2 ? 'unknown' : 'one'))),
      );
    }
    const query = {
      afterSeq: 0,
      limit: 1000,
      projectId: null,
      leaseId: null,
      type: null,
      newestFirst: false,
    };
    const events = await store.readEvents(query);
    expect(events.length).toBeGreaterThan(14);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1));
  });

  test('more than the queue holds is turned away at once', async () => {
    const { engine } = await rig();
    const all = Array.from({ length: 20_001 }, () =>
      engine.command('test', { type: 'lease.release', leaseId: lease('none') }),
    );
    await expect(all.at(-1)).rejects.toMatchObject({ code: 'busy' });
    expect(await all[0]).toMatchObject({ ok: false });
    engine.stop();
    await Promise.allSettled(all);
  });
});

describe('a commit that fails', () => {
  test('rejects those whose changes were lost, and both worlds are what the store has', async () => {
    const r = await rig();
    const { engine, faults } = r;
    await engine.command('test', create('kept', 'one'));
    const before = contents(engine.world);
    let failed = false;
    faults.beforeCommit = () => {
      if (failed) return;
      failed = true;
      throw new StoreError('full', 'the disk is full');
    };
    const seen: unknown[] = [];
    engine.onCommit((changes) => seen.push(changes));
    const lost = engine.command('test', create('lost', 'one'));
    const refused = engine.command('test', create('refused', 'unknown'));
    await expect(lost).rejects.toMatchObject({ code: 'commit_failed', message: 'the disk is full' });
    expect(await refused).toMatchObject({ ok: false, refusal: { code: 'flavor_unknown' } });
    expect(contents(engine.world)).toBe(before);
    expect(await fromStore(r)).toBe(before);
    expect([seen, engine.stats.reloads]).toEqual([[null], 1]);
    const { engine: again } = await startRig({ core: r.core });
    expect((await again.command('test', create('lost', 'one'))).ok).toBe(true);
  });

  test('a batch in doubt that is there is answered as done', async () => {
    const r = await rig();
    r.faults.afterCommit = () => {
      r.faults.afterCommit = () => undefined;
      throw new StoreError('in_doubt', 'no reply');
    };
    const outcome = await r.engine.command('test', create('there', 'one'));
    expect(outcome).toMatchObject({ ok: true, reply: { leaseIds: ['there'] } });
    expect(r.engine.world.leases.has(lease('there'))).toBe(true);
    expect(contents(r.engine.world)).toBe(await fromStore(r));
  });

  test('a batch in doubt that is not there is rejected', async () => {
    const r = await rig();
    r.faults.beforeCommit = () => {
      r.faults.beforeCommit = () => undefined;
      throw new StoreError('in_doubt', 'no reply');
    };
    await expect(r.engine.command('test', create('not', 'one'))).rejects.toMatchObject({
      code: 'commit_failed',
    });
    expect(r.engine.world.leases.size).toBe(0);
    expect((await r.engine.command('test', create('not', 'one'))).ok).toBe(true);
  });

  test('after which the engine goes on where it was', async () => {
    const r = await rig();
    r.faults.beforeCommit = () => {
      r.faults.beforeCommit = () => undefined;
      throw new StoreError('refused', 'a constraint');
    };
    const results = await Promise.allSettled(
      [1, 2].map((i) => r.engine.command('test', create(`l${i}`, 'one'))),
    );
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await r.engine.command('test', create('next', 'one'))).toMatchObject({ ok: true, revision: 2 });
  });

  test('fenced by another server, it stops', async () => {
    const r = await rig();
    await r.store.load();
    await expect(r.engine.command('test', create('a', 'one'))).rejects.toMatchObject({ code: 'stopped' });
    expect(r.engine.stopped?.code).toBe('stopped');
    await expect(r.engine.command('test', create('b', 'one'))).rejects.toMatchObject({ code: 'stopped' });
  });
});

test('a bug in a decision rejects its batch and leaves the worlds as the store has them', async () => {
  const r = await rig();
  await r.engine.command('test', create('a', 'one'));
  const before = contents(r.engine.world);
  const twice = { ...create('b', 'one'), leaseIds: [lease('b'), lease('b')] };
  await expect(r.engine.command('test', twice)).rejects.toThrow('a new lease has a new id');
  expect(contents(r.engine.world)).toBe(before);
  expect(r.errors).toHaveLength(1);
  expect((await r.engine.command('test', create('b', 'one'))).ok).toBe(true);
});

test('stopped while a batch is written, it answers nobody as if it knew', async () => {
  const r = await rig();
  r.faults.beforeCommit = () => new Promise((resolve) => setImmediate(resolve));
  const pending = r.engine.command('test', create('a', 'one'));
  await Promise.resolve();
  const queued = r.engine.command('test', create('b', 'one'));
  r.engine.stop('bye');
  await expect(queued).rejects.toMatchObject({ code: 'stopped', message: 'bye' });
  await expect(pending).rejects.toMatchObject({ code: 'stopped' });
});

describe('idempotency', () => {
  const once = (
    r: Rig,
    id: string,
    key: string,
    requestHash = 'h1',
    actor = ann,
  ): ReturnType<Rig['engine']['submit']> =>
    r.engine.submit(actor, create(id, 'one', { ownerId: 'ann' }), { key, requestHash });

  test('the same key and request give the same answer, also within one batch', async () => {
    const r = await rig();
    const [first, second] = await Promise.all([once(r, 'a', 'k'), once(r, 'b', 'k')]);
    expect(first).toMatchObject({ ok: true, replayed: false, reply: { leaseIds: ['a'] } });
    expect(second).toMatchObject({ ok: true, replayed: true, reply: { leaseIds: ['a'] } });
    expect(r.engine.world.leases.size).toBe(1);
    const restarted = await startRig({ core: r.core, clock: r.clock });
    expect(await once(restarted, 'c', 'k')).toMatchObject({ replayed: true, reply: { leaseIds: ['a'] } });
  });

  test('the same key for another request is refused', async () => {
    const r = await rig();
    await once(r, 'a', 'k');
    expect(await once(r, 'b', 'k', 'h2')).toMatchObject({
      ok: false,
      refusal: { code: 'idempotency_mismatch' },
    });
  });

  test('keys of others are other keys', async () => {
    const r = await rig();
    await once(r, 'a', 'k');
    const bob: Actor = { ...ann, userId: 'bob' };
    expect(await once(r, 'b', 'k', 'h1', bob)).toMatchObject({ replayed: false });
  });

  test('a refusal is not remembered: the repetition may succeed', async () => {
    const r = await rig();
    const ask = (name: string): ReturnType<Rig['engine']['submit']> =>
      r.engine.submit(ann, create('a', name), { key: 'k', requestHash: 'h' });
    expect(await ask('unknown')).toMatchObject({ ok: false });
    expect(await ask('one')).toMatchObject({ ok: true, replayed: false });
  });

  test('is forgotten after its time, and the records are cleared away', async () => {
    const r = await rig();
    for (let i = 0; i < 5; i++) await once(r, `a${i}`, `k${i}`);
    await r.clock.run(DAY_MS);
    expect(await once(r, 'b', 'k4')).toMatchObject({ replayed: false, reply: { leaseIds: ['b'] } });
    for (let i = 0; i < 3; i++) await once(r, `c${i}`, `n${i}`);
    expect([...r.engine.world.idempotency.keys()].map((id) => id.split(':').at(-1))).toEqual([
      'k4',
      'n0',
      'n1',
      'n2',
    ]);
    r.engine.stop();
  });

  test('after a restart the first to expire are still the first to be cleared away', async () => {
    const r = await rig();
    await once(r, 'a', 'z-first');
    await r.clock.run(DAY_MS / 2);
    await once(r, 'b', 'a-later');
    r.engine.stop();
    const restarted = await startRig({ core: r.core, clock: r.clock });
    await r.clock.run(DAY_MS / 2);
    await once(restarted, 'c', 'now');
    expect([...restarted.engine.world.idempotencyByKey.keys()].map((key) => key.split(':').at(-1))).toEqual([
      'a-later',
      'now',
    ]);
    expect(restarted.engine.world.idempotency.size).toBe(2);
    restarted.engine.stop();
  });
});

describe('the timer', () => {
  async function active(r: Rig, id: string, durationMs: number): Promise<void> {
    await r.engine.command('test', create(id, 'one', { durationMs }));
    await r.engine.command('test', {
      type: 'lease.ready',
      leaseId: lease(id),
      connection: { host: '::1', port: 22, user: 'u' },
    });
  }
  const state = (r: Rig, id: string): string => r.engine.world.leases.get(lease(id))?.state.kind ?? 'ended';

  test('ends a lease on time', async () => {
    const r = await rig();
    await active(r, 'a', 30 * MINUTE_MS);
    await r.clock.run(30 * MINUTE_MS - 1);
    expect(state(r, 'a')).toBe('active');
    await r.clock.run(1);
    expect(state(r, 'a')).toBe('ending');
    r.engine.stop();
  });

  test('is set anew when something earlier comes up', async () => {
    const r = await rig();
    await active(r, 'late', 7 * DAY_MS);
    await active(r, 'early', 10 * MINUTE_MS);
    await r.clock.run(10 * MINUTE_MS);
    expect([state(r, 'early'), state(r, 'late')]).toEqual(['ending', 'active']);
    r.engine.stop();
  });

  test('waits for what is due further ahead than a timer of the platform can be set', async () => {
    const r = await rig({ settings: { leaseDurationMsMax: 100 * DAY_MS } });
    await active(r, 'a', 30 * DAY_MS);
    await r.clock.run(30 * DAY_MS - 1);
    expect(state(r, 'a')).toBe('active');
    await r.clock.run(1);
    expect(state(r, 'a')).toBe('ending');
    r.engine.stop();
  });

  test('ends nothing while frozen, does not spin, and catches up after the thaw', async () => {
    const r = await rig();
    await active(r, 'a', 10 * MINUTE_MS);
    await r.engine.command('test', { type: 'service.freeze', reason: 'r' });
    const fired = r.clock.firedCount;
    await r.clock.run(HOUR_MS);
    expect(state(r, 'a')).toBe('active');
    expect(r.clock.firedCount - fired).toBeLessThan(4000);
    await r.engine.command('test', { type: 'service.thaw' });
    await r.clock.run(1000);
    expect(state(r, 'a')).toBe('ending');
    r.engine.stop();
  });

  test('an idle world sleeps: only the clocks are compared', async () => {
    const r = await rig();
    const fired = r.clock.firedCount;
    await r.clock.run(HOUR_MS);
    expect(r.clock.firedCount - fired).toBe(240);
    r.engine.stop();
    await r.clock.run(MINUTE_MS);
    expect(r.clock.nextTimerMs()).toBeNull();
  });

  test('a wall clock that is set forward ends nothing until a second source agrees', async () => {
    const r = await rig();
    await active(r, 'a', 30 * MINUTE_MS);
    r.clock.stepWall(HOUR_MS);
    await r.clock.run(15_000);
    expect(r.engine.world.control.clockDoubt).toMatchObject({ divergenceMs: HOUR_MS });
    await r.clock.run(30 * MINUTE_MS);
    expect(state(r, 'a')).toBe('active');
    r.engine.reportDate(r.clock.wallMs() - HOUR_MS);
    await r.clock.run(1000);
    expect([state(r, 'a'), r.engine.world.control.clockDoubt]).toEqual(['ending', null]);
    r.engine.stop();
  });
});

const move = fc.record({
  kind: fc.nat(7),
  pick: fc.nat(99),
  min: fc.integer({ min: 1, max: 90 }),
  fails: fc.nat(9),
});

test('after any history the engine, its store, and a new engine on it have the same world', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 30 }), async (history) => {
      const r = await startRig({
        hosts: [slotHost('s1', { V100: 3 }), slotHost('s2', { V100: 2 })],
        flavors: FLAVORS,
      });
      for (const [index, { kind, pick, min, fails }] of history.entries()) {
        const ids = [...r.engine.world.leases.keys()];
        const someLease = ids[pick % Math.max(1, ids.length)] ?? lease('none');
        const length = { durationMs: min * MINUTE_MS, projectId: project(`p${pick % 3}`) };
        const name = pick % 2 === 0 ? 'one' : 'two';
        const window = {
          fromMs: r.engine.nowMs() + min * MINUTE_MS,
          reservationId: asId<'reservation'>(`r${index}`),
        };
        const commands: readonly Command[] = [
          create(`l${index}`, name, length),
          create(`l${index}`, name, { ...length, leaseIds: [lease(`l${index}`), lease(`m${index}`)] }),
          create(`l${index}`, name, { ...length, window }),
          { type: 'lease.release', leaseId: someLease },
          { type: 'lease.ready', leaseId: someLease, connection: { host: '::1', port: 22, user: 'u' } },
          { type: 'lease.gone', leaseId: someLease },
          {
            type: 'host.drain',
            hostId: host('s1'),
            fromMs: window.fromMs,
            untilMs: window.fromMs + HOUR_MS,
            reason: 'r',
          },
          { type: 'host.undrain', hostId: host('s1') },
        ];
        if (fails === 0) {
          r.faults.beforeCommit = () => {
            r.faults.beforeCommit = () => undefined;
            throw new StoreError('refused', 'chaos');
          };
        }
        const idempotency = { key: `k${pick}`, requestHash: 'h' };
        const given = [commands[kind], commands[(kind + 3) % commands.length]].flatMap(
          (command) => command ?? [],
        );
        await Promise.allSettled(
          given.map((command) =>
            r.engine.submit({ kind: 'system', name: 'test' }, command, pick % 5 === 0 ? idempotency : null),
          ),
        );
        await r.clock.run((pick % 4) * 10 * MINUTE_MS);
      }
      r.faults.beforeCommit = () => undefined;
      expect(checkWorld(r.engine.world)).toEqual([]);
      const committed = contents(r.engine.world);
      r.engine.stop();
      const next = await startRig({ core: r.core, clock: r.clock });
      expect(contents(next.engine.world)).toBe(committed);
      expect([next.engine.revision, r.engine.nowMs()]).toEqual([r.engine.revision, next.engine.nowMs()]);
      next.engine.stop();
      expect(T0).toBeLessThanOrEqual(r.engine.nowMs());
    }),
    { numRuns: 40 },
  );
});
