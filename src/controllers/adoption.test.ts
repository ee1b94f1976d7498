/** A server whose record was lost, from the finding over its adoption to its end. */
import { expect, test } from 'vitest';
import { leaseId, SimulatedService } from '../../test/support/simulated-service.ts';
import { host } from '../../test/support/worlds.ts';
import { asId } from '../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../base/units.ts';
import type { Lease, ProviderRefs } from '../domain/model/lease.ts';
import { NO_REFS } from '../domain/model/lease.ts';
import type { Step } from '../domain/provision/sighting.ts';
import { claimOf } from '../domain/world.ts';

/** A machine with our mark for a lease of this id that no store knows. */
async function withUnknown(id: string): Promise<{ service: SimulatedService; lost: Lease }> {
  const service = await new SimulatedService().open();
  await service.borrow(['pattern']);
  await service.reach('pattern', 'active');
  const pattern = service.lease('pattern');
  if (pattern === undefined) throw new Error('the lease is there');
  let lost: Lease = { ...pattern, id: leaseId(id), name: id, refs: NO_REFS };
  for (const kind of ['createPort', 'createServer', 'createFloatingIp'] as const) {
    const made = await perform(service, { kind }, lost);
    lost = { ...lost, refs: { ...lost.refs, ...made } };
  }
  await service.give({ type: 'lease.release', leaseId: pattern.id });
  await service.reach('pattern', 'ended');
  await service.clock.run(MINUTE_MS);
  return { service, lost };
}

async function perform(service: SimulatedService, step: Step, lease: Lease): Promise<Partial<ProviderRefs>> {
  let isDone = false;
  const { deploymentId } = service.engine.world.control;
  const made = service.provider.perform(step, { deploymentId, lease }).finally(() => (isDone = true));
  await service.clock.runUntil(() => isDone, MINUTE_MS);
  return made;
}

async function adopt(service: SimulatedService, lost: Lease, id: string, refs: ProviderRefs): Promise<void> {
  const server = service.cloud.servers.get(lost.refs.serverId ?? '');
  const row = [...service.engine.world.hosts.values()].find((each) => each.host.name === server?.host);
  const outcome = await service.give({
    type: 'lease.adopt',
    leaseId: leaseId(id),
    projectId: asId('demo'),
    ownerId: 'ann',
    name: 'found',
    flavorId: lost.request.flavorId,
    running: {
      hostId: row?.host.id ?? host('none'),
      connection: { host: lost.refs.address ?? '', port: 22, user: 'ubuntu' },
    },
    refs,
    durationMs: HOUR_MS,
    atEnd: 'delete',
  });
  expect(outcome).toMatchObject({ ok: true });
}

const orphans = (service: SimulatedService): readonly string[] =>
  [...service.engine.world.findings.values()]
    .filter(({ code }) => code === 'orphan')
    .map(({ subject }) => subject.slice(0, subject.indexOf('/')))
    .toSorted();

test('it is reported with all its parts, and nothing of it is taken away', async () => {
  const { service } = await withUnknown('lost');
  await service.clock.run(10 * MINUTE_MS);
  expect(orphans(service)).toEqual(['floating-ip', 'port', 'server']);
  expect(service.outside()).toEqual({ servers: 1, ports: 1, floatingIps: 1 });
});

test('adopted with its port and floating IP, it holds its card and leaves nothing at its end', async () => {
  const { service, lost } = await withUnknown('lost');
  await adopt(service, lost, 'found', lost.refs);
  const adopted = service.lease('found');
  expect(adopted === undefined ? null : claimOf(adopted)).toMatchObject({ provisional: false });
  await service.clock.run(MINUTE_MS);
  expect(orphans(service)).toEqual([]);
  await service.clock.run(HOUR_MS);
  await service.reach('found', 'ended');
  expect(service.outside()).toEqual({ servers: 0, ports: 0, floatingIps: 0 });
  expect(service.bugs).toEqual([]);
});

test('adopted under the id of its mark by its server alone, it takes its other parts with it', async () => {
  const { service, lost } = await withUnknown('lost');
  await adopt(service, lost, 'lost', { ...NO_REFS, serverId: lost.refs.serverId });
  await service.give({ type: 'lease.release', leaseId: leaseId('lost') });
  await service.reach('lost', 'ended');
  expect(service.outside()).toEqual({ servers: 0, ports: 0, floatingIps: 0 });
  expect(service.bugs).toEqual([]);
});

test('adopted under another id by its server alone, its other parts are left and reported', async () => {
  const { service, lost } = await withUnknown('lost');
  await adopt(service, lost, 'found', { ...NO_REFS, serverId: lost.refs.serverId });
  await service.give({ type: 'lease.release', leaseId: leaseId('found') });
  await service.reach('found', 'ended');
  await service.clock.run(MINUTE_MS);
  expect(orphans(service)).toEqual(['floating-ip', 'port']);
});
