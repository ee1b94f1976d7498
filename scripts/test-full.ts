// `npm run test:full`: the tests of `npm test` and those under test/full, which need more than this checkout.
// What they need is provided first, as far as this machine allows; a provision that cannot be had fails the
// run.
//
// `--only-full` leaves out what `npm test` covers; everything else goes to vitest.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { DEBIAN_ROOT, installDebian } from '../test/support/debian.ts';
import { TEST_CLOUD_STATE } from '../test/support/real-cloud.ts';

const root = path.dirname(import.meta.dirname);
const bootstrap = path.join(import.meta.dirname, 'bootstrap.mjs');
const fullFolder = path.join(root, 'test', 'full');

/** Something outside the checkout that tests need. */
interface Provision {
  readonly name: string;
  /** Whether a test file with this text needs it. */
  readonly isNeededBy: (source: string) => boolean;
  readonly isPresent: () => boolean;
  /** Runs as root where the machine lets us; throws when it fails. */
  readonly install: () => void;
  /**
   * The variable that tells the tests why they cannot run here, where a machine without package mirrors is no
   * failure of ours; absent: it is one.
   */
  readonly absence?: string;
}

const provisions: readonly Provision[] = [
  {
    name: 'Chromium',
    isNeededBy: (source) => /\bplaywright-core\b|\bchromium\b/.test(source),
    isPresent: () => isOnPath('chromium'),
    install: () => installFromDebian('chromium'),
  },
  {
    name: 'openstacksdk',
    isNeededBy: (source) => source.includes('askOpenstackSdk'),
    isPresent: () => fs.existsSync('/usr/lib/python3/dist-packages/openstack/config'),
    install: () => installFromDebian('python3-openstacksdk'),
  },
  {
    name: 'PostgreSQL',
    isNeededBy: (source) => source.includes('PostgresServer'),
    isPresent: () => fs.existsSync('/usr/lib/postgresql/15/bin/postgres'),
    install: () => installFromDebian('postgresql-15'),
  },
  {
    name: 'cloud-init',
    isNeededBy: (source) => source.includes('askCloudInit'),
    isPresent: () => fs.existsSync('/usr/lib/python3/dist-packages/cloudinit') && isOnPath('cloud-init'),
    install: () => installFromDebian('cloud-init'),
  },
  {
    name: 'OpenStack',
    isNeededBy: (source) => /\bstartRealCloud\b/.test(source),
    isPresent: () =>
      ['nova', 'neutron', 'keystone', 'placement', 'glance', 'openstackclient'].every(isInPython),
    install: () => runScript(path.join(root, 'dev', 'openstack', 'up'), '--packages'),
    absence: 'BERTH_NO_OPENSTACK',
  },
  {
    name: 'debootstrap',
    isNeededBy: (source) => /\bstartDebian\b/.test(source),
    isPresent: () => fs.existsSync(DEBIAN_ROOT) || isOnPath('debootstrap'),
    install: () => installFromDebian('debootstrap'),
    absence: 'BERTH_NO_DEBIAN',
  },
  {
    name: 'a Debian to install into',
    isNeededBy: (source) => /\bstartDebian\b/.test(source),
    isPresent: () => fs.existsSync(DEBIAN_ROOT),
    install: installDebian,
    absence: 'BERTH_NO_DEBIAN',
  },
];

function isInPython(name: string): boolean {
  return fs.existsSync(path.join('/usr/lib/python3/dist-packages', name));
}

function runScript(file: string, ...args: string[]): void {
  const run = spawnSync(file, args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${file}: ${run.error?.message ?? `${run.stdout}${run.stderr}`}`);
}

function isOnPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  return folders.some((folder) => fs.existsSync(path.join(folder, program)));
}

/** Installs Debian packages without questions. Throws with the whole output when that fails. */
function installFromDebian(...packages: string[]): void {
  if (process.getuid?.() !== 0)
    throw new Error(`not root: install ${packages.join(', ')} with apt-get and try again`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', ...packages]]) {
    const run = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (run.status === 0) continue;
    throw new Error(`apt-get ${args.join(' ')}: ${run.error?.message ?? `${run.stdout}${run.stderr}`}`);
  }
}

function provide(sources: readonly string[]): void {
  for (const provision of provisions) {
    if (!sources.some(provision.isNeededBy) || provision.isPresent()) continue;
    console.log(`test:full: installing ${provision.name} …`);
    try {
      provision.install();
      if (!provision.isPresent())
        throw new Error(`${provision.name} is still missing after its installation`);
    } catch (error) {
      if (provision.absence === undefined) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      console.error(`test:full: ${provision.name} cannot be had, its tests are skipped: ${reason}`);
      process.env[provision.absence] = reason.split('\n')[0] ?? '';
    }
  }
}

/** The text of all files below test/full, helpers included. */
function readSources(): string[] {
  if (!fs.existsSync(fullFolder)) return [];
  const names = fs.readdirSync(fullFolder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith('.ts'));
  return files.map((name) => fs.readFileSync(path.join(fullFolder, name), 'utf8'));
}

const given = process.argv.slice(2);
const onlyFull = given.includes('--only-full');
const passedOn = given.filter((argument) => argument !== '--only-full');
const sources = readSources();
provide(sources);
const projects = onlyFull ? ['--project', 'full'] : ['--project', 'fast', '--project', 'full'];
// Nothing under test/full yet is no failure; files there without a test still are.
const mayBeEmpty = sources.length === 0 ? ['--passWithNoTests'] : [];
const vitest = ['tool', 'vitest', 'run', ...projects, ...mayBeEmpty, ...passedOn];
const run = spawnSync(process.execPath, [bootstrap, ...vitest], { stdio: 'inherit', cwd: root });
if (fs.existsSync(TEST_CLOUD_STATE)) {
  // Its data stay: the next run starts it in seconds.
  const env = { ...process.env, OPENSTACK_STATE: TEST_CLOUD_STATE };
  spawnSync(path.join(root, 'dev', 'openstack', 'down'), { env, stdio: 'ignore' });
}
process.exit(run.status ?? 1);
