/** Records that are kept for long enough go, and what is left says so. */
import { expect, test } from 'vitest';
import { leaseId, SimulatedService } from '../../test/support/simulated-service.ts';
import { NO_REFS } from '../domain/model/lease.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../base/units.ts';

const KEPT = { leasesMs: DAY_MS, eventsMs: DAY_MS };

/** One lease that ended, one that goes on; then more than a day without a poll that costs anything. */
async function afterADay(retention: typeof KEPT | null): Promise<SimulatedService> {
  const controllers = { pollIntervalMs: 12 * HOUR_MS, ...(retention !== null && { retention }) };
  const service = await new SimulatedService({ controllers }).open();
  await service.borrow(['old', 'live'], { durationMs: 3 * DAY_MS });
  for (const name of ['old', 'live']) await service.reach(name, 'active');
  await service.give({ type: 'lease.release', leaseId: leaseId('old') });
  await service.reach('old', 'ended');
  await service.clock.run(DAY_MS + 3 * HOUR_MS);
  return service;
}

test('an ended lease goes with its intents, its events go, and that is on record', async () => {
  const service = await afterADay(KEPT);
  expect(await service.engine.readLease(leaseId('old'))).toBeNull();
  expect(await service.engine.hasIntent(leaseId('old'))).toBe(false);
  const events = await service.events();
  const { eventFloor } = service.engine.world.control;
  expect(eventFloor?.seq).toBeGreaterThan(5);
  expect(events[0]?.seq).toBe((eventFloor?.seq ?? 0) + 1);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => (events[0]?.seq ?? 0) + index));
  const told = events.filter(({ type }) => type === 'service.records_removed');
  expect(told[0]).toMatchObject({ actor: 'system:retention', data: { leases: 1 } });
  expect(service.bugs).toEqual([]);
});

test('what lives keeps its record and its intents, and can still be taken away', async () => {
  const service = await afterADay(KEPT);
  expect(service.lease('live')?.state.kind).toBe('active');
  expect(await service.engine.hasIntent(leaseId('live'))).toBe(true);
  await service.give({ type: 'lease.release', leaseId: leaseId('live') });
  await service.reach('live', 'ended');
  expect(service.outside()).toEqual({ servers: 0, ports: 0, floatingIps: 0 });
});

test('by default everything stays, and nothing goes while the service is frozen', async () => {
  const kept = await afterADay(null);
  expect(await kept.engine.readLease(leaseId('old'))).not.toBeNull();
  expect((await kept.events())[0]?.seq).toBe(1);
  await kept.give({ type: 'service.freeze', reason: 'restored' });
  await kept.crash();
  await kept.open({ pollIntervalMs: 12 * HOUR_MS, retention: KEPT });
  await kept.clock.run(3 * HOUR_MS);
  expect((await kept.events())[0]?.seq).toBe(1);
  await kept.give({ type: 'service.thaw' });
  await kept.clock.run(2 * HOUR_MS);
  expect((await kept.events())[0]?.seq).toBeGreaterThan(1);
});

test('a thing of a lease whose records are gone is reported, never deleted', async () => {
  const service = await afterADay(KEPT);
  const live = service.lease('live');
  if (live === undefined) throw new Error('the lease lives');
  // As if something of it had come back from somewhere after all.
  const { deploymentId } = service.engine.world.control;
  const lease = { ...live, id: leaseId('old'), refs: NO_REFS };
  let isDone = false;
  const made = service.provider
    .perform({ kind: 'createPort' }, { deploymentId, lease })
    .finally(() => (isDone = true));
  await service.clock.runUntil(() => isDone, MINUTE_MS);
  const { portId } = await made;
  await service.clock.run(13 * HOUR_MS + 10 * MINUTE_MS);
  expect(service.cloud.ports.has(portId ?? '')).toBe(true);
  const found = [...service.engine.world.findings.values()].map(({ code, subject }) => `${code} ${subject}`);
  expect(found.join()).toContain('orphan port/');
});
