/** The Node that goes into packages: the one that package-lock.json pins, for this machine or another. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { distFolder, emptyFolder, root, run } from './files.ts';

/** Architectures as Node names them. */
export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export interface NodeBinary {
  readonly program: string;
  /** Text of its licence, which covers what it contains. */
  readonly licenseFile: string;
}

interface LockEntry {
  readonly version: string;
  readonly integrity: string;
}

/**
 * Where the pinned Node for Linux on this architecture is. Where node_modules has it not, since this machine
 * is another, the package is fetched by npm and its hash compared with that of package-lock.json.
 */
export function pinnedNode(architecture: Architecture): NodeBinary {
  const name = `node-linux-${architecture}`;
  const installed = path.join(root, 'node_modules', name);
  const entry = lockEntry(name);
  const manifest = path.join(installed, 'package.json');
  if (fs.existsSync(manifest) && fs.readFileSync(manifest, 'utf8').includes(`"${entry.version}"`)) {
    return binaryIn(installed);
  }
  const folder = emptyFolder(path.join(distFolder, name));
  run('npm', ['pack', '--ignore-scripts', '--silent', `${name}@${entry.version}`], { cwd: folder });
  const [archive = ''] = fs.readdirSync(folder);
  const file = path.join(folder, archive);
  const hash = createHash('sha512').update(fs.readFileSync(file)).digest('base64');
  if (entry.integrity !== `sha512-${hash}`) {
    throw new Error(`${archive} has another hash than package-lock.json says: sha512-${hash}`);
  }
  run('tar', ['-xzf', file, '-C', folder]);
  return binaryIn(path.join(folder, 'package'));
}

function binaryIn(folder: string): NodeBinary {
  return { program: path.join(folder, 'bin', 'node'), licenseFile: path.join(folder, 'LICENSE') };
}

function lockEntry(name: string): LockEntry {
  const lock = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockEntry>>;
  };
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`package-lock.json does not pin ${name}`);
  return entry;
}
