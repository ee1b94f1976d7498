/**
 * From the return of a GPU to the grant of the one who waits for it, through the real controllers and the
 * disk.
 */
import { round, type Report } from './bench.ts';
import { quantiles } from './measure.ts';
import { borrow, CARDS_PER_HOST, openBenchService, release, type BenchService } from './service.ts';
import { HOUR_MS } from '../src/base/units.ts';

const ROUNDS = 300;
const WARM_UP = 50;

export async function benchRelease(): Promise<Report> {
  const running = await openBenchService({ hosts: 1 });
  try {
    const holders: string[] = [];
    for (let card = 0; card < CARDS_PER_HOST; card++) holders.push(await borrowAndHold(running));
    const tookMs: number[] = [];
    for (let done = 0; done < WARM_UP + ROUNDS; done++) {
      const waiter = borrow(HOUR_MS);
      await running.engine.command('bench', waiter);
      const [id = ''] = waiter.leaseIds;
      const granted = reached(running, id, 'lease.granted');
      const active = reached(running, id, 'lease.activated');
      const startMs = performance.now();
      void running.engine.command('bench', release(holders.shift() ?? ''));
      const grantedAtMs = await granted;
      if (done >= WARM_UP) tookMs.push(grantedAtMs - startMs);
      await active;
      holders.push(id);
    }
    const [p50 = 0, p99 = 0, max = 0] = quantiles(tookMs, [0.5, 0.99, 1]);
    return {
      tables: [
        {
          title: 'Release: a GPU is given back until the next in the queue has it (two commits)',
          head: ['releases', 'p50 ms', 'p99 ms', 'max ms'],
          rows: [[ROUNDS, round(p50), round(p99), round(max)]],
        },
      ],
      checks: [{ what: 'release to grant, p50', value: p50, unit: 'ms', atMost: 5 }],
    };
  } finally {
    await running.close();
  }
}

async function borrowAndHold(running: BenchService): Promise<string> {
  const command = borrow(HOUR_MS);
  const [id = ''] = command.leaseIds;
  const active = reached(running, id, 'lease.activated');
  await running.engine.command('bench', command);
  await active;
  return id;
}

/** When the committed event of that type is told, on the monotonic clock, ms. */
function reached({ engine }: BenchService, id: string, type: string): Promise<number> {
  return new Promise((resolve) => {
    const unsubscribe = engine.subscribe((_changes, events) => {
      if (!events.some((event) => event.type === type && event.id === id)) return;
      unsubscribe();
      resolve(performance.now());
    });
  });
}
