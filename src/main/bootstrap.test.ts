import { expect, test } from 'vitest';
import { startRig } from '../../test/support/engine-rig.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { T0 } from '../../test/support/worlds.ts';
import { randomIds, syncMode } from './bootstrap.ts';

const FORCED = { kind: 'observe', reason: 'the store is empty' } as const;

test('`act` in the configuration lifts an `observe` that stood there before', async () => {
  const { engine } = await startRig();
  await syncMode(engine, 'observe', false);
  expect(engine.world.control.mode).toEqual({ kind: 'observe', reason: 'the configuration says so' });
  await syncMode(engine, 'act', false);
  expect(engine.world.control.mode).toEqual({ kind: 'act' });
});

test('an `observe` that an empty store forced is lifted only by who asks for it at the start', async () => {
  const { engine } = await startRig();
  await engine.command('observer', { type: 'service.mode', mode: FORCED });
  await syncMode(engine, 'observe', false);
  await syncMode(engine, 'act', false);
  expect(engine.world.control.mode).toEqual(FORCED);
  await syncMode(engine, 'act', true);
  expect(engine.world.control.mode).toEqual({ kind: 'act' });
});

test('ids are random UUIDs, and those of one moment begin alike', async () => {
  const clock = createVirtualClock(T0);
  const ids = randomIds(clock);
  const moments: string[][] = [];
  for (let moment = 0; moment < 8; moment++) {
    moments.push(Array.from({ length: 20 }, () => ids.next()));
    await clock.run(20);
  }
  const all = moments.flat();
  for (const id of all)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const starts = moments.map((made) => new Set(made.map((id) => id.slice(0, 4))));
  expect(starts.map(({ size }) => size)).toEqual(Array(8).fill(1));
  // 16 random bits: eight moments do not all draw the same.
  expect(new Set(starts.map((start) => [...start][0])).size).toBeGreaterThan(1);
  expect(new Set(all.map((id) => id.slice(4))).size).toBe(all.length);
});
