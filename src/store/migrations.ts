/**
 * The schema's versions, of either dialect: `migrations/NNNN-name.sql` in order, each in its own transaction,
 * each recorded with the hash of its text. A database with a migration that this program does not know, or
 * knows with another text, is refused and left as it is. `schema.sql` beside the folder is what all of them
 * together make.
 */
import { createHash } from 'node:crypto';
import { assertDefined } from '../base/assert.ts';
import { listAssets, readAsset } from '../base/assets.ts';

export interface Migration {
  /** Counted from 1. */
  readonly id: number;
  /** The file's name. */
  readonly name: string;
  readonly sql: string;
  /** Hex SHA-256 of `sql`. */
  readonly checksum: string;
}

/** What a database says of a migration that it has. */
export type AppliedMigration = Omit<Migration, 'sql'>;

/**
 * Stands among the migrations of a store that has moved: no version has it, so every one refuses to start. To
 * go back: DELETE FROM schema_migrations WHERE id = 999999.
 */
export const MOVED_ID = 999_999;

/** The database is not one that this version of Berth may write to. Nothing was changed. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly code: 'newer' | 'changed' | 'foreign';
  constructor(code: SchemaError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The migrations in a folder of this program (a URL with a slash at its end), in order. */
export function readMigrationFolder(folder: URL): readonly Migration[] {
  const names = listAssets(folder).filter((name) => name.endsWith('.sql'));
  const migrations = names.toSorted().map((name) => createMigration(name, readAsset(new URL(name, folder))));
  const twice = migrations.find(({ id }, index) => migrations[index + 1]?.id === id);
  if (twice !== undefined) throw new Error(`migration ${twice.name} has a number that another has too`);
  return migrations;
}

/** `name` starts with the number: `0001-initial.sql`. */
export function createMigration(name: string, sql: string): Migration {
  const id = Number(assertDefined(/^(\d{4})-/.exec(name)?.[1], 'a migration is named NNNN-name.sql'));
  return { id, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
}

/**
 * What a database with the migrations `applied` (in order) still lacks. Throws SchemaError where it has one
 * that is not `known`, or not with this text.
 */
export function missingMigrations(
  applied: readonly AppliedMigration[],
  known: readonly Migration[],
): readonly Migration[] {
  for (const { id, name, checksum } of applied) {
    if (id === MOVED_ID) {
      throw new SchemaError('newer', `the store has ${name}: name that in store.url of the configuration`);
    }
    const own = known.find((each) => each.id === id);
    if (own === undefined) {
      throw new SchemaError(
        'newer',
        `the store was written by a newer Berth (it has migration ${name}; this one ends at ` +
          `${known.at(-1)?.name ?? 'none'}): start that version or a later one`,
      );
    }
    if (own.checksum !== checksum) {
      throw new SchemaError('changed', `the store was made with another text of migration ${own.name}`);
    }
  }
  const lastId = applied.at(-1)?.id ?? 0;
  const skipped = known.find(({ id }) => id < lastId && !applied.some((each) => each.id === id));
  if (skipped !== undefined) {
    throw new SchemaError('changed', `the store lacks migration ${skipped.name}, but has later ones`);
  }
  return known.filter(({ id }) => id > lastId);
}
