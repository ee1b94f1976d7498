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
