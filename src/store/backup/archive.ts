/**
 * The one file of a backup: a tar of a few flat files, so that any system can open it, with SHA256SUMS last,
 * so that a cut-off file is noticed. Written beside its place and renamed when it is on the disk.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create, extract } from 'tar';
import { BackupError } from './backup-error.ts';
import { isSealed, seal, unseal } from './seal.ts';
import { staged } from './stage.ts';

/** The files that a backup may have, in their order. */
export const PARTS = ['manifest.json', 'secrets.key', 'berth.sqlite'] as const;
export type Part = (typeof PARTS)[number];

const SUMS = 'SHA256SUMS';
const NAMES: ReadonlySet<string> = new Set([...PARTS, SUMS]);
const SUM_LINE = /^([0-9a-f]{64}) {2}(\S+)$/;

/** Packs the parts that lie in `stage` into `path` (0600), which must not be there yet. */
export async function packFile(
  path: string,
  stage: string,
  parts: readonly Part[],
  passphrase: Buffer | null,
): Promise<void> {
  // A draft with a name that can be foreseen could be there already: with another mode, or as a link.
  await staged(join(dirname(path), '.berth-backup-'), async (folder) => {
    const draft = join(folder, 'draft');
    await pack(createWriteStream(draft, { flags: 'wx', mode: 0o600 }), stage, parts, passphrase);
    await syncPath(draft);
    await rename(draft, path);
  });
  await syncPath(dirname(path));
}

/** Packs the parts that lie in `stage` into a stream, and ends it. */
export async function pack(
  out: Writable,
  stage: string,
  parts: readonly Part[],
  passphrase: Buffer | null,
): Promise<void> {
  const sums: string[] = [];
  for (const name of parts) sums.push(`${await sha256Of(join(stage, name))}  ${name}\n`);
  await writeFile(join(stage, SUMS), sums.join(''), { mode: 0o600 });
  const plain = create({ cwd: stage, portable: true, strict: true }, [...parts, SUMS]);
  await pipeline(Readable.from(passphrase === null ? plain : seal(plain, passphrase)), out);
}

/**
 * Unpacks a backup into the empty folder `stage` and checks every sum. Returns the parts that are there.
 * Throws BackupError; what lies in `stage` then is not to be used.
 */
export async function unpack(
  path: string,
  stage: string,
  passphrase: Buffer | null,
): Promise<ReadonlySet<Part>> {
  const sealed = await isSealed(path);
  if (sealed && passphrase === null) {
    throw new BackupError('passphrase', `${path} is sealed: give --passphrase-file`);
  }
  const plain =
    sealed && passphrase !== null
      ? unseal(path, passphrase)
      : (createReadStream(path) as AsyncIterable<Buffer>);
  await extractInto(stage, plain, path);
  return checkSums(stage, path);
}

async function extractInto(stage: string, plain: AsyncIterable<Buffer>, path: string): Promise<void> {
  const [failure, closed] = [Promise.withResolvers<never>(), Promise.withResolvers<void>()];
  // Only flat files with our names are taken, so nothing can be written beside the folder.
  const unpacking = extract({
    cwd: stage,
    strict: true,
    noMtime: true,
    filter: (name, entry) => NAMES.has(name) && 'type' in entry && entry.type === 'File',
  });
  unpacking.on('close', () => closed.resolve());
  unpacking.on('error', (error: Error) => failure.reject(error));
  // Somebody may look at it only after the last chunk.
  failure.promise.catch(() => undefined);
  try {
    for await (const chunk of plain) {
      if (!unpacking.write(chunk)) await Promise.race([once(unpacking, 'drain'), failure.promise]);
    }
    unpacking.end();
    await Promise.race([closed.promise, failure.promise]);
  } catch (error) {
    if (error instanceof BackupError || isSystemError(error)) throw error;
    throw new BackupError('damaged', `${path} is no backup of Berth, or was changed or cut off`, {
      cause: error,
    });
  }
}

/** What the operating system refused, such as a full disk. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function checkSums(stage: string, path: string): Promise<ReadonlySet<Part>> {
  let text: string;
  try {
    text = await readFile(join(stage, SUMS), 'utf8');
  } catch (error) {
    throw new BackupError('damaged', `${path} is no backup of Berth, or is cut off: it has no ${SUMS}`, {
      cause: error,
    });
  }
  const parts = new Set<Part>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, sum, name] = SUM_LINE.exec(line) ?? [];
    const part = PARTS.find((known) => known === name);
    if (part === undefined) {
      throw new BackupError(
        'newer',
        `${path} has a part that this Berth does not know: ${line.slice(66, 130)}`,
      );
    }
    const actual = await sha256Of(join(stage, part)).catch(() => null);
    if (actual !== sum) throw new BackupError('damaged', `${path}: ${part} is not what was backed up`);
    parts.add(part);
  }
  if (!parts.has('manifest.json')) throw new BackupError('damaged', `${path} has no manifest.json`);
  return parts;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Has a file, or the names in a folder, written to the disk. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
