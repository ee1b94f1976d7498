import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packFile, unpack, type Part } from './archive.ts';
import { parseManifest } from './manifest.ts';

const SECRET = 'the-servers-own-key-of-32-bytes!';
const PASSPHRASE = Buffer.from('correct horse battery staple');
const ALL: readonly Part[] = ['manifest.json', 'secrets.key', 'berth.sqlite'];

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-archive-'));
  path = join(dir, 'backup');
  for (const name of ['in', 'out']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'in', 'manifest.json'), '{}');
  writeFileSync(join(dir, 'in', 'secrets.key'), SECRET);
  // Not a whole number of tar blocks, and more than one chunk of a stream.
  writeFileSync(join(dir, 'in', 'berth.sqlite'), 'page of the store '.repeat(20_001));
});
afterEach(() => rmSync(dir, { recursive: true }));

const made = (passphrase: Buffer | null): Promise<void> => packFile(path, join(dir, 'in'), ALL, passphrase);
const opened = (passphrase: Buffer | null): Promise<ReadonlySet<Part>> =>
  unpack(path, join(dir, 'out'), passphrase);

/** Changes one byte in place. */
function spoil(at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

describe.each([
  ['in clear', null],
  ['sealed', PASSPHRASE],
] as const)('a backup %s', (_, passphrase) => {
  test('comes out as it went in, and is private', async () => {
    await made(passphrase);
    expect(await opened(passphrase)).toEqual(new Set(ALL));
    for (const name of ALL)
      expect(readFileSync(join(dir, 'out', name))).toEqual(readFileSync(join(dir, 'in', name)));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('is written neither through a link nor into a file that was there before', async () => {
    const victim = join(dir, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, `${path}.partial`);
    await made(passphrase);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(lstatSync(path).isFile()).toBe(true);
    expect(readdirSync(dir).toSorted()).toEqual(['backup', 'backup.partial', 'in', 'out', 'victim']);
  });

  // Each try of a passphrase is slow on purpose.
  test.each(passphrase === null ? [0.001, 0.1, 0.5, 0.9] : [0.00015, 0.5])(
    'one wrong byte at %d of it is noticed',
    async (share) => {
      await made(passphrase);
      spoil(Math.floor(statSync(path).size * share));
      await expect(opened(passphrase)).rejects.toMatchObject({ name: 'BackupError' });
    },
  );

  test.each(passphrase === null ? [1, 17, 512, 1024, 5000, 200_000] : [1, 5000])(
    '%d bytes cut off are noticed',
    async (count) => {
      await made(passphrase);
      // A tar ends with 1024 bytes of nothing: without those it is still whole.
      const blank = passphrase === null ? 1024 : 0;
      truncateSync(path, statSync(path).size - blank - count);
      await expect(opened(passphrase)).rejects.toMatchObject({ name: 'BackupError' });
    },
  );

  test('what is no backup is refused', async () => {
    for (const text of ['', 'noise '.repeat(1000), 'berth-sealed-backup 1 scrypt 99 8 1\n'.repeat(20)]) {
      writeFileSync(path, text);
      await expect(opened(passphrase)).rejects.toMatchObject({ name: 'BackupError' });
    }
  });
});

test('any tar opens one in clear, and sha256sum checks it', async () => {
  await made(null);
  execFileSync('tar', ['xf', path, '-C', join(dir, 'out')]);
  const said = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: join(dir, 'out'), encoding: 'utf8' });
  expect(said).toBe('manifest.json: OK\nsecrets.key: OK\nberth.sqlite: OK\n');
});

test('a sealed one shows nothing of what is in it, nor its size in the names', async () => {
  await made(PASSPHRASE);
  const bytes = readFileSync(path).toString('latin1');
  for (const text of [SECRET, 'page of the store', 'manifest', 'sqlite', PASSPHRASE.toString()])
    expect(bytes).not.toContain(text);
  await expect(opened(Buffer.from('another passphrase'))).rejects.toMatchObject({ code: 'passphrase' });
  await expect(opened(null)).rejects.toMatchObject({ code: 'passphrase' });
  const first = readFileSync(path);
  rmSync(path);
  await made(PASSPHRASE);
  // Another salt and nonce each time.
  expect(readFileSync(path).subarray(100, 200)).not.toEqual(first.subarray(100, 200));
});

test('a tar of somebody else can write nothing beside the folder', async () => {
  writeFileSync(join(dir, 'evil'), 'x');
  execFileSync('tar', ['cPf', path, '-C', join(dir, 'out'), '../evil', join(dir, 'in', 'secrets.key')]);
  rmSync(join(dir, 'evil'));
  await expect(opened(null)).rejects.toMatchObject({ name: 'BackupError' });
  expect(() => statSync(join(dir, 'evil'))).toThrow('ENOENT');
});

test('a backup of a later form is told as such', () => {
  expect(() => parseManifest('{"format": "berth-backup", "format_version": 2}')).toThrow(
    expect.objectContaining({ code: 'newer' }),
  );
  expect(() => parseManifest('{"format": "other"}')).toThrow(expect.objectContaining({ code: 'damaged' }));
});
