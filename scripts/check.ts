// `npm run check`: everything about the sources that a machine can judge without running Berth. One step
// after another, all of them even when one fails, so that one run shows everything there is to mend.

import { spawnSync } from 'node:child_process';
import path from 'node:path';

const bootstrap = path.join(import.meta.dirname, 'bootstrap.mjs');

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const steps: readonly Step[] = [
  { name: 'types', command: ['tsc', '--noEmit'] },
  { name: 'lint', command: ['oxlint', '--deny-warnings'] },
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'tidy', command: ['vitest', 'run', '--project', 'fast', 'test/tidy.test.ts'] },
];

/** Runs one step with its output shown, and tells whether it passed. */
function passes(step: Step): boolean {
  const startedMs = performance.now();
  const run = spawnSync(process.execPath, [bootstrap, 'tool', ...step.command], { stdio: 'inherit' });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const passed = run.status === 0;
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${step.name}  ${seconds} s`);
  return passed;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; there are: ${steps.map((step) => step.name).join(', ')}`);
  process.exit(2);
}
const chosen = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name));
const failed = chosen.filter((step) => !passes(step)).map((step) => step.name);
console.log(
  failed.length === 0 ? `check: ${chosen.length} steps passed` : `check: FAILED: ${failed.join(', ')}`,
);
process.exit(failed.length === 0 ? 0 : 1);
