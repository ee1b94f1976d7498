/** One command that hits a bug of ours takes nobody of its batch with it. */
import { expect, test } from 'vitest';
import { startRig } from '../../test/support/engine-rig.ts';
import { create, flavor, lease, slotHost } from '../../test/support/worlds.ts';
import { checkWorld } from '../domain/invariants.ts';

test('the others of its batch are committed together and answered', async () => {
  const { engine, batches, errors } = await startRig({
    hosts: [slotHost('s1', { V100: 4 })],
    flavors: [flavor('one', { V100: 1 })],
  });
  const before = batches.length;
  // Two leases of one id: the second breaks a promise of ours when the first is in the draft already.
  const bad = { ...create('bad', 'one'), leaseIds: [lease('bad'), lease('bad')] };
  const results = await Promise.allSettled([
    engine.command('test', create('first', 'one')),
    engine.command('test', bad),
    engine.command('test', create('last', 'one')),
  ]);
  expect(results).toMatchObject([
    { status: 'fulfilled', value: { ok: true, reply: { leaseIds: ['first'] } } },
    { status: 'rejected', reason: { message: 'a new lease has a new id' } },
    { status: 'fulfilled', value: { ok: true, reply: { leaseIds: ['last'] } } },
  ]);
  expect([...engine.world.leases.keys()]).toEqual(['first', 'last']);
  expect(checkWorld(engine.world)).toEqual([]);
  expect([batches.length - before, engine.stats.reloads, errors.length]).toEqual([1, 0, 1]);
});
