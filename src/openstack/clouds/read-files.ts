/** Finds and parses clouds.yaml, secure.yaml and clouds-public.yaml: the only I/O of this folder. */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { err, ok, type Result } from '../../base/result.ts';
import type { CloudProblem } from './problem.ts';
import { parseLikePython } from './pyyaml.ts';
import { isSettings, type Env, type Settings } from './settings.ts';

export interface CloudFile {
  readonly path: string;
  readonly content: Settings;
}

/** What was found; null: there is no such file. */
export interface CloudFiles {
  readonly clouds: CloudFile | null;
  readonly secure: CloudFile | null;
  readonly vendors: CloudFile | null;
  /** Where clouds.yaml was looked for, first place first. */
  readonly searched: readonly string[];
  /** Files that the environment names and that cannot be read. */
  readonly unread: readonly string[];
}

/** Far more than any clouds.yaml: this is not the file that was meant. */
const FILE_BYTES_MAX = 1024 * 1024;
const SUFFIXES = ['.yaml', '.yml', '.json'];

/**
 * Takes the first readable file of each kind; files are never merged between folders. A file that is there
 * and cannot be understood is a problem. Source: openstacksdk 0.101.0, openstack/config/loader.py.
 */
export function readCloudFiles(env: Env, folder: string): Result<CloudFiles, readonly CloudProblem[]> {
  const folders = searchPath(env, folder);
  const named = [env['OS_CLIENT_CONFIG_FILE'], env['OS_CLIENT_SECURE_FILE']];
  const searched = places('clouds', folders, named[0]);
  const found = [
    searched,
    places('secure', folders, named[1]),
    places('clouds-public', folders, undefined),
  ].map(firstReadable);
  const problems: CloudProblem[] = [];
  const [clouds, secure, vendors] = found.map((file) => {
    if (file === null) return null;
    const parsed = parseFile(file);
    if (parsed.ok) return { path: file.path, content: parsed.value };
    problems.push({ where: file.path, what: parsed.error });
    return null;
  });
  if (problems.length > 0) return err(problems);
  const unread = named.filter(
    (path, index): path is string => path !== undefined && path !== '' && found[index]?.path !== path,
  );
  return ok({ clouds: clouds ?? null, secure: secure ?? null, vendors: vendors ?? null, searched, unread });
}

function searchPath(env: Env, folder: string): readonly string[] {
  const home = set(env['HOME']) ?? homedir();
  const unixHome = set(env['SNAP_REAL_HOME']) ?? home;
  const sites = (set(env['XDG_CONFIG_DIRS']) ?? '/etc/xdg').split(':').filter((site) => site !== '');
  return [
    folder,
    join(set(env['XDG_CONFIG_HOME']) ?? join(home, '.config'), 'openstack'),
    join(unixHome, '.config', 'openstack'),
    ...sites.map((site) => join(site, 'openstack')),
    '/etc/openstack',
  ];
}

function places(base: string, folders: readonly string[], named: string | undefined): readonly string[] {
  const files = folders.flatMap((folder) => SUFFIXES.map((suffix) => join(folder, base + suffix)));
  return [...new Set(set(named) === undefined ? files : [named ?? '', ...files])];
}

interface FoundFile {
  readonly path: string;
  /** null: larger than any file that could be meant. */
  readonly text: string | null;
}

/** Any failure to read leads to the next place, as it does in the Python clients. */
function firstReadable(paths: readonly string[]): FoundFile | null {
  for (const path of paths) {
    try {
      const isTooLarge = statSync(path).size > FILE_BYTES_MAX;
      return { path, text: isTooLarge ? null : readFileSync(path, 'utf8') };
    } catch {
      continue;
    }
  }
  return null;
}

function parseFile({ path, text }: FoundFile): Result<Settings, string> {
  if (text === null) return err(`larger than ${FILE_BYTES_MAX} bytes`);
  const parsed = parseLikePython(text, path.endsWith('json') ? 'json' : 'yaml');
  if (!parsed.ok) return parsed;
  if (parsed.value === null || parsed.value === undefined) return ok({});
  return isSettings(parsed.value) ? ok(parsed.value) : err('the file is not a map of keys to values');
}

function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
