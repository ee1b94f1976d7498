import { expect, test } from 'vitest';
import { leaseId, SimulatedService, type ServiceOptions } from '../../test/support/simulated-service.ts';
import { MINUTE_MS, SECOND_MS } from '../base/units.ts';
import { ProviderError } from '../engine/ports.ts';

async function withActive(
  names: readonly string[],
  around: ServiceOptions['around'] = (provider) => provider,
): Promise<SimulatedService> {
  const service = await new SimulatedService({ around }).open();
  await service.borrow(names, { atEnd: 'shelve' });
  for (const name of names) await service.reach(name, 'active');
  return service;
}

function serverOf(service: SimulatedService, name: string): string {
  return service.lease(name)?.refs.serverId ?? '';
}

function findings(service: SimulatedService): readonly string[] {
  return [...service.engine.world.findings.keys()].toSorted();
}

test('one poll per interval, whatever the number of leases', async () => {
  let polls = 0;
  const service = await withActive(['a', 'b', 'c', 'd'], (provider) => ({
    ...provider,
    snapshot: (isCounted) => {
      polls += 1;
      return provider.snapshot(isCounted);
    },
  }));
  await service.clock.run(MINUTE_MS);
  polls = 0;
  await service.clock.run(10 * MINUTE_MS);
  expect(polls).toBeGreaterThanOrEqual(36);
  expect(polls).toBeLessThanOrEqual(45);
});

test('polls soon after something was given back', async () => {
  const service = await withActive(['a']);
  await service.clock.run(MINUTE_MS);
  await service.give({ type: 'lease.release', leaseId: leaseId('a') });
  await service.reach('a', 'ended');
  const observedAtMs = service.controllers.providers()[0]?.observedAtMs ?? 0;
  await service.clock.run(4 * SECOND_MS);
  expect(service.controllers.providers()[0]?.observedAtMs).toBeGreaterThan(observedAtMs);
});

test('a server that was deleted by somebody else is noticed, and its lease ends', async () => {
  const service = await withActive(['a', 'b']);
  service.cloud.deleteServer(serverOf(service, 'a'), service.clock.wallMs(), service.prng);
  await service.reach('a', 'ended', 2 * MINUTE_MS);
  const ended = await service.engine.readLease(leaseId('a'));
  expect(ended?.state).toMatchObject({
    reason: 'failed',
    cause: expect.stringContaining('by somebody else'),
  });
  expect(service.lease('b')?.state.kind).toBe('active');
  expect(service.outside()).toEqual({ servers: 1, ports: 1, floatingIps: 1 });
});

test('a server that polls do not show, but a direct look does, is not lost', async () => {
  let isHidden = false;
  const service = await withActive(['a'], (provider) => ({
    ...provider,
    snapshot: async (isCounted) => {
      const snapshot = await provider.snapshot(isCounted);
      return isHidden ? { ...snapshot, servers: [] } : snapshot;
    },
  }));
  isHidden = true;
  await service.clock.run(5 * MINUTE_MS);
  expect(service.lease('a')?.state.kind).toBe('active');
});

test('many servers that vanish at once freeze the service, and end only after a thaw', async () => {
  let isBlind = false;
  const service = await withActive(['a', 'b', 'c', 'd'], (provider) => ({
    ...provider,
    snapshot: async (isCounted) => {
      if (isBlind) throw new ProviderError('unavailable', 'none', 'no answer');
      return provider.snapshot(isCounted);
    },
  }));
  // The deletions take seconds each: the next poll that is answered sees all of them at once.
  isBlind = true;
  for (const name of ['a', 'b', 'c']) {
    service.cloud.deleteServer(serverOf(service, name), service.clock.wallMs(), service.prng);
  }
  await service.clock.run(MINUTE_MS);
  expect(service.outside().servers).toBe(1);
  isBlind = false;
  await service.clock.runUntil(() => service.engine.world.control.freeze !== null, 2 * MINUTE_MS);
  expect(service.engine.world.control.freeze?.reason).toContain('3 of the 4 known servers');
  await service.clock.run(5 * MINUTE_MS);
  expect(service.lease('a')?.state.kind).toBe('active');

  await service.give({ type: 'service.thaw' });
  for (const name of ['a', 'b', 'c']) await service.reach(name, 'ended', 5 * MINUTE_MS);
  expect(service.lease('d')?.state.kind).toBe('active');
  expect(service.engine.world.control.freeze).toBeNull();
});

test('a server that somebody stopped is unreachable and told, until it runs again', async () => {
  const service = await withActive(['a']);
  service.cloud.disturb(
    'serverStoppedElsewhere',
    serverOf(service, 'a'),
    service.clock.wallMs(),
    service.prng,
  );
  await service.clock.runUntil(() => service.lease('a')?.unreachableSinceMs !== null, 2 * MINUTE_MS);
  await service.clock.run(SECOND_MS);
  expect(findings(service)).toEqual(['changed_outside:lease/a']);
  await service.actPastBerth('a', 'os-start');
  await service.clock.runUntil(() => service.lease('a')?.unreachableSinceMs === null, 2 * MINUTE_MS);
  await service.clock.run(SECOND_MS);
  expect(findings(service)).toEqual([]);
});

test('a server that somebody shelved brings its lease to the shelf', async () => {
  const service = await withActive(['a']);
  await service.actPastBerth('a', 'shelve');
  await service.reach('a', 'shelved', 10 * MINUTE_MS);
  await service.clock.run(MINUTE_MS);
  expect(findings(service)).toEqual([]);
});

test('a server that somebody fetched from the shelf is told', async () => {
  const service = await withActive(['a']);
  await service.give({ type: 'lease.shelve', leaseId: leaseId('a') });
  await service.reach('a', 'shelved');
  await service.actPastBerth('a', 'unshelve');
  await service.clock.runUntil(() => findings(service).includes('changed_outside:lease/a'), 5 * MINUTE_MS);
  expect(service.lease('a')?.state.kind).toBe('shelved');
});

test('a shelved server that somebody deleted ends its lease', async () => {
  const service = await withActive(['a']);
  await service.give({ type: 'lease.shelve', leaseId: leaseId('a') });
  await service.reach('a', 'shelved');
  service.cloud.deleteServer(serverOf(service, 'a'), service.clock.wallMs(), service.prng);
  await service.reach('a', 'ended', 5 * MINUTE_MS);
});

test('a cloud that does not answer is shown with its error, and then well again', async () => {
  const service = await withActive(['a']);
  await service.clock.run(MINUTE_MS);
  service.cloud.faultPolicy = { ...service.cloud.faultPolicy, rates: { serverError: 1 } };
  await service.clock.run(10 * MINUTE_MS);
  const [failing] = service.controllers.providers();
  expect(failing).toMatchObject({ reachable: false, error: expect.stringContaining('500') });
  expect(service.lease('a')?.state.kind).toBe('active');
  service.cloud.faultPolicy = { ...service.cloud.faultPolicy, rates: {} };
  await service.clock.run(2 * MINUTE_MS);
  expect(service.controllers.providers()).toMatchObject([{ reachable: true, error: null }]);
});
