import { expect, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { WorkQueue } from './work-queue.ts';

/** A queue whose turns take 10 ms each and end with the pauses given for them. */
function queueOf(concurrency: number, pauses: Readonly<Record<string, readonly (number | null)[]>>) {
  const clock = createVirtualClock(0);
  const log: string[] = [];
  const left = new Map(Object.entries(pauses).map(([key, list]) => [key, [...list]]));
  const queue = new WorkQueue<string>({
    clock,
    concurrency,
    run: (key) =>
      new Promise((resolve) => {
        log.push(`${clock.monotonicMs()} ${key}`);
        clock.setTimer(10, () => resolve(left.get(key)?.shift() ?? null));
      }),
  });
  return { clock, log, queue };
}

test('runs in order of arrival, so many at once', async () => {
  const { clock, log, queue } = queueOf(2, {});
  for (const key of ['a', 'b', 'c', 'a']) queue.wake(key);
  await clock.run(100);
  expect(log).toEqual(['0 a', '0 b', '10 c', '10 a']);
});

test('pauses as told, and takes no pause when woken', async () => {
  const { clock, log, queue } = queueOf(1, { a: [50, 1000, null] });
  queue.wake('a');
  await clock.run(100);
  queue.wake('a');
  await clock.run(5000);
  expect(log).toEqual(['0 a', '60 a', '100 a']);
});

test('a turn without a pause lets those go first that wait', async () => {
  const { clock, log, queue } = queueOf(1, { a: [0, null] });
  queue.wake('a');
  queue.wake('b');
  await clock.run(100);
  expect(log).toEqual(['0 a', '10 b', '20 a']);
});

test('one key is never at work twice at once', async () => {
  const { clock, log, queue } = queueOf(5, { a: [null] });
  queue.wake('a');
  queue.wake('a');
  queue.wake('a');
  await clock.run(100);
  expect(log).toEqual(['0 a', '10 a']);
});

test('nothing begins after a stop', async () => {
  const { clock, log, queue } = queueOf(1, { a: [50] });
  queue.wake('a');
  queue.wake('b');
  await clock.run(5);
  queue.stop();
  queue.wake('c');
  await clock.run(1000);
  expect(log).toEqual(['0 a']);
  expect(clock.nextTimerMs()).toBeNull();
});
