import { expect, test } from 'vitest';
import { leaseId, SimulatedService } from '../../test/support/simulated-service.ts';
import { MINUTE_MS, SECOND_MS } from '../base/units.ts';
import { DEFAULT_SETTINGS } from '../domain/settings.ts';
import type { Provider, Readiness } from '../engine/ports.ts';
import { createReadiness } from '../openstack/readiness/readiness.ts';

const REFUSED = 'SSH did not answer at 203.0.113.7:22 (connection refused)';

/** A service whose machines are as usable as `look` says; `calls` has the time of each look. */
function probed(look: () => Readiness): { readonly service: SimulatedService; readonly calls: number[] } {
  const calls: number[] = [];
  const service: SimulatedService = new SimulatedService({
    around: (provider) => ({
      ...provider,
      probe: async () => {
        calls.push(service.clock.monotonicMs());
        return look();
      },
    }),
  });
  return { service, calls };
}

test('a lease is active only once its machine is usable, and says until then what is missing', async () => {
  let readiness: Readiness = { ready: false, why: REFUSED };
  const { service, calls } = probed(() => readiness);
  await service.open();
  await service.borrow(['a']);
  await service.clock.runUntil(() => calls.length >= 12, 5 * MINUTE_MS);
  expect(service.lease('a')?.state).toMatchObject({
    kind: 'starting',
    progress: 'checking',
    obstacle: REFUSED,
  });
  const pauses = calls.slice(1).map((atMs, index) => atMs - (calls[index] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(0.9 * SECOND_MS);
  expect(pauses[0]).toBeLessThan(1.5 * SECOND_MS);
  expect(pauses.at(-1)).toBeGreaterThan(4 * SECOND_MS);
  expect(Math.max(...pauses)).toBeLessThan(7 * SECOND_MS);

  readiness = { ready: true };
  await service.reach('a', 'active', 10 * SECOND_MS);
  const told = (await service.events()).filter(({ type }) => type === 'lease.progressed');
  expect(told.filter(({ reason }) => reason === REFUSED)).toHaveLength(1);
});

test('a machine that never becomes usable ends the start with what was seen last', async () => {
  const { service } = probed(() => ({ ready: false, why: REFUSED }));
  await service.open();
  await service.borrow(['a']);
  const deadlineMs = DEFAULT_SETTINGS.startTimeoutMs + MINUTE_MS;
  await service.clock.runUntil(() => (service.lease('a')?.setbacks.length ?? 0) > 0, deadlineMs);
  expect(service.lease('a')?.setbacks).toMatchObject([
    {
      code: 'start_timed_out',
      message: expect.stringMatching(/^it was not ready after .+: SSH did not answer/),
    },
  ]);
});

/** What asks whether the machine has called. */
function phoning(provider: Provider, service: () => SimulatedService): Provider['probe'] {
  const readiness = createReadiness({
    probe: 'phone_home',
    consoleText: '',
    phoneHomeUrl: (id) => `http://berth.invalid/${id}`,
    clock: service().clock,
  });
  return async (subject, connection, sighting) => {
    const refuse = (): never => {
      throw new Error(`${provider.id} needs no call for this`);
    };
    const session = {
      callTimeoutMs: 1,
      send: refuse,
      projectId: refuse,
      identity: refuse,
      dateMs: () => null,
    };
    return readiness.probe(subject, connection, sighting, session);
  };
}

test('that a machine has called outlives the server', async () => {
  const service: SimulatedService = new SimulatedService({
    around: (provider) => ({ ...provider, probe: phoning(provider, () => service) }),
  });
  await service.open();
  await service.borrow(['a', 'b']);
  await service.clock.runUntil(() => {
    const state = service.lease('a')?.state;
    return state?.kind === 'starting' && state.obstacle === 'the machine has not called home yet';
  }, 5 * MINUTE_MS);
  expect(await service.give({ type: 'lease.calledHome', leaseId: leaseId('a') })).toMatchObject({ ok: true });
  await service.crash();
  await service.open();
  await service.reach('a', 'active', MINUTE_MS);
  expect(service.lease('b')?.state.kind).toBe('starting');
  const late = await service.give({ type: 'lease.calledHome', leaseId: leaseId('a') });
  expect(late).toMatchObject({ ok: false, refusal: { code: 'stale' } });
  const called = (await service.events()).filter(({ type }) => type === 'lease.called_home');
  expect(called).toMatchObject([{ id: 'a', actor: 'system:test' }]);
});
