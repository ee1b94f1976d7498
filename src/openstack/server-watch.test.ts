import { expect, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { MINUTE_MS, SECOND_MS } from '../base/units.ts';
import { ProviderError } from '../engine/ports.ts';
import { ServerWatch } from './server-watch.ts';
import type { Call, OpenStackSession } from './session.ts';

const START_MS = Date.parse('2026-11-21T12:00:00Z');

/** A Nova that knows when each server's record was written, and counts what it is asked. */
function nova(): {
  readonly clock: ReturnType<typeof createVirtualClock>;
  readonly watch: ServerWatch;
  readonly asked: string[];
  readonly write: (id: string, status: string) => void;
  fail: boolean;
} {
  const clock = createVirtualClock(START_MS);
  const servers = new Map<string, { status: string; atMs: number }>();
  const asked: string[] = [];
  const show = (id: string): object => ({ id, status: servers.get(id)?.status });
  const answer = (call: Call<unknown>): unknown => {
    asked.push(call.query?.['changes-since'] === undefined ? 'show' : 'list');
    if (world.fail) throw new ProviderError('unavailable', 'none', 'Nova is away');
    if (call.path !== '/servers/detail') return { server: show(call.path.slice('/servers/'.length)) };
    const sinceMs = Date.parse(call.query?.['changes-since'] ?? '');
    return { servers: [...servers].filter(([, { atMs }]) => atMs >= sinceMs).map(([id]) => show(id)) };
  };
  const session: OpenStackSession = {
    callTimeoutMs: 1000,
    send: async (call) => call.reply.parse(answer(call)),
    projectId: async () => 'p',
    identity: () => Promise.reject(new Error('nobody asks')),
    dateMs: () => clock.wallMs(),
  };
  const world = {
    clock,
    watch: new ServerWatch(session, clock, true),
    asked,
    write: (id: string, status: string) => void servers.set(id, { status, atMs: clock.wallMs() }),
    fail: false,
  };
  return world;
}

async function within<T>(clock: ReturnType<typeof createVirtualClock>, work: Promise<T>): Promise<T> {
  let isDone = false;
  const noted = work.finally(() => (isDone = true));
  noted.catch(() => {});
  await clock.runUntil(() => isDone, MINUTE_MS);
  return noted;
}

test('a hundred who wait share one list, and lists begin a second apart', async () => {
  const { clock, watch, asked, write } = nova();
  for (let n = 0; n < 100; n++) write(`s${n}`, 'BUILD');
  const look = async (): Promise<readonly (string | undefined)[]> => {
    const seen = await Promise.all(Array.from({ length: 100 }, (_unused, n) => watch.see(`s${n}`)));
    return [...new Set(seen.map((server) => server?.status))];
  };
  expect(await within(clock, look())).toEqual(['BUILD']);
  expect(asked).toEqual(['list']);
  for (let n = 0; n < 100; n++) write(`s${n}`, 'ACTIVE');
  const fromMs = clock.monotonicMs();
  expect(await within(clock, look())).toEqual(['ACTIVE']);
  expect(asked).toEqual(['list', 'list']);
  expect(clock.monotonicMs() - fromMs).toBeGreaterThanOrEqual(SECOND_MS / 2);
});

test('a server that has not changed for long is asked for once, and then known', async () => {
  const { clock, watch, asked, write } = nova();
  write('old', 'SHELVED_OFFLOADED');
  await clock.run(10 * MINUTE_MS);
  expect((await within(clock, watch.see('old')))?.status).toBe('SHELVED_OFFLOADED');
  expect((await within(clock, watch.see('old')))?.status).toBe('SHELVED_OFFLOADED');
  expect(asked).toEqual(['list', 'show', 'list']);
});

test('a deleted server is gone, and what was known is forgotten after a long silence', async () => {
  const { clock, watch, asked, write } = nova();
  write('a', 'ACTIVE');
  expect((await within(clock, watch.see('a')))?.status).toBe('ACTIVE');
  await clock.run(10 * MINUTE_MS);
  write('a', 'DELETED');
  await clock.run(10 * MINUTE_MS);
  // Its deletion is older than the list reaches back: only a direct look tells.
  await within(clock, watch.see('a'));
  expect(asked).toEqual(['list', 'list', 'show']);
  write('a', 'DELETED');
  expect(await within(clock, watch.see('a'))).toBeNull();
});

test('who waits while Nova is away is told, and the next look works', async () => {
  const world = nova();
  world.write('a', 'BUILD');
  world.fail = true;
  await expect(within(world.clock, world.watch.see('a'))).rejects.toThrow('Nova is away');
  world.fail = false;
  expect((await within(world.clock, world.watch.see('a')))?.status).toBe('BUILD');
});
