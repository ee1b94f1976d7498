import { afterEach, beforeEach, expect, test } from 'vitest';
import { asId } from '../../src/base/ids.ts';
import { createCliTest, type CliTest, type CliTestOptions } from '../support/cli-io.ts';
import { startTestServer, until, type TestServer } from '../support/engine.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ server: { isMachineOf: (_id, secret) => secret === 'secret' } });
});
afterEach(() => server.close());

async function cliWith(options: CliTestOptions = {}): Promise<CliTest> {
  const env = { BERTH_URL: server.url, BERTH_TOKEN: await server.token('member', 'ml') };
  return createCliTest({ ...options, env });
}

test('profiles are listed, shown with what they require, and rendered', async () => {
  const cli = await cliWith();
  expect(await cli.run('image', 'profile', 'list', '-f', 'value', '-c', 'Name')).toBe(0);
  expect(cli.stdout().split('\n').slice(0, 5)).toEqual([
    'nvidia-driver',
    'cuda',
    'docker',
    'gpu-burn',
    'jupyter',
  ]);

  const show = ['image', 'profile', 'show', 'cuda', '--param', 'version=13.0', '--gpu', 'A100'];
  expect(await cli.run(...show, '-f', 'json')).toBe(0);
  expect(JSON.parse(cli.stdout())).toMatchObject({
    name: 'cuda',
    requires: ['nvidia-driver'],
    profiles: [
      { name: 'nvidia-driver', params: { version: '580', kernel: 'open' }, implied: true },
      { name: 'cuda', params: { version: '13.0' }, implied: false },
    ],
    steps: expect.arrayContaining(['cuda: installing CUDA 13.0']),
  });
  expect(await cli.run(...show, '--user-data')).toBe(0);
  expect(cli.stdout()).toMatch(/^#cloud-config\n[^]*P_VERSION='13.0'/);

  expect(await cli.run('image', 'profile', 'show', 'cudda')).toBe(1);
  expect(cli.stderr()).toContain("Did you mean 'cuda'?");
});

test.each([
  [['--profile', 'cuda:versoin=12.4'], "Did you mean 'version'?"],
  [['--profile', 'cuda:version'], 'is not KEY=VALUE'],
  [['--profile', 'nvidia-driver:kernel=open'], 'V100 cannot use the open kernel modules'],
  [['--profile', 'docker', '--profile', 'docker'], 'is named twice'],
  [['--ssh-from', 'example.org'], 'no IP address or network'],
  [['--ssh-from', 'auto'], 'you are seen as 127.0.0.1'],
  [['--user-data', '/text'], 'of no kind that cloud-init knows'],
  [['--user-data', '/noise'], 'characters, compressed and encoded; 65535 are possible'],
  [['--user-data', '/nothing'], 'cannot be read'],
  [['--address', 'wide'], 'Choose one of floating, fixed'],
])('what cannot be is refused before anything is made: %j', async (args, wanted) => {
  let state = 1;
  const noise = Array.from({ length: 90_000 }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(97 + (state % 26), 48 + (state % 10));
  }).join('');
  const cli = await cliWith({ files: { '/text': 'hello', '/noise': `#!/bin/sh\n# ${noise}\n` } });
  expect(await cli.run('borrow', 'gpu_tiny', '--for', '1h', '--detach', ...args)).not.toBe(0);
  expect(cli.stderr()).toContain(wanted);
  expect(server.engine.world.leases.size).toBe(0);
});

test('what is asked for stands in the lease, and reaches the machine', async () => {
  const cli = await cliWith({ files: { '/mine': '#!/bin/sh\necho mine\n' } });
  const args = ['--profile', 'jupyter:port=9999', '--user-data', '/mine', '--ssh-from', '192.0.2.7/24'];
  expect(await cli.run('borrow', 'gpu_tiny', '--for', '1h', '--detach', ...args)).toBe(0);
  const id = cli.stdout().trim();
  const userDataOf = (): string => {
    const [machine] = server.cloud.servers.values();
    return Buffer.from(machine?.userData ?? '', 'base64').toString();
  };
  await until(() => userDataOf() !== '', 'the server');
  expect(userDataOf()).toMatch(/^Content-Type: multipart\/mixed[^]*echo mine[^]*P_PORT='9999'/);
  expect(await cli.run('lease', 'show', id, '-f', 'json')).toBe(0);
  expect(JSON.parse(cli.stdout())).toMatchObject({ profiles: ['jupyter:port=9999'] });
  expect(server.engine.world.leases.get(asId(id))?.request.setup?.sshFrom).toEqual(['192.0.2.0/24']);
});

test('a word of a set-up that a machine calls is kept as it was said', async () => {
  server.cloud.arm({ kind: 'buildHangs' });
  const cli = await cliWith();
  expect(await cli.run('borrow', 'gpu_tiny', '--for', '1h', '--detach')).toBe(0);
  const id = cli.stdout().trim();
  const stateOf = () => server.engine.world.leases.get(asId(id))?.state;
  await until(() => stateOf()?.kind === 'starting', 'the start');
  const tell = (setup: string): Promise<Response> =>
    fetch(`${server.url}/v1/phone-home/${id}/secret`, {
      method: 'POST',
      body: new URLSearchParams({ setup }),
    });
  const words = ['1/2 cuda: installing CUDA 12.4', `2/2 cuda: ${'x'.repeat(5000)}`, 'a\u0007b'];
  for (const word of words) expect((await tell(word)).status).toBe(204);
  // The last one came once more.
  expect((await tell(words[2]!)).status).toBe(204);
  expect(stateOf()).toMatchObject({
    calledHome: false,
    setupWords: [words[0], words[1]!.slice(0, 600), 'a b'],
  });
});
