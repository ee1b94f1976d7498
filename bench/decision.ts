/** What one decision costs, at 100 and at 10,000 hosts, in a cloud in the middle of its day. */
import { assertDefined } from '../src/base/assert.ts';
import { round, type Check, type Report, type Row } from './bench.ts';
import { CARDS_PER_HOST, Load, type LoadOptions } from './decision-load.ts';
import { quantiles } from './measure.ts';

/** Some 1000 and 5000 lives of leases. */
const WARM_UP = 20_000;
const MEASURED = 100_000;
const WAITING = 100;
const SIZES = [100, 10_000] as const;

/** What changes only the record of one lease; all others look for hosts, or may. */
const RECORDS: ReadonlySet<string> = new Set(['intent.open', 'intent.done', 'lease.progress']);

interface Taken {
  readonly all: number[];
  /** Of those that look for hosts: the record keeping is most of the mix, and hides what they cost. */
  readonly scheduling: number[];
  readonly byType: Map<string, number[]>;
}

export async function benchDecision(): Promise<Report> {
  const rows: Row[] = [];
  const checks: Check[] = [];
  for (const claimKind of ['slot', 'unit'] as const) {
    const p50s: number[] = [];
    for (const hosts of SIZES) {
      const taken = measure({ hosts, claimKind, waiting: WAITING, seed: 1 });
      const at = `${hosts.toLocaleString('en')} × ${CARDS_PER_HOST} ${claimKind}`;
      rows.push(rowOf(at, 'all', taken.all), rowOf('', 'all that schedule', taken.scheduling));
      for (const type of [...taken.byType.keys()].toSorted()) {
        rows.push(rowOf('', type, taken.byType.get(type) ?? []));
      }
      const [p50 = 0, p99 = 0] = quantiles(taken.all, [0.5, 0.99]);
      const [schedulingP50 = 0] = quantiles(taken.scheduling, [0.5]);
      p50s.push(schedulingP50);
      checks.push({ what: `decision at ${at}, p50`, value: p50, unit: 'µs', atMost: 10 });
      checks.push({ what: `decision at ${at}, p99`, value: p99, unit: 'µs', atMost: 100 });
      checks.push({ what: `scheduling at ${at}, p50`, value: schedulingP50, unit: 'µs', atMost: 10 });
    }
    const [small = 1, large = 1] = p50s;
    // Twice the logarithm of the hosts: 100 → 10,000.
    checks.push({
      what: `growth of p50 of scheduling, ${claimKind} hosts`,
      value: large / small,
      unit: '×',
      atMost: 2,
    });
  }
  return {
    tables: [
      {
        title: `Decision: \`execute\`, 90 % lent, ${WAITING} waiting; µs`,
        head: ['hosts × GPUs', 'command', 'count', 'p50', 'p90', 'p99', 'max'],
        rows,
      },
    ],
    checks,
  };
}

function measure(options: LoadOptions): Taken {
  const load = new Load(options);
  load.fill();
  for (let given = 0; given < WARM_UP; given++) load.give(load.next());
  const taken: Taken = { all: [], scheduling: [], byType: new Map() };
  for (let given = 0; given < MEASURED; given++) {
    const command = load.next();
    const { tookUs } = load.give(command);
    taken.all.push(tookUs);
    if (!RECORDS.has(command.type)) taken.scheduling.push(tookUs);
    const known = taken.byType.get(command.type);
    if (known === undefined) taken.byType.set(command.type, [tookUs]);
    else known.push(tookUs);
  }
  return taken;
}

function rowOf(at: string, what: string, values: readonly number[]): Row {
  const found = quantiles(values, [0.5, 0.9, 0.99, 1]);
  return [at, what, values.length, ...found.map((value) => round(assertDefined(value, 'a quantile')))];
}
