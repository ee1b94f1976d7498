/**
 * The Debian package: the program and the Node that it is tested with below /usr/lib/berth, since Debian 12
 * has an older one. Made by dpkg-deb from the files of deploy/, the same sources giving the same bytes.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { completionFiles } from './completions.ts';
import { copyFile, distFolder, emptyFolder, manifest, root, run, sourceDateS, writeFile } from './files.ts';
import { manPages } from './man/pages.ts';
import { pinnedNode, type Architecture, type NodeBinary } from './node-binary.ts';
import { NOTICES_FILE, writeProgram } from './program.ts';

const DEBIAN_NAMES: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/** What the pinned Node is linked with; `objdump -T` shows it. */
const DEPENDS = 'adduser, libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 5.2)';

const MAINTAINER = 'The Berth authors <berth@berth.invalid>';

const NODE_LICENSE_FILE = 'NODE-LICENSE.txt';
const COPYRIGHT = `Berth is copyright of its authors and licensed under the Apache License,
version 2.0: see /usr/share/common-licenses/Apache-2.0.

It contains other works under their own licences:
  packages of JavaScript: ${NOTICES_FILE} beside this file;
  Node.js, as /usr/lib/berth/node: ${NODE_LICENSE_FILE} beside this file.
`;

/**
 * How it is compressed: xz is a fifth smaller than zstd, and takes five times as long for Node; none is for
 * tests, which unpack it once.
 */
const COMPRESSION = { zstd: ['-Zzstd', '-z12'], none: ['-Znone'] } as const;

interface DebOptions {
  /** Default: dist. */
  readonly folder?: string;
  readonly compression?: keyof typeof COMPRESSION;
}

/** Makes berth_VERSION_ARCH.deb and returns its path. */
export async function buildDeb(architecture: Architecture, options: DebOptions = {}): Promise<string> {
  const { folder: target = distFolder, compression = 'zstd' } = options;
  const debian = DEBIAN_NAMES[architecture];
  const version = debianVersion(manifest().version);
  const folder = emptyFolder(path.join(target, `deb-${debian}`));
  const node = pinnedNode(architecture);
  await writeProgram(path.join(folder, 'usr/lib/berth'));
  writeSystemFiles(folder, node);
  writeDocuments(folder, version, node);
  writeControl(folder, version, debian);
  const file = path.join(target, `berth_${version}_${debian}.deb`);
  run('env', [
    `SOURCE_DATE_EPOCH=${sourceDateS()}`,
    'dpkg-deb',
    '--root-owner-group',
    ...COMPRESSION[compression],
    '--build',
    folder,
    file,
  ]);
  return file;
}

/** `1.0.0-rc.1` → `1.0.0~rc.1-1`, which is older than `1.0.0-1`. */
function debianVersion(version: string): string {
  return `${version.replace('-', '~')}-1`;
}

function writeSystemFiles(folder: string, node: NodeBinary): void {
  const deploy = path.join(root, 'deploy');
  const place = (from: string, to: string, mode?: number): void =>
    copyFile(path.join(deploy, from), path.join(folder, to), mode);
  const program = path.join(folder, 'usr/lib/berth');
  copyFile(node.program, path.join(program, 'node'), 0o755);
  const { name, version } = manifest();
  writeFile(path.join(program, 'package.json'), `${JSON.stringify({ name, version, type: 'module' })}\n`);
  place('debian/berth', 'usr/bin/berth', 0o755);
  place('debian/berth.yaml', 'etc/berth/berth.yaml');
  place('debian/berth.default', 'etc/default/berth');
  place('systemd/berth.service', 'usr/lib/systemd/system/berth.service');
  place('debian/lintian-overrides', 'usr/share/lintian/overrides/berth');
  for (const [to, text] of completionFiles()) writeFile(path.join(folder, to), text);
}

function writeDocuments(folder: string, version: string, node: NodeBinary): void {
  const documents = path.join(folder, 'usr/share/doc/berth');
  const program = path.join(folder, 'usr/lib/berth');
  for (const [page, text] of manPages()) {
    const section = page.slice(page.lastIndexOf('.') + 1);
    writeFile(path.join(folder, `usr/share/man/man${section}`, `${page}.gz`), compressed(text));
  }
  writeFile(path.join(documents, 'copyright'), COPYRIGHT);
  fs.renameSync(path.join(program, NOTICES_FILE), path.join(documents, NOTICES_FILE));
  copyFile(node.licenseFile, path.join(documents, NODE_LICENSE_FILE));
  // Apache-2.0 is on every Debian.
  fs.rmSync(path.join(program, 'LICENSE'));
  writeFile(
    path.join(documents, 'changelog.gz'),
    compressed(fs.readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8')),
  );
  const date = new Date(sourceDateS() * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `berth (${version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${MAINTAINER}  ${date}\n`;
  writeFile(path.join(documents, 'changelog.Debian.gz'), compressed(entry));
}

function writeControl(folder: string, version: string, architecture: string): void {
  const deploy = path.join(root, 'deploy/debian');
  const control = path.join(folder, 'DEBIAN');
  const installed = filesIn(folder);
  const sizeKiB = installed.reduce((sum, file) => sum + Math.ceil(fs.statSync(file).size / 1024), 0);
  const fields = [
    'Package: berth',
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${sizeKiB}`,
    `Depends: ${DEPENDS}`,
    'Recommends: ca-certificates, openssh-client',
    'Section: admin',
    'Priority: optional',
    'Description: lends GPUs of an OpenStack cloud or of Linux machines for a limited time',
    ' Berth turns the GPUs of an OpenStack cloud, or of a few Linux machines, into a',
    ' service that answers four questions: which GPUs are there, which are free and',
    ' when, give me one, take it back. It is one process with its own store; people',
    ' and programs reach it through a command line and an HTTP API.',
    ' .',
    ' This package has both, the server and the command line.',
  ];
  const sums = installed.map((file) => {
    const hash = createHash('md5').update(fs.readFileSync(file)).digest('hex');
    return `${hash}  ${path.relative(folder, file)}\n`;
  });
  writeFile(path.join(control, 'control'), `${fields.join('\n')}\n`);
  writeFile(path.join(control, 'md5sums'), sums.join(''));
  writeFile(path.join(control, 'conffiles'), '/etc/berth/berth.yaml\n/etc/default/berth\n');
  for (const script of ['postinst', 'prerm', 'postrm']) {
    copyFile(path.join(deploy, script), path.join(control, script), 0o755);
  }
}

function filesIn(folder: string): readonly string[] {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.join(entry.parentPath, entry.name)).toSorted();
}

/** As `gzip -9n`: without name and time. */
function compressed(text: string): Buffer {
  return gzipSync(text, { level: 9 });
}
