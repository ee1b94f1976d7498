import { expect, test } from 'vitest';
import { leaseId, SimulatedService } from '../../test/support/simulated-service.ts';
import { NO_REFS } from '../domain/model/lease.ts';
import type { Step } from '../domain/provision/sighting.ts';
import type { Context } from './context.ts';
import { Life } from './life.ts';
import { assertOurs } from './outside-call.ts';

test('takes away only what the lease has recorded, or what was announced', async () => {
  const service = await new SimulatedService().open();
  await service.borrow(['a']);
  await service.reach('a', 'active');
  const { engine: core, prng } = service;
  const context: Context = {
    core,
    life: new Life(),
    prng,
    startedAtMs: 0,
    onPoint: async () => {},
    onBug: () => {},
  };
  const { deploymentId } = core.world.control;
  const step: Step = { kind: 'deleteServer', id: 's' };
  const check = (
    id: string,
    recorded: boolean,
    mark: { deploymentId: string; leaseId: string } | null,
  ): Promise<void> => {
    const refs = recorded ? { ...NO_REFS, serverId: 's' } : NO_REFS;
    const berth = mark && { deploymentId: mark.deploymentId, leaseId: leaseId(mark.leaseId) };
    return assertOurs(context, { id: leaseId(id), refs }, step, [{ id: 's', berth }]);
  };
  await check('a', true, null);
  await check('a', false, { deploymentId, leaseId: 'a' });
  await expect(check('a', false, null)).rejects.toThrow('carries our mark');
  await expect(check('a', false, { deploymentId, leaseId: 'b' })).rejects.toThrow('carries our mark');
  await expect(check('a', false, { deploymentId: 'other', leaseId: 'a' })).rejects.toThrow(
    'carries our mark',
  );
  await expect(check('b', false, { deploymentId, leaseId: 'b' })).rejects.toThrow('an intent announced');
});
