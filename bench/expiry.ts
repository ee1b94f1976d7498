/** How late leases end: thousands of them, all ending within seconds, on the real clock. */
import { round, type Report } from './bench.ts';
import { quantiles } from './measure.ts';
import { lease } from '../test/support/worlds.ts';
import { borrow, CARDS_PER_HOST, openBenchService, type BenchService } from './service.ts';

const LEASES = 5000;
/** Before the first end: time to start them all. */
const FIRST_END_MS = 6000;
const SPREAD_MS = 5000;

export async function benchExpiry(): Promise<Report> {
  const running = await openBenchService({ hosts: LEASES / CARDS_PER_HOST });
  try {
    const lateMs = await watchEnds(running);
    const [p50 = 0, p95 = 0, max = 0] = quantiles(lateMs, [0.5, 0.95, 1]);
    return {
      tables: [
        {
          title: `Expiry: from the end of a lease to its committed end order, ${SPREAD_MS / 1000} s of ends`,
          head: ['leases', 'ends/s', 'p50 ms', 'p95 ms', 'max ms'],
          rows: [[LEASES, (LEASES / SPREAD_MS) * 1000, round(p50), round(p95), round(max)]],
        },
      ],
      checks: [{ what: `lateness with ${LEASES} leases, p95`, value: p95, unit: 'ms', atMost: 50 }],
    };
  } finally {
    await running.close();
  }
}

async function watchEnds(running: BenchService): Promise<readonly number[]> {
  const { engine } = running;
  const firstEndMs = engine.nowMs() + FIRST_END_MS;
  const endsAtMs = new Map<string, number>();
  const lateMs: number[] = [];
  const allEnded = new Promise<void>((resolve) => {
    engine.subscribe((_changes, events) => {
      const nowMs = engine.nowMs();
      for (const { type, id } of events) {
        if (type === 'lease.activated') {
          const state = engine.world.leases.get(lease(id))?.state;
          if (state?.kind === 'active') endsAtMs.set(id, state.expiresAtMs);
        }
        if (type === 'lease.expired') lateMs.push(nowMs - (endsAtMs.get(id) ?? nowMs));
      }
      if (lateMs.length === LEASES) resolve();
    });
  });
  // Each lasts from the moment at which it is active, which is soon after it is asked for.
  await Promise.all(
    Array.from({ length: LEASES }, (_unused, index) => {
      const endMs = firstEndMs + (index * SPREAD_MS) / LEASES;
      return engine.command('bench', borrow(Math.round(endMs - engine.nowMs())));
    }),
  );
  await allEnded;
  return lateMs;
}
