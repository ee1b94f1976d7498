import { expect, test } from 'vitest';
import { createCliTest } from '../../test/support/cli-io.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';

const status = { error: 'not one of Berth' };

/** `status` against a server that takes so long, as seen on stderr. */
async function waited(answerMs: number, isTTY: boolean): Promise<string> {
  const clock = createVirtualClock(0);
  const answer = new Promise<Response>((resolve) =>
    clock.setTimer(answerMs, () => resolve(Response.json(status))),
  );
  const cli = createCliTest({ clock, isTTY, columns: isTTY ? 40 : null, fetch: () => answer });
  const done = cli.run('status');
  await clock.run(answerMs);
  await done;
  return cli.stderr().split('Error:')[0] ?? '';
}

test('a call of more than a second is shown to a person, and the line is removed again', async () => {
  const text = await waited(1500, true);
  expect(text).toContain('1s waiting for the answer');
  // What follows is the error, in red.
  expect(text.endsWith('\r\u001B[2K\u001B[31m')).toBe(true);
  const lines = text.split('\r\u001B[2K').slice(1);
  expect(lines.length).toBeGreaterThan(3);
  for (const line of lines) expect(line.length).toBeLessThan(40);
});

test('a quick call and a log file see nothing of it', async () => {
  expect(await waited(900, true)).toBe('\u001B[31m');
  expect(await waited(5000, false)).toBe('');
});
