import { describe, expect, test } from 'vitest';
import { createPrng } from '../base/prng.ts';
import { createVirtualClock, type VirtualClock } from '../../test/support/virtual-clock.ts';
import { SimCloud } from './cloud.ts';
import { createSimFetch } from './sim-fetch.ts';

const T0 = Date.UTC(2026, 10, 21, 12, 0, 0);
const TOKENS = 'http://sim.invalid/identity/v3/auth/tokens';

function setUp(): { clock: VirtualClock; cloud: SimCloud; simFetch: typeof fetch } {
  const clock = createVirtualClock(T0);
  const cloud = new SimCloud();
  return { clock, cloud, simFetch: createSimFetch(cloud, clock, createPrng(7)) };
}

function login(simFetch: typeof fetch, signal?: AbortSignal): Promise<Response> {
  const password = { user: { name: 'demo', domain: { id: 'default' }, password: 'demo' } };
  const body = JSON.stringify({ auth: { identity: { methods: ['password'], password } } });
  const headers = { 'Content-Type': 'application/json' };
  return simFetch(TOKENS, { method: 'POST', headers, body, ...(signal === undefined ? {} : { signal }) });
}

describe('the fetch of the simulated cloud', () => {
  test('delivers a real Response when the clock says so, not before', async () => {
    const { clock, simFetch } = setUp();
    let response: Response | null = null;
    const pending = login(simFetch).then((reply) => (response = reply));
    await clock.settle();
    expect(response).toBeNull();
    await clock.run(100);
    const reply = await pending;
    expect(reply.status).toBe(201);
    expect(reply.headers.get('x-subject-token')).toMatch(/^gAAAAA/);
    expect(reply.headers.get('date')).toBe('Sat, 21 Nov 2026 12:00:00 GMT');
    expect(await reply.json()).toMatchObject({ token: { user: { name: 'demo' } } });
  });

  test('the cloud keeps its own time when the wall clock of the client is stepped', async () => {
    const { clock, simFetch } = setUp();
    clock.stepWall(3_600_000);
    const pending = simFetch('http://sim.invalid/compute/v2.1/');
    await clock.run(100);
    expect((await pending).headers.get('date')).toBe('Sat, 21 Nov 2026 12:00:00 GMT');
  });

  test('an abort rejects with its reason at once and leaves the effect', async () => {
    const { cloud, simFetch } = setUp();
    const controller = new AbortController();
    const pending = login(simFetch, controller.signal);
    controller.abort(new Error('timed out'));
    await expect(pending).rejects.toThrow('timed out');
    expect(cloud.toJSON().tokens).toHaveLength(1);
    await expect(login(simFetch, controller.signal)).rejects.toThrow('timed out');
    expect(cloud.toJSON().tokens).toHaveLength(1);
  });

  test('lost requests fail as undici says it', async () => {
    const { clock, cloud, simFetch } = setUp();
    const codes = new Set<unknown>();
    for (let i = 0; i < 20; i++) {
      cloud.arm({ kind: 'requestLost' });
      const failure = login(simFetch).catch((error: unknown) => error);
      await clock.run(300_000);
      const error = await failure;
      expect(error).toBeInstanceOf(TypeError);
      codes.add(
        error instanceof Error && error.cause instanceof Error && 'code' in error.cause && error.cause.code,
      );
    }
    expect(codes).toEqual(new Set(['ECONNRESET', 'UND_ERR_HEADERS_TIMEOUT']));
  });

  test('takes a Request as well', async () => {
    const { clock, simFetch } = setUp();
    const pending = simFetch(new Request(TOKENS, { method: 'POST', body: '{}' }));
    await clock.settle();
    await clock.run(100);
    expect((await pending).status).toBe(400);
  });
});
