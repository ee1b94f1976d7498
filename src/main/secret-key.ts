import { randomBytes } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServeFailure } from './options.ts';

/** As long as the output of SHA-256: a longer key adds nothing (RFC 2104, 3). */
const KEY_BYTES = 32;

/**
 * The server's own key, `secrets.key` in the data folder: made at the first start (0600), and the same ever
 * after. Whoever has the data folder to himself may call it. Throws ServeFailure for a file that others may
 * read or that is no key.
 */
export async function secretKey(dir: string): Promise<Buffer> {
  const path = join(dir, 'secrets.key');
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) throw new ServeFailure(`${path} may be read by others; run: chmod 600 ${path}`);
    const key = await readFile(path);
    if (key.length === KEY_BYTES) return key;
    throw new ServeFailure(
      `${path} has ${key.length} bytes instead of ${KEY_BYTES}; restore it from the backup, or remove it: ` +
        'only machines that are starting now would have to be started anew',
    );
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return makeKey(path);
  }
}

/** Renamed into place when it is on the disk: a crash leaves no half of a key. */
async function makeKey(path: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES);
  const next = `${path}.next`;
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  return key;
}
