import { expect, test } from 'vitest';
import { startRig } from '../../test/support/engine-rig.ts';
import { syncMode } from './bootstrap.ts';

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
