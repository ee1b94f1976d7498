import { expect, test } from 'vitest';
import { SimulatedService } from '../../test/support/simulated-service.ts';
import { MINUTE_MS } from '../base/units.ts';

test('a world that contradicts itself is told as a finding, until it does no more', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a']);
  await service.reach('a', 'active');
  await service.clock.run(15 * MINUTE_MS);
  expect([...service.engine.world.findings.keys()]).toEqual([]);

  const [row] = service.engine.world.hosts.values();
  if (row === undefined) throw new Error('the cloud has hosts');
  row.plannedCount += 1;
  await service.clock.run(15 * MINUTE_MS);
  expect([...service.engine.world.findings.values()]).toMatchObject([
    { code: 'invariant_broken', message: expect.stringContaining('I4') },
  ]);

  row.plannedCount -= 1;
  await service.clock.run(15 * MINUTE_MS);
  expect([...service.engine.world.findings.keys()]).toEqual([]);
});
