/** Paths of the repository and of what is built; small helpers for files. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export const root = path.join(import.meta.dirname, '..', '..');
export const distFolder = path.join(root, 'dist');

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly license: string;
  readonly engines: Readonly<Record<string, string>>;
}

export function manifest(): Manifest {
  return JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest;
}

/** The files below a folder of the repository, as paths from its root, in order; none where it is not there. */
export function filesBelow(folder: string): readonly string[] {
  const absolute = path.join(root, folder);
  if (!fs.existsSync(absolute)) return [];
  const entries = fs.readdirSync(absolute, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.relative(root, path.join(entry.parentPath, entry.name))).toSorted();
}

/** Writes a file and the folders above it. */
export function writeFile(file: string, content: string | Uint8Array, mode = 0o644): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  fs.chmodSync(file, mode);
}

export function copyFile(from: string, to: string, mode = 0o644): void {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.copyFileSync(from, to);
  fs.chmodSync(to, mode);
}

/** An empty folder of this name. */
export function emptyFolder(folder: string): string {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

/** A build step that hangs is stopped after this; the slowest compresses a package on a busy machine. */
const STEP_MS_MAX = 10 * 60_000;

/** Runs a program to its end and returns its stdout. Throws with all that it said where it fails. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): string {
  const result = spawnSync(program, args, { ...options, encoding: 'utf8', timeout: STEP_MS_MAX });
  if (result.status === 0) return result.stdout;
  const said = result.error?.message ?? `${result.stdout}${result.stderr}`;
  throw new Error(`${program} ${args.join(' ')}: ${said}`);
}

/**
 * The moment that files in packages carry, s since the epoch, so that the same sources give the same bytes:
 * SOURCE_DATE_EPOCH, else that of the newest commit, else that of the change log.
 */
export function sourceDateS(): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const git = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  if (git.status === 0 && /^\d+\s*$/.test(git.stdout)) return Number(git.stdout);
  return Math.floor(fs.statSync(path.join(root, 'CHANGELOG.md')).mtimeMs / 1000);
}
