import { expect, test } from 'vitest';
import { createCliTest } from '../../test/support/cli-io.ts';

const problem = (status: number, code: string): Response =>
  Response.json(
    {
      type: `urn:berth:error:${code}`,
      title: 't',
      status,
      code,
      detail: 'it is \u001B[31mso',
      field: null,
      fix: 'Do that.',
      details: {},
      request_id: 'r1',
    },
    { status },
  );

const refusing = async (): Promise<Response> => problem(409, 'no_capacity');

test.each([
  [() => problem(409, 'no_capacity'), 1],
  [() => problem(403, 'quota_exceeded'), 1],
  [() => problem(401, 'unauthenticated'), 4],
  [() => problem(403, 'forbidden'), 4],
  [() => new Response('<html>', { status: 502 }), 1],
])('the exit code tells what kind of no it was', async (reply, code) => {
  const cli = createCliTest({ fetch: async () => reply() });
  expect(await cli.run('status')).toBe(code);
  expect(cli.stdout()).toBe('');
  expect(cli.stderr()).toMatch(/^Error: .+\n.+\n$/);
});

test('a server that cannot be reached is its own exit code', async () => {
  const refused = Object.assign(new TypeError('fetch failed'), {
    cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }),
  });
  const cli = createCliTest({
    fetch: () => Promise.reject(refused),
    env: { BERTH_URL: 'http://berth.example:8080' },
  });
  expect(await cli.run('status')).toBe(3);
  expect(cli.stderr()).toBe(
    'Error: cannot reach http://berth.example:8080: ECONNREFUSED.\n' +
      "Is 'berth serve' running at http://berth.example:8080? Check the address and that no firewall is in between.\n",
  );
});

test('errors are coloured for people only, and what a server says cannot steer the terminal', async () => {
  const colours = createCliTest({ fetch: refusing, isTTY: true });
  await colours.run('status');
  expect(colours.stderr()).toContain('\u001B[31mError:\u001B[0m it is \\x1b[31mso.\nDo that.\n');
  const none = createCliTest({ fetch: refusing, isTTY: true, env: { NO_COLOR: '1' } });
  await none.run('status');
  expect(none.stderr()).toBe('Error: it is \\x1b[31mso.\nDo that.\n');
});

test.each([
  [{ BERTH_TOKEN: 'secret-1' }, {}, [], 'Bearer secret-1'],
  [{ BERTH_TOKEN_FILE: '/token' }, { '/token': 'secret-2\n' }, [], 'Bearer secret-2'],
  [{ BERTH_TOKEN: 'secret-1' }, {}, ['--token', 'secret-3'], 'Bearer secret-3'],
  [{ BERTH_TOKEN: 'secret-1', OS_CLOUD: 'demo' }, {}, [], 'Bearer secret-1'],
  [{}, {}, [], null],
])('the token comes from %j', async (env, files, argv, header) => {
  const seen: (string | null)[] = [];
  const cli = createCliTest({
    env,
    files,
    fetch: async (_url, init) => {
      seen.push(new Headers(init?.headers).get('authorization'));
      return problem(401, 'unauthenticated');
    },
  });
  expect(await cli.run('status', ...argv)).toBe(4);
  expect(seen).toEqual([header]);
  expect(cli.stderr()).not.toContain('secret');
});

test('a token that cannot be one is refused without repeating it', async () => {
  const cli = createCliTest({ env: { BERTH_TOKEN: 'sec\nret' } });
  expect(await cli.run('status')).toBe(2);
  expect(cli.stderr()).toContain('BERTH_TOKEN is not a token');
  expect(cli.stderr()).not.toContain('ret');
});

test.each([
  [['--url', 'localhost:8080', 'status'], "--url is no address of a server: 'localhost:8080'"],
  [['lease', 'keep', 'a1b2'], '--for is missing'],
  [['borrow', 'V100', '--for', '8x'], "--for: '8x' is not a duration"],
  [['borrow', '--for', '8h'], 'what to borrow is missing'],
  [['borrow', 'V100', '--for', '8h', '--requirements', 'gpu=V100'], 'what to borrow is said twice'],
  [['explain', '--requirements', 'gpu=V100,cout=2'], "Did you mean 'count'?"],
  [['lease', 'extend', 'a1b2'], 'Give one of --for, --until and --max.'],
  [['lease', 'extend', 'a1b2', '--max', '--for', '1h'], 'Give one of --for, --until and --max.'],
  [['lease', 'unshelve', 'a1b2', '--at', '+8h', '--for', '1h'], '--at goes with neither --for nor --wait'],
  [['borrow', 'V100', '--renew', 'perhaps'], 'Choose one of yes, no.'],
  [['host', 'drain', 'h', '--reason', 'r', '--until', 'now'], 'the window ends before it starts'],
  [['serve', '--listen', '8080'], '--listen is not HOST:PORT'],
])('%j is refused before anything is sent', async (argv, text) => {
  const cli = createCliTest({ fetch: () => Promise.reject(new Error('it was sent')) });
  expect(await cli.run(...argv)).toBe(2);
  expect(cli.stderr()).toContain(text);
});

test('serve hands its options to the server', async () => {
  const cli = createCliTest();
  expect(await cli.run('serve', '--demo', '--listen', 'localhost:0', '--mode', 'observe')).toBe(0);
  expect(cli.served).toEqual([
    {
      configPath: null,
      cloud: null,
      listen: 'localhost:0',
      dataDir: null,
      storeUrl: null,
      mode: 'observe',
      demo: true,
      insecureHttp: false,
    },
  ]);
});

test('a faulty configuration is listed and fails', async () => {
  const cli = createCliTest({ faults: ['a: is missing', 'b: is no number'] });
  expect(await cli.run('config', 'check', 'berth.yaml')).toBe(1);
  expect(cli.stderr()).toBe(
    'a: is missing\nb: is no number\nError: the configuration has 2 faults.\nCorrect it, and check again.\n',
  );
  expect(await createCliTest().run('config', 'check')).toBe(0);
});

test('a defect of our own is not dressed up as a fault of the user', async () => {
  const cli = createCliTest({
    fetch: () => Promise.reject(new Error('x')),
    clock: { wallMs: broken, monotonicMs: broken, setTimer: broken },
  });
  expect(await cli.run('status')).toBe(1);
  expect(cli.stderr()).toContain('a defect of berth itself');
});

function broken(): never {
  throw new Error('the clock is broken');
}
