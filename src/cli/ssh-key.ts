import { join } from 'node:path';
import { parsePublicKey } from '../api/ssh-key.ts';
import { EXIT, CliFailure } from './failure.ts';
import type { CliIo } from './io.ts';

/** In the order in which ssh tries the identities of ssh_config(5). */
const DEFAULT_NAMES = ['id_ed25519.pub', 'id_ecdsa.pub', 'id_rsa.pub'] as const;

export interface KeyFile {
  readonly path: string;
  /** The public key, one line. */
  readonly key: string;
}

/**
 * The public key of `path`, or where that is null the first usual one under ~/.ssh; null: there is none. A
 * private key is refused here, before anything leaves this machine.
 */
export async function readPublicKey(io: CliIo, path: string | null): Promise<KeyFile | null> {
  if (path !== null)
    return keyOf(path, await io.readText(path).catch((error: unknown) => unreadable(path, error)));
  for (const name of DEFAULT_NAMES) {
    const candidate = join(io.homeDir, '.ssh', name);
    const text = await io.readText(candidate).catch(() => null);
    if (text !== null) return keyOf(candidate, text);
  }
  return null;
}

function keyOf(path: string, text: string): KeyFile {
  const parsed = parsePublicKey(text);
  if (parsed.ok) return { path, key: parsed.value };
  const fix = 'Name the file that ends in .pub with --key, such as ~/.ssh/id_ed25519.pub.';
  throw new CliFailure(`${path}: ${parsed.error.message}`, fix, EXIT.usage);
}

function unreadable(path: string, error: unknown): never {
  const why = error instanceof Error ? error.message : 'unknown failure';
  throw new CliFailure(
    `the SSH key ${path} cannot be read: ${why}`,
    'Name a public key with --key.',
    EXIT.usage,
  );
}
