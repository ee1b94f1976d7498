import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { leaseId, SimulatedService } from '../../test/support/simulated-service.ts';
import { HOUR_MS, MINUTE_MS } from '../base/units.ts';
import type { FaultPolicy } from '../sim/faults.ts';

const RATES: FaultPolicy['rates'] = {
  latency: 0.02,
  tokenDropped: 0.01,
  conflict: 0.02,
  rateLimited: 0.01,
  badGateway: 0.01,
  requestLost: 0.02,
  replyDropped: 0.02,
  errorAfterEffect: 0.02,
  acceptedLate: 0.02,
  noValidHost: 0.05,
  buildHangs: 0.02,
  buildError: 0.05,
  unshelveIgnored: 0.1,
  shelveFails: 0.1,
  shelveNotOffloaded: 0.1,
  serverTagsRemoved: 0.001,
  serverDeletedElsewhere: 0.001,
  serverStoppedElsewhere: 0.001,
};
const LEASES = 8;

/**
 * Eight leases with everything that goes wrong, crashes included; then all are given back on a healthy cloud.
 */
async function live(seed: number): Promise<{ readonly hash: string; readonly faultCount: number }> {
  const service = await new SimulatedService({ seed }).open();
  const prng = service.prng.fork();
  service.cloud.faultPolicy = { ...service.cloud.faultPolicy, rates: RATES };
  const names = Array.from({ length: LEASES }, (_, index) => `lease-${index}`);
  for (const name of names) {
    await service.borrow([name], {
      atEnd: prng.pick(['shelve', 'delete']),
      durationMs: prng.below(30) * MINUTE_MS,
    });
    await service.clock.run(prng.below(4 * MINUTE_MS));
    if (prng.chance(0.3)) {
      await service.crash();
      await service.clock.run(prng.below(MINUTE_MS));
      await service.open();
    }
    for (const { id, state } of service.engine.world.leases.values()) {
      if (state.kind === 'active' && prng.chance(0.2))
        await service.give({ type: 'lease.shelve', leaseId: id });
      if (state.kind !== 'shelved' || prng.chance(0.5)) continue;
      await service.give({
        type: 'lease.unshelve',
        role: 'member',
        leaseId: id,
        durationMs: null,
        waitUntilMs: null,
      });
    }
  }
  service.cloud.faultPolicy = { ...service.cloud.faultPolicy, rates: {} };
  for (const name of names) await service.give({ type: 'lease.release', leaseId: leaseId(name) });
  await service.clock.runUntil(() => service.engine.world.leases.size === 0, HOUR_MS);
  await service.clock.run(5 * MINUTE_MS);
  expect(service.outside()).toEqual({ servers: 0, ports: 0, floatingIps: 0 });
  expect([...service.engine.world.findings.keys()]).toEqual([]);
  expect(service.bugs).toEqual([]);
  service.cloud.audit();
  const events = JSON.stringify(await service.events());
  const faultCount = Object.values(service.cloud.faultCounts).reduce((sum, count) => sum + count, 0);
  return { hash: createHash('sha256').update(events).digest('hex'), faultCount };
}

test.each([1, 2, 3])('seed %i runs twice bit for bit, and leaves nothing behind', async (seed) => {
  const first = await live(seed);
  expect(first.faultCount).toBeGreaterThan(10);
  expect(await live(seed)).toEqual(first);
});
