/**
 * The schema's versions: `migrations/NNNN-name.sql` in order, each in its own transaction, each recorded with
 * the hash of its text. A database with a migration that this program does not know, or knows with another
 * text, is refused and left as it is. `schema.sql` beside this file is what all of them together make.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { assertDefined } from '../../base/assert.ts';
import { listAssets, readAsset } from '../../base/assets.ts';
import { numberAt, textAt } from './row.ts';

export interface Migration {
  /** Counted from 1. */
  readonly id: number;
  /** The file's name. */
  readonly name: string;
  readonly sql: string;
  /** Hex SHA-256 of `sql`. */
  readonly checksum: string;
}

/** The database is not one that this version of Berth may write to. Nothing was changed. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly code: 'newer' | 'changed' | 'foreign';
  constructor(code: SchemaError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The migrations of this program, in order. */
export function readMigrations(): readonly Migration[] {
  const folder = new URL('./migrations/', import.meta.url);
  const names = listAssets(folder).filter((name) => name.endsWith('.sql'));
  return names.toSorted().map((name, index) => {
    const sql = readAsset(new URL(name, folder));
    const migration = createMigration(name, sql);
    if (migration.id !== index + 1)
      throw new Error(`migration ${name} is out of order: expected number ${index + 1}`);
    return migration;
  });
}

/** `name` starts with the number: `0001-initial.sql`. */
export function createMigration(name: string, sql: string): Migration {
  const id = Number(assertDefined(/^(\d{4})-/.exec(name)?.[1], 'a migration is named NNNN-name.sql'));
  return { id, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
}

/** Brings `db` to the newest schema. Returns true if it was empty before. Throws SchemaError. */
export function migrate(db: DatabaseSync, migrations: readonly Migration[]): boolean {
  const applied = readApplied(db);
  for (const { id, name, checksum } of applied) {
    const known = migrations[id - 1];
    if (known === undefined) {
      throw new SchemaError(
        'newer',
        `the store was written by a newer Berth (it has migration ${name}; this one ends at ` +
          `${migrations.at(-1)?.name ?? 'none'}): start that version or a later one`,
      );
    }
    if (known.checksum !== checksum) {
      throw new SchemaError('changed', `the store was made with another text of migration ${known.name}`);
    }
  }
  for (const migration of migrations.slice(applied.length)) apply(db, migration);
  return applied.length === 0;
}

/** The schema as statements that would make it, in an order of their own: equal for equal schemas. */
export function dumpSchema(db: DatabaseSync): string {
  const rows = db
    .prepare(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' " +
        "ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, name",
    )
    .all();
  return rows.map((row) => `${textAt(row, 'sql')};\n`).join('\n');
}

function readApplied(db: DatabaseSync): readonly Omit<Migration, 'sql'>[] {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.length === 0) return [];
  if (!tables.some((row) => textAt(row, 'name') === 'schema_migrations')) {
    throw new SchemaError('foreign', 'the file is a database, but not one of Berth');
  }
  return db
    .prepare('SELECT id, name, checksum FROM schema_migrations ORDER BY id')
    .all()
    .map((row) => ({
      id: numberAt(row, 'id'),
      name: textAt(row, 'name'),
      checksum: textAt(row, 'checksum'),
    }));
}

function apply(db: DatabaseSync, migration: Migration): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec(migration.sql);
    db.prepare('INSERT INTO schema_migrations (id, name, checksum) VALUES (?, ?, ?)').run(
      migration.id,
      migration.name,
      migration.checksum,
    );
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
