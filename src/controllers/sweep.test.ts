import { expect, test } from 'vitest';
import { leaseId, SimulatedService, type ServiceOptions } from '../../test/support/simulated-service.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../base/units.ts';
import type { Lease } from '../domain/model/lease.ts';
import type { Step } from '../domain/provision/sighting.ts';
import { ProviderError } from '../engine/ports.ts';

const ALL = { servers: 1, ports: 1, floatingIps: 1 };
const NOTHING = { servers: 0, ports: 0, floatingIps: 0 };

async function withLease(
  around: ServiceOptions['around'] = (provider) => provider,
): Promise<{ service: SimulatedService; lease: Lease }> {
  const service = await new SimulatedService({ around }).open();
  await service.borrow(['a']);
  await service.reach('a', 'active');
  const lease = service.lease('a');
  if (lease === undefined) throw new Error('the lease is there');
  return { service, lease };
}

/** Makes a call that no lease knows of, as one that was accepted very late. */
async function makeUnknown(service: SimulatedService, step: Step, lease: Lease): Promise<void> {
  let isDone = false;
  const { deploymentId } = service.engine.world.control;
  const made = service.provider.perform(step, { deploymentId, lease }).finally(() => (isDone = true));
  await service.clock.runUntil(() => isDone, MINUTE_MS);
  await made;
}

function findings(service: SimulatedService): readonly string[] {
  return [...service.engine.world.findings.values()].map(({ code }) => code);
}

test('what an ended lease left behind is taken away, after a call time-out', async () => {
  const { service, lease } = await withLease();
  await service.give({ type: 'lease.release', leaseId: lease.id });
  await service.reach('a', 'ended');
  expect(service.outside()).toEqual(NOTHING);
  await makeUnknown(service, { kind: 'createPort' }, { ...lease, refs: { ...lease.refs, portId: null } });
  await service.clock.run(0.7 * MINUTE_MS);
  expect(service.outside()).toEqual({ servers: 0, ports: 1, floatingIps: 0 });
  await service.clock.run(2 * MINUTE_MS);
  expect(service.outside()).toEqual(NOTHING);
  expect(findings(service)).toEqual([]);
});

test('a server is taken away before its port', async () => {
  const steps: string[] = [];
  const { service, lease } = await withLease((provider) => ({
    ...provider,
    perform: (step, subject) => {
      steps.push(step.kind);
      return provider.perform(step, subject);
    },
  }));
  await service.give({ type: 'lease.release', leaseId: lease.id });
  await service.reach('a', 'ended');
  await makeUnknown(service, { kind: 'createPort' }, lease);
  const [portId = null] = service.cloud.ports.keys();
  await makeUnknown(service, { kind: 'createServer' }, { ...lease, refs: { ...lease.refs, portId } });
  expect(service.outside()).toEqual({ servers: 1, ports: 1, floatingIps: 0 });
  steps.length = 0;
  await service.clock.run(5 * MINUTE_MS);
  expect(service.outside()).toEqual(NOTHING);
  expect(steps).toEqual(['deleteServer', 'deletePort']);
});

test('what a live lease has twice is taken away; its own stays', async () => {
  const { service, lease } = await withLease();
  const { deploymentId } = service.engine.world.control;
  await makeUnknown(service, { kind: 'createPort' }, lease);
  expect(service.outside().ports).toBe(2);
  await service.clock.run(3 * MINUTE_MS);
  expect(service.outside()).toEqual(ALL);
  const sighting = service.provider.inspect({ deploymentId, lease });
  await service.clock.run(1000);
  expect((await sighting).port?.id).toBe(lease.refs.portId);
});

test('while frozen, what would be swept is shown and stays', async () => {
  const { service, lease } = await withLease();
  await service.give({ type: 'lease.release', leaseId: lease.id });
  await service.reach('a', 'ended');
  await service.give({ type: 'service.freeze', reason: 'test' });
  await makeUnknown(service, { kind: 'createPort' }, { ...lease, refs: { ...lease.refs, portId: null } });
  await service.clock.run(5 * MINUTE_MS);
  expect(service.outside().ports).toBe(1);
  expect(service.controllers.plannedSteps()).toMatchObject([{ leaseId: 'a', step: 'deletePort' }]);
  await service.give({ type: 'service.thaw' });
  await service.clock.run(MINUTE_MS);
  expect(service.outside().ports).toBe(0);
});

test('what carries our mark without an intent on record is told, not touched', async () => {
  const { service, lease } = await withLease();
  const stranger = { ...lease, id: leaseId('stranger'), refs: { ...lease.refs, portId: null } };
  await makeUnknown(service, { kind: 'createPort' }, stranger);
  await service.clock.run(10 * MINUTE_MS);
  expect(service.outside().ports).toBe(2);
  expect(findings(service)).toEqual(['orphan']);
});

test('what could not be taken away before the records of its lease went is told', async () => {
  const service = await new SimulatedService({
    controllers: { pollIntervalMs: HOUR_MS, retention: { leasesMs: DAY_MS, eventsMs: null } },
    around: (provider) => ({
      ...provider,
      perform: (step, subject) =>
        step.kind === 'deletePort' && subject.lease.state.kind === 'ended'
          ? Promise.reject(new ProviderError('conflict', 'none', 'the port is locked'))
          : provider.perform(step, subject),
    }),
  }).open();
  await service.borrow(['a']);
  await service.reach('a', 'active');
  const lease = service.lease('a');
  if (lease === undefined) throw new Error('the lease is there');
  await service.give({ type: 'lease.release', leaseId: lease.id });
  await service.reach('a', 'ended');
  await makeUnknown(service, { kind: 'createPort' }, { ...lease, refs: { ...lease.refs, portId: null } });
  await service.clock.run(20 * HOUR_MS);
  expect([service.outside().ports, findings(service)]).toEqual([1, []]);
  await service.clock.run(8 * HOUR_MS);
  expect(await service.engine.readLease(lease.id)).toBeNull();
  expect([service.outside().ports, findings(service)]).toEqual([1, ['orphan']]);
  expect(service.bugs).toEqual([]);
});

test('the cards of a server that no lease holds are not lent', async () => {
  const { service, lease } = await withLease();
  const cards = (): readonly number[] =>
    [...service.engine.world.hosts.values()].map(({ free }) => free.singles['V100'] ?? 0);
  const atFirst = cards();
  const refs = { ...lease.refs, portId: null, serverId: null };
  const stranger = { ...lease, id: leaseId('stranger'), refs };
  await makeUnknown(service, { kind: 'createPort' }, stranger);
  const portId = [...service.cloud.ports.keys()].find((id) => id !== lease.refs.portId) ?? null;
  await makeUnknown(service, { kind: 'createServer' }, { ...stranger, refs: { ...refs, portId } });
  await service.clock.run(5 * MINUTE_MS);
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  expect(service.outside().servers).toBe(2);
  expect(sum(cards())).toBe(sum(atFirst) - 1);
});

test('a lost store observes the cloud that it finds, and touches nothing in it', async () => {
  const { service: before } = await withLease();
  await before.crash();
  const after = await new SimulatedService({ after: before }).open();
  expect(after.engine.world.control.mode).toMatchObject({
    kind: 'observe',
    reason: expect.stringContaining('has 3 objects with a mark of Berth (deployment d0d0d0d0)'),
  });
  await after.clock.run(10 * MINUTE_MS);
  expect(after.outside()).toEqual(ALL);
  expect(findings(after)).toEqual(['foreign_deployment']);
});

test('an operator can have a new store act beside another deployment', async () => {
  const { service: before } = await withLease();
  await before.crash();
  const after = await new SimulatedService({ after: before, controllers: { actOnEmptyStore: true } }).open();
  expect(after.engine.world.control.mode.kind).toBe('act');
  await after.borrow(['b']);
  await after.reach('b', 'active');
  await after.give({ type: 'lease.release', leaseId: leaseId('b') });
  await after.reach('b', 'ended');
  await after.clock.run(10 * MINUTE_MS);
  expect(after.outside()).toEqual(ALL);
});

test("an adopted server is its lease's own, and goes with it", async () => {
  const { service: before, lease } = await withLease();
  await before.crash();
  const after = await new SimulatedService({ after: before, controllers: { actOnEmptyStore: true } }).open();
  if (lease.state.kind !== 'active') throw new Error('the lease is active');
  const { connection, claim } = lease.state;
  const outcome = await after.give({
    type: 'lease.adopt',
    leaseId: leaseId('adopted'),
    projectId: lease.projectId,
    ownerId: lease.ownerId,
    name: 'adopted',
    flavorId: lease.request.flavorId,
    running: { hostId: claim.hostId, connection },
    refs: lease.refs,
    durationMs: 60 * MINUTE_MS,
    atEnd: 'delete',
  });
  expect(outcome.ok).toBe(true);
  await after.clock.run(10 * MINUTE_MS);
  expect(findings(after)).toEqual([]);
  expect(after.lease('adopted')?.state.kind).toBe('active');
  // Counted once: as the claim of its new lease, not as the use of the deployment whose mark it carries.
  const row = after.engine.world.hosts.get(claim.hostId);
  expect([row?.free.singles['V100'], row?.host.foreign.devices]).toEqual([1, {}]);
  await after.give({ type: 'lease.release', leaseId: leaseId('adopted') });
  await after.reach('adopted', 'ended');
  expect(after.outside()).toEqual(NOTHING);
  expect(after.bugs).toEqual([]);
});
