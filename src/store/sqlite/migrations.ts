/** Brings a SQLite file to the newest schema, and shows the schema that it has. */
import type { DatabaseSync } from 'node:sqlite';
import {
  missingMigrations,
  readMigrationFolder,
  SchemaError,
  type AppliedMigration,
  type Migration,
} from '../migrations.ts';
import { numberAt, textAt } from '../row.ts';

/** The migrations of this program, in order. */
export function readMigrations(): readonly Migration[] {
  return readMigrationFolder(new URL('./migrations/', import.meta.url));
}

/** Brings `db` to the newest schema. Returns true if it was empty before. Throws SchemaError. */
export function migrate(db: DatabaseSync, migrations: readonly Migration[]): boolean {
  const applied = readApplied(db);
  for (const migration of missingMigrations(applied, migrations)) apply(db, migration);
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

function readApplied(db: DatabaseSync): readonly AppliedMigration[] {
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
