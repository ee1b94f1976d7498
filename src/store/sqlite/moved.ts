/**
 * The mark of a store that has moved to a database: a migration that no version has, so that every one
 * refuses to start on it, and says where it is now.
 */
import { DatabaseSync } from 'node:sqlite';
import { MOVED_ID } from '../migrations.ts';
import { textAt } from '../row.ts';

/** For the holder of the folder's lock. */
export function markMoved(path: string, place: string): void {
  const db = new DatabaseSync(path);
  try {
    db.prepare('INSERT INTO schema_migrations (id, name, checksum) VALUES (?, ?, ?)').run(
      MOVED_ID,
      `moved to ${place}`,
      '',
    );
  } finally {
    db.close();
  }
}

/** Takes the mark away again; for the holder of the folder's lock. */
export function unmarkMoved(path: string): void {
  const db = new DatabaseSync(path);
  try {
    db.prepare('DELETE FROM schema_migrations WHERE id = ?').run(MOVED_ID);
  } finally {
    db.close();
  }
}

/** What the mark says (`moved to PLACE`); null: this is the store. */
export function movedMark(db: DatabaseSync): string | null {
  const row = db.prepare('SELECT name FROM schema_migrations WHERE id = ?').get(MOVED_ID);
  return row === undefined ? null : textAt(row, 'name');
}
