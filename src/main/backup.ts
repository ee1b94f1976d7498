/** `berth backup` and `berth restore`: an operator's work on the data folder, without a server. */
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { formatTime } from '../base/units.ts';
import type { BackupOptions, BackupReport, RestoreOptions, RestoreReport } from '../cli/io.ts';
import { pack, packFile, unpack, type Part } from '../store/backup/archive.ts';
import {
  FORMAT_VERSION,
  parseManifest,
  type Manifest,
  type StoreManifest,
} from '../store/backup/manifest.ts';
import { isSealed } from '../store/backup/seal.ts';
import { staged } from '../store/backup/stage.ts';
import { withoutPassword } from '../store/postgres/url.ts';
import { checkStore, copyStore } from '../store/sqlite/copy.ts';
import { makePrivate } from '../store/sqlite/folder.ts';
import { installBackup } from '../store/sqlite/restore.ts';
import { resolveData, ServeFailure } from './options.ts';
import { VERSION } from './version.ts';

/** Short ones are found by trying. */
const PASSPHRASE_BYTES_MIN = 12;
const PASSPHRASE_BYTES_MAX = 1024;
const [STORE, KEY, MANIFEST] = ['berth.sqlite', 'secrets.key', 'manifest.json'] as const;

/** Backs up the data folder. `stdout` gets the file where `-` is named. Throws ServeFailure, StoreError. */
export async function backUp(options: BackupOptions, nowMs: number, stdout: Writable): Promise<BackupReport> {
  const { dir, storeUrl } = await resolveData(options);
  if (storeUrl !== null && !options.keyOnly) throw databaseFailure(storeUrl, 'backup');
  const passphrase = await readPassphrase(options.passphrasePath);
  const path = options.path === '-' ? null : resolve(options.path);
  if (path !== null && existsSync(path))
    throw new ServeFailure(`${path} exists: name a file that is not there yet`);
  if (!existsSync(join(dir, options.keyOnly ? KEY : STORE))) {
    throw new ServeFailure(
      `${dir} has no ${options.keyOnly ? KEY : STORE}: name the data folder with --data`,
    );
  }
  // In the data folder: where the same lies in clear anyway.
  return staged(join(dir, '.backup-'), async (stage) => {
    const parts: Part[] = [MANIFEST];
    if (existsSync(join(dir, KEY))) {
      await copyFile(join(dir, KEY), join(stage, KEY));
      parts.push(KEY);
    }
    const store = options.keyOnly ? null : storeManifest(dir, stage);
    if (store !== null) parts.push(STORE);
    const manifest: Manifest = {
      format: 'berth-backup',
      format_version: FORMAT_VERSION,
      berth: VERSION,
      made_at: formatTime(nowMs),
      store,
    };
    await writeFile(join(stage, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
    if (path === null) await pack(stdout, stage, parts, passphrase);
    else await packFile(path, stage, parts, passphrase);
    const bytes = path === null ? null : (await stat(path)).size;
    return report(manifest, {
      path: options.path,
      bytes,
      sealed: passphrase !== null,
      hasKey: parts.includes(KEY),
    });
  });
}

function storeManifest(dir: string, stage: string): StoreManifest {
  const copy = join(stage, STORE);
  const facts = copyStore(join(dir, STORE), copy);
  return {
    kind: 'sqlite',
    deployment_id: facts.deploymentId,
    schema: facts.schema,
    revision: facts.revision,
    event_seq: facts.eventSeq,
    committed_at: facts.committedAtMs === null ? null : formatTime(facts.committedAtMs),
    epoch: facts.epoch,
    bytes: statSync(copy).size,
  };
}

/** Reads a backup whole: every sum, every page of the store, and its schema. Throws BackupError and others. */
export async function checkBackup(file: string, passphrasePath: string | null): Promise<BackupReport> {
  const passphrase = await readPassphrase(passphrasePath);
  return staged(join(tmpdir(), 'berth-check-'), async (stage) => {
    const { manifest, parts } = await unpackChecked(file, stage, passphrase);
    const { size } = await stat(file);
    return report(manifest, {
      path: file,
      bytes: size,
      sealed: await isSealed(file),
      hasKey: parts.has(KEY),
    });
  });
}

/** Throws BackupError, ServeFailure, StoreLockedError, SchemaError, StoreError. */
export async function restore(options: RestoreOptions, clock: Clock): Promise<RestoreReport> {
  const { dir, storeUrl } = await resolveData(options);
  const passphrase = await readPassphrase(options.passphrasePath);
  // Before the stage is in it: it has to be empty, or ours.
  makePrivate(dir);
  return staged(join(dir, '.restore-'), async (stage) => {
    const { manifest, parts } = await unpackChecked(options.path, stage, passphrase);
    if (storeUrl !== null && parts.has(STORE)) throw databaseFailure(storeUrl, 'restore');
    const { asideDir, facts } = await installBackup({
      dir,
      stage,
      hasStore: parts.has(STORE),
      hasKey: parts.has(KEY),
      madeAt: manifest.made_at,
      force: options.force,
      version: VERSION,
      clock,
    });
    return {
      dir,
      asideDir,
      madeAt: manifest.made_at,
      deploymentId: facts?.deploymentId ?? null,
      revision: facts?.revision ?? null,
      hasKey: parts.has(KEY),
    };
  });
}

/** A database has tools of its own, which know replication and points in time; only the key is ours. */
function databaseFailure(storeUrl: string, what: 'backup' | 'restore'): ServeFailure {
  const shown = withoutPassword(storeUrl);
  return new ServeFailure(
    what === 'backup'
      ? `the store is a database: back it up with pg_dump --format=custom --file=berth.dump '${shown}' ` +
          '(or pg_basebackup), and the key with `berth backup --key-only FILE`; see docs/operate/backup.md'
      : 'the store is a database: stop the server, restore it with pg_restore into an empty database, and the key ' +
          'with `berth restore FILE` of a backup that has the key alone; see docs/operate/recover.md',
  );
}

async function unpackChecked(
  file: string,
  stage: string,
  passphrase: Buffer | null,
): Promise<{ readonly manifest: Manifest; readonly parts: ReadonlySet<Part> }> {
  const parts = await unpack(file, stage, passphrase);
  const manifest = parseManifest(await readFile(join(stage, MANIFEST), 'utf8'));
  if (parts.has(STORE)) checkStore(join(stage, STORE));
  return { manifest, parts };
}

/** The file's content without the end of its last line. */
async function readPassphrase(path: string | null): Promise<Buffer | null> {
  if (path === null) return null;
  const { mode, size } = await stat(path);
  if ((mode & 0o077) !== 0) throw new ServeFailure(`${path} may be read by others; run: chmod 600 ${path}`);
  if (size > PASSPHRASE_BYTES_MAX)
    throw new ServeFailure(`${path} is longer than ${PASSPHRASE_BYTES_MAX} bytes`);
  const text = (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  const passphrase = Buffer.from(text, 'utf8');
  if (passphrase.length >= PASSPHRASE_BYTES_MIN) return passphrase;
  throw new ServeFailure(
    `${path} holds ${passphrase.length} bytes: a passphrase has at least ${PASSPHRASE_BYTES_MIN}, ` +
      `such as from: openssl rand -base64 32`,
  );
}

function report(
  { made_at, berth, store }: Manifest,
  file: Pick<BackupReport, 'path' | 'bytes' | 'sealed' | 'hasKey'>,
): BackupReport {
  return {
    ...file,
    madeAt: made_at,
    berth,
    deploymentId: store?.deployment_id ?? null,
    schema: store?.schema ?? null,
    revision: store?.revision ?? null,
    committedAt: store?.committed_at ?? null,
  };
}
