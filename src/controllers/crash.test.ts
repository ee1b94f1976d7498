import { expect, test } from 'vitest';
import { leaseId, SimulatedService } from '../../test/support/simulated-service.ts';
import { MINUTE_MS } from '../base/units.ts';
import type { LeaseStateKind } from '../domain/model/lease.ts';
import type { PausePoint } from './context.ts';

const POINTS: readonly PausePoint[] = ['before_intent', 'before_send', 'after_reply', 'after_commit'];

/** Steps of a whole life: three to start, shelve, unshelve, three to take away. */
const STEPS = 8;

test.each([...POINTS.entries()])(
  'a crash at point %i (%s) of any call costs only time',
  async (offset, point) => {
    for (let step = 0; step < STEPS; step++) expect(await crashAt(step * POINTS.length + offset)).toBe(point);
  },
);

/** Lives a whole life with a crash at the `index`-th point; resolves with the name of that point. */
async function crashAt(index: number): Promise<PausePoint | null> {
  let count = 0;
  let crashed: PausePoint | null = null;
  const onPoint = async (point: PausePoint): Promise<void> => {
    if (count++ !== index) return;
    crashed = point;
    await new Promise(() => {});
  };
  const service = await new SimulatedService({ seed: index, controllers: { onPoint } }).open();
  let isDown = false;
  const reach = async (kind: LeaseStateKind): Promise<void> => {
    const isThere = (): boolean => (service.lease('a')?.state.kind ?? 'ended') === kind;
    await service.clock.runUntil(() => isThere() || (crashed !== null && !isDown), 20 * MINUTE_MS);
    if (!isThere()) {
      isDown = true;
      await service.crash();
      await service.clock.run(1000);
      await service.open({});
    }
    await service.reach('a', kind);
    expect(service.outside().servers, `point ${index}`).toBeLessThanOrEqual(1);
  };
  await service.borrow(['a'], { atEnd: 'shelve' });
  await reach('active');
  await service.give({ type: 'lease.shelve', leaseId: leaseId('a') });
  await reach('shelved');
  await service.give({
    type: 'lease.unshelve',
    role: 'member',
    leaseId: leaseId('a'),
    durationMs: null,
    waitUntilMs: null,
  });
  await reach('active');
  expect(service.outside(), `point ${index}`).toEqual({ servers: 1, ports: 1, floatingIps: 1 });
  await service.give({ type: 'lease.release', leaseId: leaseId('a') });
  await reach('ended');
  await service.clock.run(3 * MINUTE_MS);
  expect(service.outside(), `point ${index}`).toEqual({ servers: 0, ports: 0, floatingIps: 0 });
  expect(service.engine.world.openIntents.size, `point ${index}`).toBe(0);
  expect(service.bugs, `point ${index}`).toEqual([]);
  return crashed;
}

test('after a stop, late answers have no effect', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a']);
  const isSent = (): boolean =>
    service.lease('a')?.refs.portId !== null && service.engine.world.openIntents.size > 0;
  await service.clock.runUntil(isSent, MINUTE_MS);
  const before = service.engine.revision;
  await service.controllers.stop();
  await service.clock.run(10 * MINUTE_MS);
  const { world } = service.engine;
  // Only the engine's own timer goes on: the start passes its deadline.
  expect(service.engine.revision - before).toBeLessThanOrEqual(1);
  expect(world.leases.get(leaseId('a'))?.refs.serverId ?? null).toBeNull();
});
