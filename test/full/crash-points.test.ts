/** Every named point of every outside call that makes, keeps or takes away something. */
import { describe, test } from 'vitest';
import { crashAt, type CrashPoint, type CrashStep } from '../support/process-crash.ts';

const POINTS: readonly CrashPoint[] = ['before_intent', 'before_send', 'after_reply', 'after_commit'];
const STEPS: readonly CrashStep[] = [
  'createPort',
  'createServer',
  'createFloatingIp',
  'shelve',
  'unshelve',
  'deleteServer',
];

describe.each(STEPS)('SIGKILL around %s', (step) => {
  test.concurrent.each(POINTS)(
    '%s: one server, and nothing left at the end',
    (point) => crashAt(point, step),
    120_000,
  );
});
