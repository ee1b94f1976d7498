/**
 * A backup under a passphrase: one line of parameters, AES-256-GCM, 16 bytes of tag. The key follows from
 * the passphrase by scrypt; the line is authenticated with the rest. Whoever opens it must use nothing of
 * what comes out before the stream has ended without an error: the tag stands last.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { BackupError } from './backup-error.ts';

const MAGIC = 'berth-sealed-backup 1';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** 128 MiB and about half a second per guess (RFC 7914; OWASP's first choice for scrypt, 2026). */
const COST = { logN: 17, r: 8, p: 1 };
/** What a file may ask of us: a forged line must not take all memory. 128 × r × N bytes. */
const LOG_N_MAX = 20;
/** One key and nonce seal 2^39 - 256 bits at most (NIST SP 800-38D, 5.2.1.1). */
const PLAIN_BYTES_MAX = 2 ** 36 - 32;
const LINE_BYTES_MAX = 200;
const LINE = /^berth-sealed-backup 1 scrypt (\d{1,2}) 8 1 ([0-9a-f]{32}) ([0-9a-f]{24})\n/;

interface Parameters {
  readonly logN: number;
  readonly salt: Buffer;
  readonly iv: Buffer;
  /** The whole line, with its end. */
  readonly line: Buffer;
}

/** Seals a stream: yields the line, what is sealed, the tag. */
export async function* seal(plain: AsyncIterable<Buffer>, passphrase: Buffer): AsyncGenerator<Buffer> {
  const [salt, iv] = [randomBytes(SALT_BYTES), randomBytes(IV_BYTES)];
  const { logN, r, p } = COST;
  const line = Buffer.from(
    `${MAGIC} scrypt ${logN} ${r} ${p} ${salt.toString('hex')} ${iv.toString('hex')}\n`,
  );
  const cipher = createCipheriv(CIPHER, await keyOf(passphrase, salt, logN), iv);
  cipher.setAAD(line);
  yield line;
  let plainBytes = 0;
  for await (const chunk of plain) {
    plainBytes += chunk.length;
    if (plainBytes > PLAIN_BYTES_MAX) {
      throw new BackupError('foreign', 'a sealed backup holds 64 GiB at most: encrypt it with another tool');
    }
    yield cipher.update(chunk);
  }
  yield cipher.final();
  yield cipher.getAuthTag();
}

/** Whether the file begins as a sealed one. */
export async function isSealed(path: string): Promise<boolean> {
  return (await readStart(path)).start.subarray(0, MAGIC.length).toString('latin1') === MAGIC;
}

/** What was sealed. Throws BackupError `passphrase` at the end where the passphrase or a byte is wrong. */
export async function* unseal(path: string, passphrase: Buffer): AsyncGenerator<Buffer> {
  const { start, bytes } = await readStart(path);
  const { logN, salt, iv, line } = parametersOf(start, path);
  const tagAt = bytes - TAG_BYTES;
  if (tagAt < line.length) throw damaged(path);
  const decipher = createDecipheriv(CIPHER, await keyOf(passphrase, salt, logN), iv);
  decipher.setAAD(line);
  decipher.setAuthTag(await readTag(path, tagAt));
  if (tagAt > line.length) {
    const body = createReadStream(path, { start: line.length, end: tagAt - 1 });
    for await (const chunk of body) yield decipher.update(chunk as Buffer);
  }
  try {
    yield decipher.final();
  } catch (error) {
    throw new BackupError(
      'passphrase',
      `${path}: the passphrase is another one, or the file was changed or cut off`,
      { cause: error },
    );
  }
}

function parametersOf(start: Buffer, path: string): Parameters {
  const match = LINE.exec(start.toString('latin1'));
  if (match === null) throw damaged(path);
  const [line, logN = '', salt = '', iv = ''] = match;
  if (Number(logN) < 1 || Number(logN) > LOG_N_MAX) throw damaged(path);
  return {
    logN: Number(logN),
    salt: Buffer.from(salt, 'hex'),
    iv: Buffer.from(iv, 'hex'),
    line: Buffer.from(line, 'latin1'),
  };
}

function damaged(path: string): BackupError {
  return new BackupError('damaged', `${path}: the beginning or the end of the sealed backup is missing`);
}

async function readStart(path: string): Promise<{ readonly start: Buffer; readonly bytes: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LINE_BYTES_MAX), 0, LINE_BYTES_MAX, 0);
    return { start: buffer.subarray(0, bytesRead), bytes: size };
  } finally {
    await file.close();
  }
}

async function readTag(path: string, at: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAG_BYTES), 0, TAG_BYTES, at);
    if (bytesRead !== TAG_BYTES) throw damaged(path);
    return buffer;
  } finally {
    await file.close();
  }
}

function keyOf(passphrase: Buffer, salt: Buffer, logN: number): Promise<Buffer> {
  const { r, p } = COST;
  const N = 2 ** logN;
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
