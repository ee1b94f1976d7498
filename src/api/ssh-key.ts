import { err, ok, type Result } from '../base/result.ts';

/**
 * Key types that sshd of a current distribution accepts by default (OpenSSH 8.8 and later took `ssh-dss` and
 * certificates need an authority, so neither is here). Source: ssh-keygen(1), sshd_config(5)
 * PubkeyAcceptedAlgorithms.
 */
const KEY_TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/** An RSA key of 16384 bit takes 2.8 kB; whatever is longer is no key. */
export const PUBLIC_KEY_LENGTH_MAX = 8192;

export interface PublicKeyFault {
  readonly code: 'private_key' | 'malformed_public_key';
  /** Never contains any part of what was given. */
  readonly message: string;
}

/**
 * Checks one OpenSSH public key (`type base64 [comment]`, one line, the type repeated inside the base64 as
 * RFC 4253 section 6.6 says). Returns it trimmed. Nothing of the text appears in the fault, because it may be
 * a private key.
 */
export function parsePublicKey(text: string): Result<string, PublicKeyFault> {
  if (/PRIVATE KEY|PuTTY-User-Key-File/i.test(text)) {
    return err({
      code: 'private_key',
      message: 'the SSH key is a private key; only the public key may be sent',
    });
  }
  const key = text.trim();
  if (key.length > PUBLIC_KEY_LENGTH_MAX) return malformed('is longer than any public key');
  if (/[\p{Cc}]/u.test(key) || !key.isWellFormed()) return malformed('must be one line of text');
  const [type = '', blob = ''] = key.split(' ');
  if (!KEY_TYPES.has(type)) return malformed(`must start with one of ${[...KEY_TYPES].join(', ')}`);
  if (!/^[A-Za-z0-9+/]{40,}={0,2}$/.test(blob) || blob.length % 4 !== 0) {
    return malformed('has no valid base64 after its type');
  }
  const bytes = atob(blob);
  const innerLength = [0, 1, 2, 3].reduce((length, index) => length * 256 + bytes.charCodeAt(index), 0);
  if (bytes.slice(4, 4 + innerLength) !== type)
    return malformed('is damaged: its type and its content disagree');
  return ok(key);
}

function malformed(what: string): Result<string, PublicKeyFault> {
  return err({ code: 'malformed_public_key', message: `the SSH public key ${what}` });
}
