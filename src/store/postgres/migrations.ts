/** Brings a database to the newest schema, and shows the schema that it has. */
import { newControl } from '../control.ts';
import {
  missingMigrations,
  readMigrationFolder,
  SchemaError,
  type AppliedMigration,
  type Migration,
} from '../migrations.ts';
import { numberAt, textAt } from '../row.ts';
import { controlTable } from '../tables.ts';
import { rowsJson } from './rows-json.ts';
import type { Session } from './session.ts';

/** A migration of a table with millions of rows takes minutes, and must not be cut off by a client. */
const MIGRATION_MS_MAX = 3_600_000;

/** The migrations of this program, in order. */
export function readMigrations(): readonly Migration[] {
  return readMigrationFolder(new URL('./migrations/', import.meta.url));
}

/**
 * Brings the database to the newest schema; a new one gets the id. For the holder of the server's lock alone.
 * Resolves with true if it was empty before. Rejects with SchemaError.
 */
export async function migrate(
  session: Session,
  migrations: readonly Migration[],
  deploymentId: string,
): Promise<boolean> {
  const applied = await readApplied(session);
  for (const migration of missingMigrations(applied, migrations)) await apply(session, migration);
  // A new store whose first server died between migration and id gets it now.
  await session.ask({
    text:
      'INSERT INTO control SELECT * FROM json_populate_recordset(NULL::control, $1) ' +
      'ON CONFLICT DO NOTHING',
    values: [rowsJson(controlTable, [controlTable.row(newControl(deploymentId))])],
  });
  return applied.length === 0;
}

async function readApplied(session: Session): Promise<readonly AppliedMigration[]> {
  const tables = await session.ask({
    text: "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
  });
  if (tables.rows.length === 0) return [];
  if (!tables.rows.some((row) => row['table_name'] === 'schema_migrations')) {
    throw new SchemaError(
      'foreign',
      'the database has tables, but not those of Berth: give it one of its own',
    );
  }
  const { rows } = await session.ask({
    text: 'SELECT id, name, checksum FROM schema_migrations ORDER BY id',
  });
  return rows.map((row) => ({
    id: numberAt(row, 'id'),
    name: textAt(row, 'name'),
    checksum: textAt(row, 'checksum'),
  }));
}

async function apply(session: Session, { id, name, sql, checksum }: Migration): Promise<void> {
  await session.transaction(async () => {
    await session.ask({ text: `SET LOCAL statement_timeout = ${MIGRATION_MS_MAX}` });
    await session.ask({ text: sql }, MIGRATION_MS_MAX);
    await session.ask({
      text: 'INSERT INTO schema_migrations (id, name, checksum) VALUES ($1, $2, $3)',
      values: [id, name, checksum],
    });
  });
}
