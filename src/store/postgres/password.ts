/**
 * The password of the database's role: from a file of its own, from PGPASSWORD, from the URL, or from
 * ~/.pgpass as libpq reads it (PostgreSQL 15, 34.16).
 */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '../../engine/ports.ts';
import type { Address, HostPort } from './url.ts';

/** Where else than in the URL a password may be. */
export interface PasswordSources {
  /** null: there is none. */
  readonly file: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Read anew for each connection, so that a password can be changed without a restart. null: none is known,
 * which is right where the server asks for none. Throws StoreError `refused` for a file that others can read.
 */
export function passwordFor(
  { password, database, user }: Address,
  place: HostPort,
  { file, env }: PasswordSources,
): string | null {
  if (file !== null) return readPrivate(file).replace(/\r?\n$/, '');
  if (env['PGPASSWORD'] !== undefined) return env['PGPASSWORD'];
  if (password !== null) return password;
  const path = env['PGPASSFILE'] ?? join(homedir(), '.pgpass');
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return null;
  const host = place.host.startsWith('/') ? 'localhost' : place.host;
  return passwordIn(readPrivate(path), [host, String(place.port), database, user]);
}

/** The first line of a .pgpass whose fields are these, or `*`. */
export function passwordIn(text: string, wanted: readonly string[]): string | null {
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    // A colon or backslash within a field is written with a backslash before it.
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(
      (match) => match[1]?.replaceAll(/\\(.)/g, '$1') ?? '',
    );
    const found = fields[wanted.length];
    if (found === undefined || fields.length <= wanted.length) continue;
    if (wanted.every((value, index) => fields[index] === '*' || fields[index] === value)) return found;
  }
  return null;
}

function readPrivate(path: string): string {
  let mode: number;
  let text: string;
  try {
    mode = statSync(path).mode;
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError('refused', `the password file cannot be read: ${reason}`);
  }
  if ((mode & 0o077) !== 0) {
    throw new StoreError('refused', `${path} can be read by others: chmod 600 ${path}`);
  }
  return text;
}
