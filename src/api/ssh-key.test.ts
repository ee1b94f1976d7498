import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { parsePublicKey } from './ssh-key.ts';

/** An OpenSSH public key made of its parts, as RFC 4253 section 6.6 lays it out. */
function publicKey(type: string, ...parts: readonly Buffer[]): string {
  const framed = [Buffer.from(type), ...parts].map((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return Buffer.concat([length, part]);
  });
  return `${type} ${Buffer.concat(framed).toString('base64')}`;
}

const ed25519 = publicKey('ssh-ed25519', Buffer.alloc(32, 7));

test('takes public keys, with a comment and with a line end', () => {
  expect(parsePublicKey(`${ed25519} ann@laptop of hers\n`)).toEqual({
    ok: true,
    value: `${ed25519} ann@laptop of hers`,
  });
  const rsa = publicKey('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(2049, 3));
  expect(parsePublicKey(rsa)).toEqual({ ok: true, value: rsa });
});

test('refuses private keys with their own code and never repeats them', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const openssh =
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----';
  for (const text of [pem, openssh, 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none']) {
    const parsed = parsePublicKey(text);
    expect(parsed).toMatchObject({ ok: false, error: { code: 'private_key' } });
    expect(JSON.stringify(parsed)).not.toContain(text.split('\n')[1]);
  }
});

test.each([
  ['nothing', ''],
  ['another type', publicKey('ssh-dss', Buffer.alloc(40))],
  ['two lines', `${ed25519}\n${ed25519}`],
  ['options of authorized_keys', `command="sh" ${ed25519}`],
  ['a damaged type', ed25519.replace('ssh-ed25519', 'ssh-rsa')],
  ['no base64', 'ssh-ed25519 !!!!'],
  ['an endless text', `ssh-rsa ${'A'.repeat(20_000)}`],
])('refuses %s', (_, text) => {
  expect(parsePublicKey(text)).toMatchObject({ ok: false, error: { code: 'malformed_public_key' } });
});
