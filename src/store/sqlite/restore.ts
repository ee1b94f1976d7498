/**
 * Puts a store from a backup into a data folder. What is there already is moved aside, never overwritten. The
 * restored store is frozen: it does not know who extended a lease since the backup, so nothing may end before
 * somebody has looked.
 */
import { randomUUID } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../base/clock.ts';
import { formatTime } from '../../base/units.ts';
import { StoreError, type StoredEvent } from '../../engine/ports.ts';
import type { Control } from '../../domain/model/control.ts';
import { syncPath } from '../backup/archive.ts';
import { thisProcess } from '../holder.ts';
import { examine, readFacts, type StoreFacts } from './copy.ts';
import { prepareFolder } from './folder.ts';
import { lockFolder } from './lock.ts';
import { textAt, theRow } from '../row.ts';
import { controlTable, eventTable } from '../tables.ts';
import { insertSql, putSql } from './sql.ts';

const STORE = 'berth.sqlite';
const KEY = 'secrets.key';
/** All that a restore replaces. */
const REPLACED = [STORE, `${STORE}-wal`, `${STORE}-shm`, KEY];

export interface RestoreRequest {
  /** The data folder; made if it is not there. */
  readonly dir: string;
  /** On the same disk, with the checked parts: moved from here. */
  readonly stage: string;
  readonly hasStore: boolean;
  readonly hasKey: boolean;
  /** When the backup was made, as its manifest says. */
  readonly madeAt: string;
  /** Move aside what is there. */
  readonly force: boolean;
  readonly version: string;
  readonly clock: Clock;
}

export interface Restored {
  /** Where the files went that were there before; null: there were none. */
  readonly asideDir: string | null;
  /** null: the backup has only the key. */
  readonly facts: StoreFacts | null;
}

/** Throws StoreLockedError while a server holds the folder, StoreError `refused` where a store is in it. */
export async function installBackup(request: RestoreRequest): Promise<Restored> {
  const { dir, stage, hasStore, hasKey, clock, version } = request;
  prepareFolder(dir);
  const lock = lockFolder(dir, thisProcess(version, clock));
  try {
    // The key alone replaces the key alone.
    const replaced = REPLACED.filter((name) => (name === KEY ? hasKey : hasStore));
    const present = replaced.filter((name) => existsSync(join(dir, name)));
    if (present.length > 0 && !request.force) {
      throw new StoreError(
        'refused',
        `${dir} has ${present[0]} already: --force moves what is there aside, into a folder in ${dir}`,
      );
    }
    const facts = hasStore ? prepareStore(join(stage, STORE), request) : null;
    if (hasStore) await syncPath(join(stage, STORE));
    if (hasKey) await syncPath(join(stage, KEY));
    const asideDir = present.length === 0 ? null : moveAside(dir, present, clock.wallMs());
    // The store last: whoever is interrupted finds a folder without a store, and repeats.
    if (hasKey) renameSync(join(stage, KEY), join(dir, KEY));
    if (hasStore) renameSync(join(stage, STORE), join(dir, STORE));
    giveToOwnerOf(dir, [...REPLACED, 'lock.sqlite', 'holder.json', ...(asideDir === null ? [] : [asideDir])]);
    await syncPath(dir);
    return { asideDir: asideDir === null ? null : join(dir, asideDir), facts };
  } finally {
    lock.release();
  }
}

/** Returns the name of the folder. */
function moveAside(dir: string, names: readonly string[], nowMs: number): string {
  const aside = `before-restore-${formatTime(nowMs).replaceAll(':', '')}`;
  mkdirSync(join(dir, aside), { mode: 0o700 });
  for (const name of names) renameSync(join(dir, name), join(dir, aside, name));
  return aside;
}

/** An administrator restores as root; the server runs as somebody else, who owns the folder. */
function giveToOwnerOf(dir: string, names: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dir);
  for (const name of names) if (existsSync(join(dir, name))) chownSync(join(dir, name), uid, gid);
}

/** Freezes it, raises its epoch, and puts that on record. */
function prepareStore(path: string, { madeAt, clock }: RestoreRequest): StoreFacts {
  try {
    return examine(path, (db) => {
      db.exec('BEGIN IMMEDIATE');
      freezeRestored(db, madeAt, clock.wallMs());
      db.exec('COMMIT');
      return readFacts(db);
    });
  } finally {
    rmSync(`${path}-journal`, { force: true });
  }
}

const ACTOR = 'system:restore';

function freezeRestored(db: DatabaseSync, madeAt: string, nowMs: number): void {
  const body = textAt(theRow(db.prepare("SELECT body FROM control WHERE id = 'control'").get()), 'body');
  const reason = `restored from a backup of ${madeAt}: look what it does not know (docs/operate/recover.md), then thaw`;
  const control: Control = {
    // Written by the store, brought to the newest schema by the check.
    ...(JSON.parse(body) as Control),
    freeze: { sinceMs: nowMs, reason, actor: ACTOR },
  };
  db.prepare(putSql(controlTable)).run(...controlTable.row(control));
  const { revision, eventSeq, epoch } = readFacts(db);
  const event: StoredEvent = {
    seq: eventSeq + 1,
    atMs: nowMs,
    actor: ACTOR,
    type: 'service.restored',
    entity: 'control',
    id: 'control',
    projectId: null,
    reason,
    data: { backup: madeAt, revision },
    before: null,
    after: null,
  };
  db.prepare(insertSql(eventTable)).run(...eventTable.row(event));
  db.prepare('INSERT INTO batches (revision, batch_id, event_seq, at_ms) VALUES (?, ?, ?, ?)').run(
    revision + 1,
    randomUUID(),
    eventSeq + 1,
    nowMs,
  );
  db.prepare('UPDATE epoch SET epoch = ?').run(epoch + 1);
}
