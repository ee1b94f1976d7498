import { expect, test } from 'vitest';
import { createCliTest } from '../../test/support/cli-io.ts';

const KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString('base64')} ada@laptop`;

/** What `borrow` sends, with these files at hand. */
async function sentWith(files: Record<string, string>, ...argv: string[]) {
  const sent: unknown[] = [];
  const cli = createCliTest({
    files,
    fetch: async (_url, init) => {
      sent.push(JSON.parse(typeof init?.body === 'string' ? init.body : ''));
      return Response.json({}, { status: 500 });
    },
  });
  const code = await cli.run('borrow', 'gpu_tiny', '--for', '1h', '--detach', ...argv);
  return { sent, code, stderr: cli.stderr() };
}

test('the first usual public key is sent', async () => {
  const { sent } = await sentWith({
    '/home/ada/.ssh/id_rsa.pub': 'other',
    '/home/ada/.ssh/id_ed25519.pub': `${KEY}\n`,
  });
  expect(sent).toMatchObject([{ ssh_public_key: KEY }]);
});

test('without any key nothing is sent for it', async () => {
  expect((await sentWith({})).sent).toMatchObject([{ ssh_public_key: null }]);
});

test('a private key never leaves the machine, not even in the error', async () => {
  const secret = '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----';
  const { sent, code, stderr } = await sentWith({ '/keys/id': secret }, '--key', '/keys/id');
  expect(sent).toEqual([]);
  expect(code).toBe(2);
  expect(stderr).toContain('private key');
  expect(stderr).not.toContain('c2VjcmV0');
});

test('a named file that is not there is an error, not a lease without a key', async () => {
  const { sent, code, stderr } = await sentWith(
    { '/home/ada/.ssh/id_ed25519.pub': KEY },
    '--key',
    '/nowhere.pub',
  );
  expect(sent).toEqual([]);
  expect(code).toBe(2);
  expect(stderr).toContain('/nowhere.pub');
});

/** What `borrow` sends and runs where these programs answer. */
async function sentWithPrograms(
  answers: Readonly<Record<string, string>>,
  files: Record<string, string>,
  ...argv: string[]
) {
  const sent: { ssh_public_key?: unknown }[] = [];
  const cli = createCliTest({
    files,
    env: { SSH_AUTH_SOCK: '/run/agent' },
    captured(name) {
      if (name === 'ssh-keygen') files['/home/ada/.ssh/berth_ed25519.pub'] = `${KEY}\n`;
      const stdout = answers[name];
      return stdout === undefined ? null : { code: 0, stdout, stderr: '' };
    },
    fetch: async (_url, init) => {
      sent.push(JSON.parse(typeof init?.body === 'string' ? init.body : ''));
      return Response.json({}, { status: 500 });
    },
  });
  await cli.run('borrow', 'gpu_tiny', '--for', '1h', '--detach', ...argv);
  return {
    key: sent[0]?.ssh_public_key,
    programs: cli.programs,
    readOnly: cli.readOnly,
    stderr: cli.stderr(),
  };
}

test('without a usual file the first key of the agent that machines accept is sent', async () => {
  const { key, programs } = await sentWithPrograms({ 'ssh-add': `ssh-dss AAAA old\n${KEY}\n` }, {});
  expect(key).toBe(KEY);
  expect(programs).toEqual([['ssh-add', '-L']]);
});

test('--key agent asks nothing else, and says so where the agent has none', async () => {
  const files = { '/home/ada/.ssh/id_ed25519.pub': 'another' };
  expect((await sentWithPrograms({ 'ssh-add': KEY }, files, '--key', 'agent')).key).toBe(KEY);
  const none = await sentWithPrograms({ 'ssh-add': 'The agent has no identities.' }, files, '--key', 'agent');
  expect(none).toMatchObject({ key: undefined, stderr: expect.stringContaining('--key generate') });
});

test('--key generate makes a pair that nobody can write, once', async () => {
  const made = await sentWithPrograms({ 'ssh-keygen': '' }, {}, '--key', 'generate');
  expect(made.key).toBe(KEY);
  expect(made.programs[0]?.slice(0, 3)).toEqual(['ssh-keygen', '-q', '-t']);
  expect(made.readOnly).toEqual(['/home/ada/.ssh/berth_ed25519']);
  const files = { '/home/ada/.ssh/berth_ed25519.pub': KEY };
  const again = await sentWithPrograms({}, files, '--key', 'generate');
  expect([again.key, again.programs]).toEqual([KEY, []]);
  const impossible = await sentWithPrograms({}, {}, '--key', 'generate');
  expect(impossible.stderr).toContain('there is no ssh-keygen on this machine');
});
