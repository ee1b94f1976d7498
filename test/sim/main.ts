/**
 * `npm run sim -- [--seeds 200] [--from 1] [--steps 5000] [--once] [--json]`: many histories on all cores,
 * each run twice and compared. `--soak` goes on with new seeds until it is stopped. Exit code 1 when
 * anything is broken, or when a full run met some transition or fault too seldom.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { Report } from './simulate.ts';
import { simulate } from './simulate.ts';
import { rareKinds, summary } from './summary.ts';

/** So many histories have to meet everything often enough. */
const FULL_RUN = 200;

interface Job {
  readonly seed: number;
  readonly steps: number;
  readonly twice: boolean;
}

if (isMainThread) process.exitCode = await main();
else work();

/** In a worker thread: one history after the other. */
function work(): void {
  parentPort?.on('message', (job: Job) => {
    void runOne(job).then((report) => parentPort?.postMessage(report));
  });
}

async function runOne({ seed, steps, twice }: Job): Promise<Report> {
  const report = await simulate(seed, steps);
  if (!twice || report.violations.length > 0) return report;
  const again = await simulate(seed, steps);
  if (again.hash === report.hash) return report;
  return {
    ...report,
    violations: [`seed ${seed} gives different histories: ${report.hash} and ${again.hash}`],
  };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '20' },
      from: { type: 'string', default: '1' },
      steps: { type: 'string', default: '5000' },
      once: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const first = Number(values.from);
  const last = values.soak ? Number.MAX_SAFE_INTEGER : first + Number(values.seeds) - 1;
  const reports: Report[] = [];
  let nextSeed = first;
  const startedMs = performance.now();
  const runWorker = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url));
      const next = (): void => {
        if (nextSeed > last) void worker.terminate().then(() => resolve());
        else
          worker.postMessage({
            seed: nextSeed++,
            steps: Number(values.steps),
            twice: !values.once,
          } satisfies Job);
      };
      worker.on('error', reject);
      worker.on('message', (report: Report) => {
        reports.push(report);
        tell(report, reports.length);
        if (values.soak && report.violations.length > 0) nextSeed = last + 1;
        next();
      });
      next();
    });
  await Promise.all(Array.from({ length: availableParallelism() }, runWorker));
  const seconds = (performance.now() - startedMs) / 1000;
  if (values.json) process.stdout.write(`${JSON.stringify(reports)}\n`);
  else process.stdout.write(summary(reports, seconds, !values.once));
  const rare = values.soak || reports.length < FULL_RUN ? [] : rareKinds(reports);
  if (rare.length > 0) process.stderr.write(`met too seldom: ${rare.join(', ')}\n`);
  return rare.length > 0 || reports.some((report) => report.violations.length > 0) ? 1 : 0;
}

function tell(report: Report, done: number): void {
  for (const violation of report.violations) process.stderr.write(`seed ${report.seed}: ${violation}\n`);
  if (process.stderr.isTTY) process.stderr.write(`\r${done} histories`);
}
